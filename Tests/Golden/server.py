"""Starts the servers for the sessions: one process for each set of options."""

import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("JACKFIELD_BIN", ROOT / ".build/release/jackfield"))
APPLICATION = ROOT / "Tests/Fixtures/golden/golden.c"

#: Seconds until a server must listen, and until it must end after SIGTERM.
START, STOP = 30, 15

_LISTENING = re.compile(r"listening on http://127\.0\.0\.1:(\d+)")


class ServerFault(Exception):
    """A server that did not start; the text contains its output."""


def compile_plugin(source, folder):
    """Compiles a plugin of one C or C++ file, with line numbers for debuggers, into `folder` and returns the library's
    path."""
    library = Path(folder) / Path(source).with_suffix(".so").name
    is_cpp = Path(source).suffix == ".cpp"
    language = [os.environ.get("CXX", "c++"), "-std=c++17"] if is_cpp else [os.environ.get("CC", "cc"), "-std=c99"]
    command = [
        *language,
        "-O2",
        "-g",
        "-shared",
        "-fPIC",
        "-pthread",
        "-I",
        str(ROOT / "include"),
        str(source),
        "-o",
        str(library),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise ServerFault(f"{' '.join(command)}\n{done.stderr}")
    return library


def configuration(options, library):
    """Jackfield has Socket.IO's options, so they are copied unchanged. JSON is YAML."""
    settings = {"cors": False, "control": None, **options}
    return {**settings, "auth": False, "plugins": [{"path": str(library), "required": True}]}


def jackfield(options, library, folder, binary=BINARY):
    """The command that serves the golden application with these options on a free port."""
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".yaml", delete=False) as file:
        json.dump(configuration(options, library), file)
    return [str(binary), "serve", "--config", file.name, "--host", "127.0.0.1", "--port", "0"]


class Server:
    """A running server; `with Server(command, folder) as server: server.port`. Its log is in `folder`."""

    def __init__(self, command, folder, **popen):
        self._log = tempfile.NamedTemporaryFile(  # noqa: SIM115 (open until stop)
            "w+", dir=folder, suffix=".log", delete=False
        )
        self._output, self._finished, self._said = "", False, threading.Condition()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True, **popen)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            found = self.wait_for_output(_LISTENING, START)
        except ServerFault as fault:
            self.stop()
            raise ServerFault(f"{' '.join(map(str, command))}: {fault}") from None
        self.port = int(found[1])
        self.address = f"http://127.0.0.1:{self.port}"

    def _read(self):
        for line in self.process.stdout:
            with self._said:
                self._output += line
                self._said.notify_all()
        with self._said:
            self._finished = True
            self._said.notify_all()

    def wait_for_output(self, pattern, timeout):
        """Waits until standard output contains the pattern. Raises if the server ends, or does not print it in time."""
        deadline = time.monotonic() + timeout
        with self._said:
            while (found := re.search(pattern, self._output)) is None:
                if self._finished or not self._said.wait(max(0.0, deadline - time.monotonic())):
                    raise ServerFault(f"did not print {pattern!r}\n{self._output}{self.log()}")
        return found

    def log(self):
        """The end of what the server wrote to standard error."""
        return Path(self._log.name).read_text(errors="replace")[-20_000:]

    @property
    def running(self):
        return self.process.poll() is None

    def stop(self):
        """Sends SIGTERM, and SIGKILL if it does not end in time. Returns the exit code (negative:
        the signal that ended it)."""
        if self.running:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP)
            except subprocess.TimeoutExpired:
                self.kill()
        self._reader.join()
        self.process.stdout.close()
        self._log.close()
        return self.process.returncode

    def kill(self):
        """Ends it with SIGKILL, so that it can write nothing more."""
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
