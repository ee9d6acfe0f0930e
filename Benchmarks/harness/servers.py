"""The servers that are measured. Each is started on core 0 (or the cores given) for one run, and stopped after it."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from harness import build
from harness.paths import BENCHMARKS, BUILT, RELEASE

SECRET = "bench-secret-bench-secret-bench-01"
LIFETIME = 240  # s after which a peer ends by itself, if it was not stopped
START_DEADLINE = 20


@dataclass
class Server:
    """A server that can be started. Subclasses say how."""

    name: str
    title: str
    polls: bool = True
    raw: bool = False
    collects: bool = False  # SIGUSR2 makes it collect its garbage, so that only the memory that it needs is measured
    version: str = None

    def takes(self, workload):
        if self.raw:
            return workload.raw
        return self.polls or not workload.polls

    def command(self, port, folder, authenticates):
        """The words of the command. `folder` is empty and goes away after the run."""
        raise NotImplementedError

    def environment(self):
        return {}

    def processes(self, process):
        """The processes whose CPU and memory are the server's."""
        return [process.pid]

    def start(self, port, authenticates=False, cores="0", environment=None):
        return Running(self, port, authenticates, cores, environment or {})


class Running:
    """A running server: a context manager that stops it."""

    def __init__(self, server, port, authenticates, cores, environment):
        self.folder = Path(tempfile.mkdtemp(prefix="bench-", dir=BUILT))
        self.port = port
        words = [str(word) for word in server.command(port, self.folder, authenticates)]
        self.log = open(self.folder / "log", "wb")  # noqa: SIM115 (open until stop)
        self.process = subprocess.Popen(
            ["taskset", "-c", cores, *words],
            stdout=self.log,
            stderr=self.log,
            cwd=self.folder,
            env={
                **os.environ,
                "LIFE": str(LIFETIME),
                "AUTH": "1" if authenticates else "0",
                "SECRET": SECRET,
                **server.environment(),
                **environment,
            },
        )
        try:
            self._wait_until_it_listens(server.name)
            self.pids = server.processes(self.process)
        except BaseException:
            self.stop()
            raise

    def _wait_until_it_listens(self, name):
        end = time.monotonic() + START_DEADLINE
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"{name} ended with {self.process.returncode}: {self.output()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.5).close()
                time.sleep(0.5)
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{name} did not listen on port {self.port} within {START_DEADLINE} s: {self.output()}")

    def output(self):
        self.log.flush()
        return (self.folder / "log").read_text(errors="replace")[-2000:].strip()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


@dataclass
class BareServer(Server):
    """limit.c: it costs little more than its system calls."""

    def command(self, port, folder, authenticates):
        return [build.program("peers/limit.c"), port]


@dataclass
class NodeWS(Server):
    def command(self, port, folder, authenticates):
        return ["node", "--expose-gc", BENCHMARKS / "peers" / "peer_ws.js", port]

    def environment(self):
        return {"NODE_PATH": str(build.node_modules())}


@dataclass
class PythonSocketIO(Server):
    def command(self, port, folder, authenticates):
        return [build.python_peer(), BENCHMARKS / "peers" / "peer_python.py", port]


@dataclass
class Nchan(Server):
    binary: Path = None
    modules: Path = None

    def command(self, port, folder, authenticates):
        text = (BENCHMARKS / "peers" / "nchan.conf.in").read_text()
        for word, value in (("DIR", folder), ("PORT", port), ("MODULES", self.modules)):
            text = text.replace(f"@{word}@", str(value))
        (folder / "nginx.conf").write_text(text)
        # This nginx always makes /var/lib/nginx/body, whatever its configuration says; in a mount namespace
        # of its own it can, and the system's /var/lib stays as it is. Not as root inside: it would then want to
        # give the folder to nobody.
        root = os.geteuid() == 0
        enter = ["unshare", "--mount"] if root else ["unshare", "--map-root-user", "--mount"]
        leave = "" if root else f"unshare --map-user={os.geteuid()} "
        prepare = f'mount -t tmpfs none /var/lib && mkdir /var/lib/nginx && exec {leave}"$@"'
        return [
            *enter,
            "sh",
            "-c",
            prepare,
            "sh",
            self.binary,
            "-p",
            folder,
            "-c",
            folder / "nginx.conf",
            "-e",
            folder / "error.log",
        ]

    def processes(self, process):
        # The master only supervises; its worker process serves the connections.
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return [int(child) for child in children] or [process.pid]


@dataclass
class Jackfield(Server):
    """The daemon with the application as a plugin."""

    binary: Path = None
    plugin: Path = None
    loops: int = 1
    plugin_settings: dict = field(default_factory=dict)
    more_configuration: str = ""

    def command(self, port, folder, authenticates):
        auth = f"{{ algorithms: [HS256], secret: {SECRET} }}" if authenticates else "false"
        settings = ", ".join(f"{key}: {value}" for key, value in self.plugin_settings.items())
        (folder / "jackfield.yaml").write_text(
            f"host: 127.0.0.1\nport: {port}\neventLoops: {self.loops}\nauth: {auth}\ncors: false\ncontrol: null\n"
            "log: { level: warning }\n"
            f"plugins:\n  - path: {self.plugin}\n    config: {{ {settings} }}\n{self.more_configuration}"
        )
        return [self.binary, "serve", "--config", folder / "jackfield.yaml"]


def jackfield_binary(path=None):
    binary = Path(path) if path else RELEASE / "jackfield"
    if not binary.exists():
        raise SystemExit(
            f"bench: there is no {binary}: build it first (swift build -c release), or name another with --jackfield"
        )
    return binary.resolve()


def _ws():
    return NodeWS("ws", "ws (Node, raw)", polls=False, collects=True) if build.node_modules() else None


def _python():
    return PythonSocketIO("python", "python-socketio", collects=True) if build.python_peer() else None


def _nchan():
    unpacked = build.nchan()
    return Nchan("nchan", "nginx nchan", raw=True, binary=unpacked[0], modules=unpacked[1]) if unpacked else None


def _jackfield(name, title, options, plugin):
    return Jackfield(name, title, binary=jackfield_binary(options.jackfield), plugin=plugin)


def _swift(options):
    plugin = Path(options.swift_plugin) if options.swift_plugin else build.swift_product("bench-swift")
    return _jackfield("jackfield-swift", "Jackfield, Swift plugin", options, plugin.resolve())


# In the order of the table's columns: the bare server first. Each makes its server, or None if this
# machine cannot provide it.
ALL = {
    "bare": lambda options: BareServer("bare", "bare server (C, epoll)"),
    "ws": lambda options: _ws(),
    "nchan": lambda options: _nchan(),
    "python": lambda options: _python(),
    "jackfield": lambda options: _jackfield(
        "jackfield", "**Jackfield**", options, build.plugin("bench.c", "bench-inline", "-DBENCH_RUN=JF_RUN_INLINE")
    ),
    "jackfield-strand": lambda options: _jackfield(
        "jackfield-strand", "Jackfield, C on a strand", options, build.plugin("bench.c", "bench-strand")
    ),
    "jackfield-swift": _swift,
}
JACKFIELD_FORMS = [name for name in ALL if name.startswith("jackfield")]


def make(names, options):
    """The servers of these names, in the order of the table."""
    unknown = set(names) - set(ALL)
    if unknown:
        raise SystemExit(f"bench: no server is called {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    made = {name: factory(options) for name, factory in ALL.items() if name in names}
    return [server for server in made.values() if server]
