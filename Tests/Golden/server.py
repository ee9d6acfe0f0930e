"""Starts the servers that sessions are played against: one process per set of options."""

import json
import os
import re
import selectors
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("JACKFIELD_BIN", ROOT / ".build/release/jackfield"))
APPLICATION = ROOT / "Tests/Fixtures/golden/golden.c"

#: Seconds a server may take to say that it listens, and to end after SIGTERM.
START, STOP = 30, 10

_LISTENING = re.compile(r"listening on http://127\.0\.0\.1:(\d+)")


class ServerFault(Exception):
    """A server that did not start; the text holds what it said."""


def compile_application(folder):
    """Compiles the golden application, a C plugin, and returns the library's path."""
    library = Path(folder) / "golden.so"
    command = [os.environ.get("CC", "cc"), "-std=c99", "-O2", "-shared", "-fPIC", "-I", str(ROOT / "include"),
               str(APPLICATION), "-o", str(library)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise ServerFault(f"{' '.join(command)}\n{done.stderr}")
    return library


def configuration(options, library):
    """Socket.IO's options are Jackfield's own, so they go in as they are. JSON is YAML."""
    return {"cors": False, **options, "auth": False, "plugins": [{"path": str(library), "required": True}]}


def jackfield(options, library, folder, binary=BINARY):
    """The command that serves the golden application with these options on a free port."""
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".yaml", delete=False) as file:
        json.dump(configuration(options, library), file)
    return [str(binary), "serve", "--config", file.name, "--host", "127.0.0.1", "--port", "0"]


class Server:
    """A running server; `with Server(command, folder) as server: server.port`."""

    def __init__(self, command, folder):
        self._log = tempfile.NamedTemporaryFile("w+", dir=folder, suffix=".log", delete=False)
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log)
        try:
            self.port = self._read_port(command)
        except BaseException:
            self.stop()
            raise

    def _read_port(self, command):
        output, deadline = b"", time.monotonic() + START
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while time.monotonic() < deadline:
                if selector.select(deadline - time.monotonic()):
                    data = os.read(self._process.stdout.fileno(), 4096)
                    output += data
                    if found := _LISTENING.search(output.decode(errors="replace")):
                        return int(found[1])
                    if not data:
                        break
        raise ServerFault(f"{' '.join(command)}: did not say that it listens\n{output.decode(errors='replace')}{self.log()}")

    def log(self):
        """The end of what the server wrote to stderr."""
        return Path(self._log.name).read_text(errors="replace")[-4000:]

    @property
    def running(self):
        return self._process.poll() is None

    def stop(self):
        if self.running:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
