"""What gdb shows of plugins: in a process that runs, in a core dump, and with symbols in a file of their own."""

import contextlib
import os
import platform
import re
import resource
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from harness.session import Session
from harness.tab import PATIENCE
from server import BINARY
from test_plugin_life import Process

#: Seconds for gdb, which reads the symbols of the daemon first.
READING = 120


def gdb(*arguments, folder):
    """The output of gdb, which runs the commands after each -ex and ends."""
    # Not the debug files of the network, and no file of the user's.
    quiet = ["-nx", "-batch", "-iex", "set debuginfod enabled off"]
    done = subprocess.run(
        ["gdb", *quiet, *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=READING
    )
    return done.stdout + done.stderr


@pytest.fixture
def run(tmp_path):
    """Starts a daemon with one plugin, which may leave a core dump in its folder."""
    processes = []
    before = resource.getrlimit(resource.RLIMIT_CORE)

    def start(library):
        with contextlib.suppress(ValueError):
            resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
        os.environ["SWIFT_BACKTRACE"] = "enable=no"
        processes.append(Process(tmp_path, [{"path": str(library)}]))
        processes[-1].answered("/readyz", 200)
        return processes[-1]

    yield start
    os.environ.pop("SWIFT_BACKTRACE")
    resource.setrlimit(resource.RLIMIT_CORE, before)
    for process in processes:
        process.close()


#: The system call in which a thread sleeps, by machine.
CLOCK_NANOSLEEP = {"x86_64": "230", "aarch64": "115"}


def block(daemon):
    """Has the plugin `life` sleep in a handler on its strand, and waits until it does."""
    Session(daemon.port, "websocket").send('42["block",3600000]')
    tasks = Path(f"/proc/{daemon.process.pid}/task")

    def sleeps():
        strand = next(task for task in tasks.iterdir() if (task / "comm").read_text() == "jf:life\n")
        return (strand / "syscall").read_text().split()[0] == CLOCK_NANOSLEEP[platform.machine()]

    daemon.until(sleeps)


def may_attach(daemon):
    """Whether this user may trace a process that is no child of the debugger."""
    return "ptrace: Operation not permitted" not in gdb("-p", daemon.process.pid, folder=daemon.images)


#: The handler of Tests/Fixtures/life that sleeps, with its file and line.
SLEEPER = r"#\d+ +(?:0x[0-9a-f]+ in )?on_block \(.*\) at \S*Tests/Fixtures/life/life\.c:\d+"


def test_gdb_attached_to_the_daemon_shows_the_function_and_line_in_which_a_plugin_is(run, compiled, tmp_path):
    library = shutil.copy(compiled("life/life.c"), tmp_path / "life.so")
    daemon = run(library)
    block(daemon)
    if not may_attach(daemon):
        pytest.skip("this user may not attach a debugger: kernel.yama.ptrace_scope")
    shown = gdb("-p", daemon.process.pid, "-ex", "thread apply all backtrace", folder=tmp_path)
    strand = re.search(r'"jf:life"\):\n(.*?)\n\n', shown + "\n\n", re.DOTALL)
    assert strand and re.search(SLEEPER, strand.group(1)), shown
    # gdb has let it go on.
    assert daemon.get("/healthz").status_code == 200


def test_a_core_dump_shows_the_function_and_line_after_the_next_daemon_has_started(run, compiled, tmp_path):
    library = shutil.copy(compiled("crash/crash.cpp"), tmp_path / "bad.so")
    daemon = run(library)
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if pattern.startswith("|") or "/" in pattern:
        pytest.skip(f"this machine stores core dumps elsewhere: kernel.core_pattern is '{pattern}'")
    Session(daemon.port, "websocket").send('42["null"]')
    assert daemon.process.wait(PATIENCE) == -signal.SIGSEGV
    cores = list(tmp_path.glob("core*"))
    if not cores:
        pytest.skip("this machine wrote no core dump: the hard limit of ulimit -c may be 0")
    # Its first load removes old leftovers; this one is young, as any that a supervisor has just replaced.
    assert run(library).stop()[0] == 0
    shown = gdb(BINARY, cores[0], "-ex", "backtrace", folder=tmp_path)
    first = re.search(r"^#0 .*", shown, re.MULTILINE)
    assert first and re.search(r"crash_null \(\) at \S*Tests/Fixtures/crash/crash\.cpp:\d+", first.group()), shown
    assert re.search(r"on_event \(.*\) at \S*crash\.cpp:\d+", shown), shown


def test_a_core_that_gdb_generates_shows_the_plugin_after_the_daemon_was_killed(run, compiled, tmp_path):
    library = shutil.copy(compiled("life/life.c"), tmp_path / "life.so")
    daemon = run(library)
    block(daemon)
    if not may_attach(daemon):
        pytest.skip("this user may not attach a debugger: kernel.yama.ptrace_scope")
    core = tmp_path / "generated"
    gdb("-p", daemon.process.pid, "-ex", f"generate-core-file {core}", folder=tmp_path)
    assert daemon.stop(signal.SIGKILL)[0] == -signal.SIGKILL
    shown = gdb(BINARY, core, "-ex", "thread apply all backtrace", folder=tmp_path)
    assert re.search(SLEEPER, shown), shown


def test_gdb_finds_symbols_in_a_separate_file_by_the_build_id_that_the_log_has(run, compiled, tmp_path):
    library = shutil.copy(compiled("life/life.c"), tmp_path / "life.so")
    symbols = tmp_path / "symbols"
    subprocess.run(["objcopy", "--only-keep-debug", library, tmp_path / "life.debug"], check=True)
    subprocess.run(["strip", "--strip-debug", "--strip-unneeded", library], check=True)
    daemon = run(library)
    build_id = daemon.logged(r"maps \S+, build-id ([0-9a-f]+), from its private copy \S+").group(1)
    target = symbols / ".build-id" / build_id[:2] / f"{build_id[2:]}.debug"
    target.parent.mkdir(parents=True)
    shutil.move(tmp_path / "life.debug", target)
    block(daemon)
    if not may_attach(daemon):
        pytest.skip("this user may not attach a debugger: kernel.yama.ptrace_scope")
    where = ["-iex", f"set debug-file-directory {symbols}"]
    shown = gdb(*where, "-p", daemon.process.pid, "-ex", "thread apply all backtrace", folder=tmp_path)
    assert re.search(SLEEPER, shown), shown
