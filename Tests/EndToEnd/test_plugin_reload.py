"""An operator replaces plugins of a running daemon by new versions, while clients stay connected."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.tab import PATIENCE

TESTS = Path(__file__).resolve().parent.parent
COUNTER = TESTS.parent / "samples/counter-c/counter.c"


@pytest.fixture
def counter(serve, tmp_path):
    """A daemon with the sample counter-c, and a function that compiles it again with another version."""

    def build(version, *flags):
        source = tmp_path / "counter.c"
        source.write_text(COUNTER.read_text().replace('"counter", "1.0.0"', f'"counter", "{version}"'))
        # As compilers and installers do: a new file, moved over the old one.
        made, library = tmp_path / "made.so", tmp_path / "counter.so"
        command = ["cc", "-shared", "-fPIC", "-I", str(TESTS.parent / "include"), "-o", str(made), *flags, str(source)]
        subprocess.run(command, check=True)
        shutil.move(made, library)
        return str(library)

    daemon = serve(plugins=[{"path": build("1.0.0")}])
    return daemon, build


def test_a_new_version_goes_on_counting_and_answers_who_waits(counter):
    daemon, build = counter
    alice, bob = daemon.person("alice").open_tab(), daemon.person("bob").open_tab(transports=["polling"])
    assert [alice.call("count"), alice.call("count")] == [1, 2]
    answers = []
    bob.client.emit("wait", callback=answers.append)
    while daemon.operate("plugin", "list")["plugins"][0]["kept_tokens"] == 0:
        pass
    build("1.1.0")
    answer = daemon.operate("plugin", "reload", "counter")
    assert (answer["before"], answer["plugin"]["version"], answer["tokens"], answer["state_bytes"]) == (
        "1.0.0",
        "1.1.0",
        1,
        8,
    )
    assert "warning" not in answer
    assert alice.call("count") == 3
    until = time.monotonic() + PATIENCE
    while not answers and time.monotonic() < until:
        time.sleep(0.01)
    assert answers == [3]
    assert not alice.disconnects and not bob.disconnects
    code, text, errors = daemon.control("plugin", "reload", "counter")
    assert (code, errors) == (0, "")
    assert text.startswith("reloaded counter 1.1.0 -> 1.1.0 from ") and "8 bytes of state, 0 kept tokens" in text
    assert 'jackfield_plugin_reloads_total{plugin="counter"} 2' in daemon.get("/metrics").text


def test_a_version_that_would_crash_the_daemon_is_refused_and_the_running_one_goes_on(counter):
    daemon, build = counter
    alice = daemon.person("alice").open_tab()
    assert alice.call("count") == 1
    library = Path(build("1.1.0"))
    crash = library.with_name("crash.c")
    crash.write_text("#include <stdlib.h>\n__attribute__((constructor)) static void crash(void) { abort(); }\n")
    made = library.with_name("made.so")
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-I", str(TESTS.parent / "include"), "-o", str(made), str(crash), str(COUNTER)],
        check=True,
    )
    shutil.move(made, library)
    code, _, errors = daemon.control("plugin", "reload", "counter")
    assert code == 1
    assert (
        "was not reloaded, and the running version 1.0.0 goes on: tried in a process of its own, it crashed" in errors
    )
    assert alice.call("count") == 2
    assert 'jackfield_plugin_reloads_failed_total{plugin="counter"} 1' in daemon.get("/metrics").text
    assert not alice.disconnects


def test_a_name_that_is_not_loaded_is_answered_with_the_nearest_one(counter):
    daemon, _ = counter
    code, _, errors = daemon.control("plugin", "reload", "countr")
    assert (code, errors.count("did you mean 'counter'?")) == (1, 1)


def test_notifications_and_rooms_are_reloaded_under_their_clients(daemon):
    alice, bob = daemon.person("alice").open_tab(), daemon.person("bob").open_tab()
    room = alice.call("room:create", {"name": "x"})["id"]
    alice.call("room:join", {"room": room})
    bob.call("room:join", {"room": room})
    for number in range(3):
        for plugin in ("notifications", "rooms"):
            assert daemon.operate("plugin", "reload", plugin)["plugin"]["state"] == "running"
        assert alice.call("room:message", {"room": room, "body": f"{number}"})["body"] == f"{number}"
        assert bob.expect("room:message")["body"] == f"{number}"
        assert alice.call("room:invite", {"room": room, "user": "bob"})["notified"] is True
        assert bob.expect("notification:new")["type"] == "room:invite"
    assert daemon.get("/readyz").status_code == 200
    assert not alice.disconnects and not bob.disconnects


def test_under_load_no_event_is_lost_and_faulty_versions_change_nothing():
    done = subprocess.run(
        [
            sys.executable,
            str(TESTS / "Reloads/reloads.py"),
            *("--sockets", "200", "--rate", "500", "--reloads", "10", "--faults", "1"),
        ],
        capture_output=True,
        text=True,
        timeout=20 * PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
