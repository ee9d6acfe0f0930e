"""How plugins can affect the start, the signals and the stop of the daemon, and what the log says about it."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import requests

from harness.session import Session, request, upgrade_request
from harness.tab import PATIENCE
from server import BINARY

#: Milliseconds a daemon of these tests has to stop, and seconds until it must have ended: the deadline, a second more,
#: and one for a busy machine.
DEADLINE, END = 2_000, 4


class Process:
    """A daemon that may never log that it listens, because a plugin blocks, and whose exit code is tested."""

    def __init__(self, folder, plugins, **settings):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.images = Path(folder) / "images"
        self.images.mkdir(exist_ok=True)
        limits = {"shutdownDeadline": DEADLINE, **settings.pop("limits", {})}
        file = Path(folder) / "life.yaml"
        file.write_text(
            json.dumps(
                {"auth": False, "cors": False, "port": self.port, "plugins": plugins, "limits": limits, **settings}
            )
        )
        self.output, self._log = Path(folder) / "life.out", Path(folder) / "life.log"
        with self.output.open("w") as output, self._log.open("w") as log:
            self.process = subprocess.Popen(
                [str(BINARY), "serve", "--config", str(file)],
                cwd=folder,
                stdout=output,
                stderr=log,
                env={**os.environ, "TMPDIR": str(self.images)},
            )

    @property
    def log(self):
        return self._log.read_text()

    def get(self, path):
        return requests.get(self.address + path, timeout=PATIENCE)

    def until(self, condition, patience=PATIENCE):
        """Waits until `condition` returns a true value, and returns it."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            try:
                if found := condition():
                    return found
            except requests.exceptions.ConnectionError:
                pass
            time.sleep(0.02)
        raise AssertionError(self.log)

    def answered(self, path, status, patience=PATIENCE):
        """The first answer with this status."""

        def ask():
            answer = self.get(path)
            return answer if answer.status_code == status else None

        return self.until(ask, patience)

    def logged(self, pattern, patience=PATIENCE):
        return self.until(lambda: re.search(pattern, self.log), patience)

    def up(self):
        """{plugin: 1 or 0}"""
        return {
            name: int(value)
            for name, value in re.findall(r'jackfield_plugin_up\{plugin="([^"]+)"\} (\d)', self.get("/metrics").text)
        }

    def stop(self, number=signal.SIGTERM):
        """Its exit code, and the seconds from the signal to its end."""
        began = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(30)
        return code, time.monotonic() - began

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def run(tmp_path, compiled):
    """Starts a daemon with life plugins: `run({"block": "create"}, {"name": "other"})`."""
    processes = []

    def start(*configurations, **settings):
        plugins = []
        for number, configuration in enumerate(configurations):
            library = tmp_path / f"life{number}.so"
            shutil.copy(compiled("life/life.c"), library)
            plugins.append(
                {"path": str(library), "config": configuration, "required": configuration.pop("required", False)}
            )
        processes.append(Process(tmp_path, plugins, **settings))
        return processes[-1]

    yield start
    for process in processes:
        process.close()


# ---- the start


def test_the_daemon_listens_before_its_plugins_are_loaded_and_opens_no_session_until_they_are(run):
    daemon = run({"block": "create", "ms": 3_000, "admit": "members only"})
    assert daemon.answered("/healthz", 200)
    # As soon as the plugin has described itself.
    assert daemon.until(lambda: daemon.get("/readyz").json()["reasons"] == ["plugin 'life' is loading"])
    assert daemon.get("/readyz").status_code == 503
    assert daemon.up() == {"life": 0}
    # A client that connected now would not be checked by the admit hook that is still being loaded.
    for transport in ("polling", "websocket"):
        query = f"EIO=4&transport={transport}"
        answer = request(daemon.port, query=query) if transport == "polling" else upgrade_request(daemon.port, query)
        assert (answer.status, dict(answer.headers).get("retry-after")) == (503, "1"), transport
    missing = daemon.get("/v1/of-a-plugin")
    assert missing.status_code == 503 and missing.headers["retry-after"] == "1"
    assert "listening on" not in daemon.output.read_text()
    assert daemon.logged(r"create has been running for 1\.\d s")

    daemon.answered("/readyz", 200)
    assert daemon.up() == {"life": 1}
    assert daemon.get("/v1/of-a-plugin").status_code == 404
    for transport in ("polling", "websocket"):
        assert Session(daemon.port, transport).connected == '44{"message":"members only"}'
    assert daemon.until(lambda: "listening on" in daemon.output.read_text())
    # Two sessions and a route.
    assert re.search(r'jackfield_refusals_total\{at="http",reason="unavailable"\} 3\b', daemon.get("/metrics").text)
    assert daemon.stop()[0] == 0


def test_a_plugin_that_blocks_is_overtaken_and_its_hooks_keep_their_place(run):
    daemon = run(
        {"name": "first", "block": "create", "ms": 4_000, "admit": "the first says no"},
        {"name": "second", "admit": "the second says no"},
    )
    daemon.answered("/healthz", 200)
    daemon.until(lambda: daemon.up() == {"first": 0, "second": 1}, 3.5)
    daemon.answered("/readyz", 200)
    assert Session(daemon.port, "websocket").connected == '44{"message":"the first says no"}'
    assert daemon.stop()[0] == 0


def test_a_plugin_that_never_comes_back_is_given_up_after_its_deadline_and_the_others_serve(run):
    daemon = run({"name": "first", "block": "start"}, {"name": "second"}, limits={"startDeadline": 2_000})
    assert daemon.until(lambda: "listening on" in daemon.output.read_text())
    ready = daemon.get("/readyz")
    assert ready.status_code == 503
    assert (
        len(ready.json()["reasons"]) == 1
        and "start did not return in time: a plugin has 2000 ms to load" in ready.json()["reasons"][0]
    )
    assert daemon.up() == {"first": 0, "second": 1}
    assert Session(daemon.port, "websocket").connected.startswith("40")
    code, seconds = daemon.stop()
    assert code == 1 and seconds < END


def test_ready_names_every_configured_plugin_that_is_not_there(run, tmp_path):
    daemon = run({"name": "good"}, {"name": "broken", "block": "nowhere"})
    daemon.close()
    shutil.copy("/bin/sh", tmp_path / "sh.so")
    daemon = Process(
        tmp_path,
        [
            {"path": str(tmp_path / "life0.so")},
            {"path": str(tmp_path / "sh.so")},
            {"path": str(tmp_path / "nowhere.so")},
        ],
    )
    try:
        assert daemon.until(lambda: "listening on" in daemon.output.read_text())
        ready = daemon.get("/readyz")
        assert ready.status_code == 503
        reasons = ready.json()["reasons"]
        assert len(reasons) == 2 and "sh.so" in reasons[0] and "there is no such file" in reasons[1]
        assert daemon.up() == {"life": 1, "sh": 0, "nowhere": 0}
        assert daemon.stop()[0] == 0
    finally:
        daemon.close()


def test_a_required_plugin_that_fails_ends_a_daemon_that_listens_while_others_still_load(run, tmp_path):
    daemon = run({"name": "first", "block": "create"}, {"name": "second"}, limits={"startDeadline": 60_000})
    daemon.close()
    plugins = [
        {"path": str(tmp_path / "life0.so"), "config": {"block": "create"}},
        {"path": str(tmp_path / "nowhere.so"), "required": True},
    ]
    daemon = Process(tmp_path, plugins)
    try:
        assert daemon.process.wait(PATIENCE) == 1
        assert "nowhere.so" in daemon.log and "it is required" in daemon.log
    finally:
        daemon.close()


def test_a_port_in_use_is_said_in_words(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [str(BINARY), "serve", "--host", "127.0.0.1", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            cwd=tmp_path,
            env={"JWT_SECRET": "0123456789abcdef0123456789abcdef"},
        )
    assert done.returncode == 1
    assert (
        f"Error: port {port} on 127.0.0.1 is in use: stop the other program, or choose another with --port\n"
        in done.stderr
    )


# ---- the stop


@pytest.mark.parametrize("where", ["main", "create", "start", "stop", "destroy"])
def test_a_stop_keeps_its_deadline_whatever_a_plugin_blocks_and_names_what_held_it(run, where):
    daemon = run({"block": where}, {"name": "second"})
    if where in ("stop", "destroy"):
        daemon.answered("/readyz", 200)
    else:
        daemon.answered("/healthz", 200)
        daemon.logged(rf"{'jf_plugin_main' if where == 'main' else where} has been running for")
    code, seconds = daemon.stop()
    assert seconds < END, daemon.log
    assert code == 1, daemon.log
    callback = "jf_plugin_main" if where == "main" else where
    assert re.search(rf"ERROR .*plugin 'life0?'.*{callback} has been running for \d+\.\d s", daemon.log), daemon.log
    # The other plugin was unloaded normally.
    assert "it is destroyed" in daemon.log
    assert list(daemon.images.iterdir()) == []


def test_a_stop_keeps_its_deadline_while_an_inline_handler_holds_a_loop_and_closes_the_other_clients(run):
    daemon = run({}, eventLoops=2)
    daemon.answered("/readyz", 200)
    # Connections are assigned to the loops in rotation.
    sessions = [Session(daemon.port, "websocket") for _ in range(6)]
    sessions[0].send('42["block-inline",3600000]')
    daemon.logged(
        r"the inline handler of 'block-inline' of '/' has been running for 1\.\d s on loop \d, whose other sockets wait"
    )
    code, seconds = daemon.stop()
    assert seconds < END, daemon.log
    assert code == 1, daemon.log
    assert re.search(
        r"ERROR .*the inline handler of 'block-inline' of '/' has been running for \d+\.\d s on loop", daemon.log
    )
    closed = 0
    for session in sessions[1:]:
        with contextlib.suppress(Exception):
            closed += "close" in session.way.socket.next(time.monotonic() + 1)
    assert closed >= 2, "clients of the other loop are closed as they should be"


def test_a_stop_keeps_its_deadline_while_a_handler_holds_its_strand(run):
    daemon = run({})
    daemon.answered("/readyz", 200)
    session = Session(daemon.port, "websocket")
    session.send('42["block",3600000]')
    time.sleep(0.5)
    code, seconds = daemon.stop()
    assert seconds < END and code == 1, daemon.log
    assert re.search(r"ERROR .*the handler of 'block' of '/' has been running for [2-9]\.\d s", daemon.log), daemon.log


def test_what_a_plugin_registered_for_the_exit_cannot_hold_it_up(run):
    daemon = run({"block": "atexit"})
    daemon.answered("/readyz", 200)
    code, seconds = daemon.stop()
    assert seconds < END and code == 1, daemon.log


# ---- signals


def test_a_broken_pipe_in_create_ends_nobody(run):
    daemon = run({"pipe": True})
    assert daemon.answered("/readyz", 200)
    assert daemon.stop()[0] == 0


def test_a_plugin_that_takes_the_hosts_signals_is_named_and_the_stop_works_all_the_same(run):
    daemon = run({"name": "greedy", "handler": True, "fault": True})
    daemon.answered("/readyz", 200)
    for name in ("SIGTERM", "SIGPIPE"):
        assert re.search(
            rf"WARNING create changed what the process does on {name}, which is the host's.* plugin=greedy", daemon.log
        ), daemon.log
    # A handler of a language runtime: Go needs its own, for example.
    assert re.search(r"INFO    create changed what the process does on SIGSEGV plugin=greedy", daemon.log)
    code, seconds = daemon.stop()
    assert code == 0 and seconds < END, daemon.log


def test_a_child_of_a_plugin_finds_no_signal_blocked(run):
    daemon = run({"mask": True})
    daemon.answered("/readyz", 200)
    session = Session(daemon.port, "websocket")
    for event in ("child", "child-inline", "child-thread"):
        session.send(f'420["{event}"]')
        assert session.receive() == '430["0000000000000000"]', event
    assert "create left signals" in daemon.log
    assert daemon.stop()[0] == 0


def test_sighup_ends_nothing(run):
    daemon = run({})
    daemon.answered("/readyz", 200)
    for _ in range(2):
        daemon.process.send_signal(signal.SIGHUP)
        time.sleep(0.2)
    assert daemon.logged("reload: the configuration has not changed")
    assert daemon.get("/readyz").status_code == 200
    assert daemon.stop(signal.SIGINT)[0] == 0


# ---- debuggers


def test_a_plugin_is_mapped_from_a_file_that_is_removed_at_the_end(run):
    daemon = run({})
    daemon.answered("/readyz", 200)
    mapped = [line for line in Path(f"/proc/{daemon.process.pid}/maps").read_text().splitlines() if "life0" in line]
    assert mapped and all(line.endswith("/life0-1.so") and str(daemon.images) in line for line in mapped), mapped
    assert daemon.stop()[0] == 0
    assert list(daemon.images.iterdir()) == []
