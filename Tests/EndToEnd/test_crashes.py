"""What the daemon writes when a plugin ends the process, what the next start knows of it, and what a debugger shows."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from harness.session import Session
from harness.tab import PATIENCE
from test_plugin_life import Process


def functions(library):
    """Where the code of each function is, and how large it is: {name: (offset, size)}."""
    listing = subprocess.run(["nm", "-S", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^([0-9a-f]+) ([0-9a-f]+) [tT] (crash_\w+)$", listing, re.MULTILINE)
    return {name: (int(start, 16), int(size, 16)) for start, size, name in found}


def build_id(library):
    notes = subprocess.run(["readelf", "-n", library], capture_output=True, text=True, check=True).stdout
    return re.search(r"Build ID: ([0-9a-f]+)", notes).group(1)


class Crash:
    """A daemon with the plugin Tests/Fixtures/crash, which crashes."""

    def __init__(self, folder, library, backtrace="enable=no", environment=None, plugin=None, **settings):
        before = dict(os.environ)
        os.environ.update(SWIFT_BACKTRACE=backtrace, **(environment or {}))
        try:
            self.daemon = Process(folder, [{"path": library, **(plugin or {})}], **settings)
        finally:
            os.environ.clear()
            os.environ.update(before)
        self.folder, self.library = folder, library
        self.copy = None

    def send(self, event):
        self.daemon.answered("/readyz", 200)
        Session(self.daemon.port, "websocket").send(json.dumps([event]).join(["42", ""]))
        return self

    def ended_by(self, number):
        assert self.daemon.process.wait(PATIENCE) == -number, self.daemon.log
        lines = [line for line in self.daemon.log.splitlines() if "fatal: " in line]
        assert len(lines) == 1, self.daemon.log
        return lines[0]

    def records(self):
        return [json.loads(line) for line in (self.folder / "data/jackfield.crash").read_text().splitlines()]


@pytest.fixture
def crash(tmp_path, compiled):
    """Starts a daemon that will crash: `crash(plugin={"config": {...}})`."""
    started = []

    def start(**options):
        library = tmp_path / "bad.so"
        if not library.exists():
            shutil.copy(compiled("crash/crash.cpp"), library)
        started.append(Crash(tmp_path, str(library), **options))
        return started[-1]

    yield start
    for one in started:
        one.daemon.close()


def check(line, crashed, number, place, code):
    """The whole line, with `place` for the callback and the thread, and `code` for the function that failed."""
    name = signal.Signals(number).name
    address = " at address 0x[0-9a-f]+" if number in (signal.SIGSEGV, signal.SIGBUS) else ""
    match = re.fullmatch(
        rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z CRITICAL fatal: {name}{address} in plugin 'bad' "
        rf"\(file {crashed.library}, build-id {build_id(crashed.library)}, "
        rf"copy ({crashed.folder}/images/\S+/bad-1\.so)\): "
        rf"{place}, (.*); the process ends, all clients are disconnected plugin=bad",
        line,
    )
    assert match, line
    # The copy is kept for the core dump.
    assert os.path.getsize(match.group(1)) == os.path.getsize(crashed.library)
    where = match.group(2)
    in_plugin = re.fullmatch(r"in code of the plugin, bad-1\.so\+0x([0-9a-f]+)", where)
    called = re.fullmatch(
        r"(?:in code of lib\S+\+0x[0-9a-f]+|at 0x0, where no code is), probably called from bad-1\.so\+0x([0-9a-f]+)",
        where,
    )
    found = in_plugin or called
    assert found and bool(in_plugin) == (code[0] == "in"), where
    start, size = functions(crashed.library)[code[1]]
    assert start <= int(found.group(1), 16) <= start + size, (where, start, size)


WAYS = {
    "null": (signal.SIGSEGV, ("in", "crash_null")),
    "overflow": (signal.SIGSEGV, ("in", "crash_overflow")),
    "illegal": (signal.SIGILL, ("in", "crash_illegal")),
    "divide": (signal.SIGFPE, ("in", "crash_divide")),
    "library": (signal.SIGSEGV, ("below", "crash_library")),
    "jump": (signal.SIGSEGV, ("below", "crash_jump")),
    "abort": (signal.SIGABRT, ("below", "crash_abort")),
    "throw": (signal.SIGABRT, ("below", "crash_throw")),
    "trap": (signal.SIGTRAP, ("below", "crash_trap")),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_line_of_a_crash_names_signal_plugin_files_callback_thread_and_code(crash, way):
    number, code = WAYS[way]
    crashed = crash().send(way)
    line = crashed.ended_by(number)
    if way in ("null", "jump"):
        assert " at address 0x0 " in line
    check(line, crashed, number, rf"the handler of '{way}' of '/' on thread jf:bad", code)
    (record,) = crashed.records()
    assert (
        record.items()
        >= {
            "pid": crashed.daemon.process.pid,
            "signal": number.name,
            "thread": "jf:bad",
            "plugin": "bad",
            "file": crashed.library,
            "build_id": build_id(crashed.library),
            "callback": f"the handler of '{way}' of '/'",
        }.items()
    )
    assert abs(record["at"] / 1000 - time.time()) < 60


@pytest.mark.parametrize(
    "where, place",
    [
        ("main", "jf_plugin_main on thread jf:bad"),
        ("create", "create on thread jf:bad"),
        ("timer", "a timer on thread jf:bad"),
        ("inline", r"the inline handler of 'inline' of '/' on thread NIO-ELT-\S+"),
        ("thread", "its own thread crasher"),
    ],
)
@pytest.mark.parametrize("how", ["null", "abort"])
def test_the_line_names_the_place_wherever_the_plugin_runs(crash, where, place, how):
    crashed = crash(plugin={"config": {"where": where, "how": how}})
    if where in ("inline", "thread"):
        crashed.send(where)
    number, code = WAYS[how]
    check(crashed.ended_by(number), crashed, number, place, code)
    assert [record["plugin"] for record in crashed.records()] == ["bad"]


def test_a_constructor_of_the_library_is_named_as_well(crash):
    crashed = crash(environment={"CRASH_IN_CONSTRUCTOR": "1"})
    check(
        crashed.ended_by(signal.SIGSEGV),
        crashed,
        signal.SIGSEGV,
        "jf_plugin_main on thread jf:bad",
        ("in", "crash_null"),
    )


def test_a_call_of_exit_is_reported_as_well(crash):
    crashed = crash().send("exit")
    assert crashed.daemon.process.wait(PATIENCE) == 3
    assert re.search(
        rf" CRITICAL fatal: exit\(3\) in plugin 'bad' \(file {crashed.library}, build-id .*\): the handler of 'exit' "
        r"of '/' on thread jf:bad, probably called from bad-1\.so\+0x[0-9a-f]+; the process ends, all clients are ",
        crashed.daemon.log,
    ), crashed.daemon.log
    assert [record["signal"] for record in crashed.records()] == ["exit(3)"]


def test_a_child_process_of_a_plugin_that_crashes_is_not_reported(crash):
    daemon = crash().daemon
    daemon.answered("/readyz", 200)
    session = Session(daemon.port, "websocket")
    session.send('420["fork"]')
    assert session.receive() == "430[]"
    assert daemon.stop()[0] == 0
    assert "fatal" not in daemon.log


def test_swifts_own_report_follows_and_the_process_still_ends_with_the_signal(crash):
    crashed = crash(backtrace="enable=yes,interactive=no,color=no").send("null")
    line = crashed.ended_by(signal.SIGSEGV)
    log = crashed.daemon.log
    assert "Program crashed" in log[log.index(line) :], log


def test_a_signal_of_another_process_is_not_blamed_on_a_plugin(crash):
    crashed = crash()
    crashed.daemon.answered("/readyz", 200)
    os.kill(crashed.daemon.process.pid, signal.SIGABRT)
    line = crashed.ended_by(signal.SIGABRT)
    assert re.search(rf"fatal: SIGABRT, sent by process {os.getpid()}: .*thread jackfield; the process ends", line), (
        line
    )
    assert [record.get("plugin") for record in crashed.records()] == [None]


def test_the_log_as_json_has_the_line_as_an_object(crash):
    crashed = crash(log={"format": "json"}).send("null")
    line = json.loads(crashed.ended_by(signal.SIGSEGV))
    assert (line["level"], line["plugin"], line["logger"]) == ("critical", "bad", "jackfield")
    assert line["message"].startswith("fatal: SIGSEGV at address 0x0 in plugin 'bad' (file ")


# ---- the next start


def test_the_next_start_warns_once_and_names_the_plugin(crash):
    first = crash().send("null")
    first.ended_by(signal.SIGSEGV)
    pattern = (
        rf"WARNING the daemon has crashed before: process {first.daemon.process.pid} was ended by SIGSEGV at \S+Z in "
        rf"plugin 'bad' \({first.library}\): the handler of 'null' of '/' on thread jf:bad"
    )
    for warns in (True, False):
        second = crash().daemon
        second.answered("/readyz", 200)
        assert bool(re.search(pattern, second.log)) == warns, second.log
        assert second.stop()[0] == 0


def test_a_plugin_with_on_crash_isolate_is_isolated_until_its_file_changes(crash):
    isolated = {"onCrash": "isolate"}
    crash(plugin=isolated).send("null").ended_by(signal.SIGSEGV)
    for _ in range(2):
        again = crash(plugin=isolated)
        again.daemon.logged(
            "plugin 'bad' has onCrash: isolate and runs in a process of its own, since the daemon has crashed before"
        )
        assert again.daemon.stop()[0] == 0
    # A new version of the plugin.
    os.utime(again.library)
    after = crash(plugin=isolated).daemon
    after.answered("/readyz", 200)
    assert "isolate" not in after.log
    assert after.stop()[0] == 0


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00garbage",
        b'{"at":1e400,"signal":5}\n{"at":-1,"signal":"SIGSEGV"}\n[1,2\n{}\n',
        b'{"at":1,"signal":"SIGSEGV","plugin":"x\\u001b[31m\\ny"}\n',
        b"[" * 200_000,
        b"\n" * 3_000_000,
        b'{"at":1,"signal":"' + b"A" * 400_000 + b'"}\n',
    ],
    ids=["bytes", "wrong", "escapes", "nested", "empty", "long"],
)
def test_a_start_reads_any_bytes_in_the_file_of_crashes(crash, tmp_path, content):
    (tmp_path / "data").mkdir()
    file = tmp_path / "data/jackfield.crash"
    file.write_bytes(content)
    file.chmod(0o600)
    daemon = crash().daemon
    daemon.answered("/readyz", 200)
    assert daemon.stop()[0] == 0
    assert "\x1b" not in daemon.log
    assert all(len(line) < 2_000 for line in daemon.log.splitlines())
    assert file.stat().st_size < 1_000


def test_a_file_of_crashes_that_others_may_write_is_not_used_and_the_daemon_serves(crash, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/jackfield.crash").touch()
    (tmp_path / "data/jackfield.crash").chmod(0o666)
    crashed = crash().send("null")
    crashed.ended_by(signal.SIGSEGV)
    assert "crashFile data/jackfield.crash cannot be used" in crashed.daemon.log
    assert (tmp_path / "data/jackfield.crash").read_bytes() == b""
