"""The real daemon as a process, with its data in a folder of the test."""

import json
import os
import subprocess
import time
from pathlib import Path

import requests

from server import BINARY, Server

from .tab import PATIENCE, Tab
from .tokens import SECRET, token

#: The environment of the daemon, without the machine's own settings.
_ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in ("JWT_SECRET", "SITE_URL", "PORT", "DATABASE_URL", "REDIS_URL")
}

#: The grace period in milliseconds; short, because every test of presence waits for it.
GRACE = 400


#: Where the first-party plugins run: `none` (in the daemon) or `process` (each in a worker process).
ISOLATION = os.environ.get("JACKFIELD_ISOLATION", "none")


def first_party(*names, folder, isolation=ISOLATION):
    """Notifications and rooms as an operator configures them, stored in the test's folder."""
    return [{"path": name, "isolation": isolation, "config": {"store": f"sqlite:{folder}/{name}.db"}} for name in names]


class Daemon:
    """`jackfield serve` with a configuration file. It may be stopped or killed, and started
    again with the same data."""

    def __init__(self, folder, **settings):
        self.folder = Path(folder)
        self.settings = {
            "auth": {"secret": SECRET},
            "presence": {"gracePeriod": GRACE},
            "port": 0,
            # In the daemon's folder, which has too long a path for a Unix socket.
            "control": "control.sock",
            **settings,
        }
        self.server = None
        self.killed = False
        self.tabs = []

    def start(self, *flags):
        self.file.write_text(json.dumps(self.settings, indent=2))
        command = [str(BINARY), "serve", "--config", str(self.file), "--host", "127.0.0.1", *flags]
        self.server, self.killed = Server(command, self.folder, cwd=self.folder, env=_ENVIRONMENT), False
        # After a restart, clients reconnect to the same port.
        self.settings["port"] = self.server.port
        return self

    @property
    def file(self):
        return self.folder / "jackfield.yaml"

    def configure(self, **settings):
        """Changes settings in the configuration file of the running daemon, which reads it only when it is told to.
        A value of None removes a setting."""
        merged = {**json.loads(self.file.read_text()), **settings}
        self.file.write_text(json.dumps({key: value for key, value in merged.items() if value is not None}, indent=2))

    def reload(self):
        """Has the changed file put in force: what the command answers."""
        return self.operate("reload")

    def logged(self, text, timeout=PATIENCE):
        """Waits until the log contains the text, and returns the line."""
        until = time.monotonic() + timeout
        while True:
            lines = [line for line in self.log.splitlines() if text in line]
            if lines:
                return lines[-1]
            assert time.monotonic() < until, f"no line with {text!r} came within {timeout} s:\n{self.log}"
            time.sleep(0.02)

    @property
    def address(self):
        return self.server.address

    @property
    def port(self):
        return self.server.port

    @property
    def log(self):
        return self.server.log()

    def control(self, *arguments):
        """Runs `jackfield` with these arguments against this daemon: (exit code, output, errors)."""
        command = [str(BINARY), *arguments, "--control", self.settings["control"]]
        done = subprocess.run(
            command, cwd=self.folder, env=_ENVIRONMENT, capture_output=True, text=True, timeout=2 * PATIENCE
        )
        return done.returncode, done.stdout, done.stderr

    def operate(self, *arguments):
        """The answer to a command that must succeed, from its JSON."""
        code, output, errors = self.control(*arguments, "--json")
        assert (code, errors) == (0, ""), errors
        return json.loads(output)

    def kill(self):
        self.server.kill()
        self.killed = True

    def stop(self):
        """Stops it with SIGTERM, as an operator does; returns the exit code."""
        return self.server.stop()

    def restart(self):
        self.stop()
        return self.start()

    def person(self, user, **claims):
        return Person(self, user, **claims)

    def tab(self, token, **options):
        tab = Tab(self.address, token, **options)
        self.tabs.append(tab)
        return tab

    def get(self, path, **options):
        return requests.get(self.address + path, timeout=PATIENCE, **options)

    def close(self):
        """Stops the daemon at the end of a test. A daemon that was not killed must have stopped with exit code 0."""
        for tab in self.tabs:
            tab.close()
        if self.server is not None:
            code = self.server.stop()
            assert self.killed or code == 0, f"the daemon ended with {code}\n{self.log}"


class Person:
    """A user with a valid token, who opens tabs and makes requests."""

    def __init__(self, daemon, user, **claims):
        self.daemon, self.user, self.token = daemon, user, token(user, **claims)

    def open_tab(self, **options):
        return self.daemon.tab(self.token, **options)

    def get(self, path, **options):
        return self._request("GET", path, **options)

    def post(self, path, body=None, headers=None):
        return self._request("POST", path, json=body, headers=headers)

    def _request(self, method, path, headers=None, **options):
        headers = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return requests.request(method, self.daemon.address + path, headers=headers, timeout=PATIENCE, **options)
