"""What section 2 of the header promises about threads and signals."""

import json
import re
import shutil
import time

import pytest

from harness.session import Session
from test_plugin_life import Process

#: Every kind of callback that the header tags [strand], or [run] with the default mode; and the constructor.
KINDS = {
    *("constructor", "jf_plugin_main", "create", "start", "ready", "stop", "destroy"),
    *("admit", "connected", "disconnecting", "disconnected", "event", "request", "presence"),
    *("posted", "timer", "declared timer", "free", "fetched", "members", "answer", "answers"),
}


@pytest.fixture
def run(tmp_path, compiled):
    """Starts a daemon with the plugin Tests/Fixtures/threads: `run({"path": …}, …)` adds others."""
    processes = []

    def start(*others):
        library = tmp_path / "threads.so"
        shutil.copy(compiled("threads/threads.c"), library)
        processes.append(Process(tmp_path, [{"path": str(library)}, *others], presence={"gracePeriod": 50}))
        processes[-1].answered("/readyz", 200)
        return processes[-1]

    yield start
    for process in processes:
        process.close()


def ask(session, event):
    """The ack of an event."""
    session.send(f'42{7}["{event}"]')
    while not (packet := session.receive()).startswith("437"):
        if packet == "2":
            session.send("3")
    return json.loads(packet[3:])


def test_every_callback_of_the_strand_runs_on_one_thread_from_the_constructor_to_destroy(run):
    daemon = run()
    session = Session(daemon.port, "websocket")
    ask(session, "all")
    assert daemon.answered("/v1/thread", 204)
    daemon.logged("answers on thread")
    session.send("41")
    daemon.logged("disconnected on thread")
    # The user goes offline after the grace period; `ready` is called every two seconds.
    daemon.logged("presence on thread")
    daemon.logged("ready on thread")
    assert daemon.stop()[0] == 0
    assert "on another thread" not in daemon.log
    threads = dict(re.findall(r"INFO    ([a-z_ ]+) on thread (\d+) plugin=threads", daemon.log))
    assert set(threads) == KINDS
    assert len(set(threads.values())) == 1, threads


@pytest.mark.parametrize("event", ["signals", "signals-lane"])
def test_a_child_that_a_callback_spawns_has_no_signal_blocked(run, event):
    daemon = run()
    assert ask(Session(daemon.port, "websocket"), event) == ["0000000000000000"]
    assert daemon.stop()[0] == 0


def test_a_handler_that_a_callback_installs_is_removed_within_a_second_and_its_plugin_is_named(run, compiled):
    daemon = run({"path": compiled("quiet/quiet.c")})
    session = Session(daemon.port, "websocket")
    ask(session, "take")
    began = time.monotonic()
    daemon.logged(
        r"WARNING a function of this plugin changed what the process does on SIGTERM, which is the host's; the host "
        r"has restored it plugin=threads"
    )
    # Checked once a second; the rest is for a busy machine.
    assert time.monotonic() - began < 5
    # Nobody knows who ignores a signal: there is no function that would tell.
    ask(session, "ignore")
    daemon.logged(
        r"one of the plugins 'threads', 'quiet' changed what the process does on SIGTERM, which is the host's"
    )
    assert daemon.stop()[0] == 0
