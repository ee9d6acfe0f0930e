"""Debian's Chromium, headless, driven through the DevTools protocol."""

import base64
import itertools
import json
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import websocket

from .tab import PATIENCE


class PageError(Exception):
    """A script of a test failed in the page."""


class Browser:
    """One browser process with a profile of its own. `with Browser() as browser: page = browser.open(address)`."""

    def __init__(self):
        executable = shutil.which("chromium") or shutil.which("chromium-browser")
        assert executable, "chromium is not installed: scripts/install-packages scripts/packages-test.txt"
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        self._log = open(Path(self._profile) / "log", "w+")  # noqa: SIM115 (open until close)
        self._process = subprocess.Popen(
            [
                executable,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--remote-debugging-port=0",
                "--remote-allow-origins=*",
                "--window-size=1400,1600",
                f"--user-data-dir={self._profile}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )
        self._numbers, self.pages = itertools.count(1), {}
        self._socket = websocket.create_connection(self._address(), timeout=PATIENCE)

    def _address(self):
        deadline = time.monotonic() + 3 * PATIENCE
        while time.monotonic() < deadline:
            if found := re.search(r"DevTools listening on (ws://\S+)", Path(self._log.name).read_text()):
                return found[1]
            assert self._process.poll() is None, Path(self._log.name).read_text()
            time.sleep(0.05)
        raise AssertionError("chromium did not start: " + Path(self._log.name).read_text())

    def command(self, method, session=None, **parameters):
        """Sends a DevTools command and returns its result; events that arrive meanwhile are passed to their pages."""
        number = next(self._numbers)
        self._socket.send(
            json.dumps(
                {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
            )
        )
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == number:
                if "error" in message:
                    raise PageError(f"{method}: {message['error']}")
                return message["result"]
            page = self.pages.get(message.get("sessionId"))
            if page is not None:
                page.heard(message)

    def open(self, address):
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session, target)
        page.command("Runtime.enable"), page.command("Log.enable"), page.command("Page.enable")
        page.command("Page.navigate", url=address)
        page.wait("document.readyState === 'complete' && location.href !== 'about:blank'")
        return page

    def close(self):
        self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        shutil.rmtree(self._profile, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Page:
    """A tab of the browser. `errors` collects exceptions of its scripts and the errors in its console."""

    def __init__(self, browser, session, target):
        self.browser, self.session, self.target, self.errors = browser, session, target, []

    def command(self, method, **parameters):
        return self.browser.command(method, session=self.session, **parameters)

    def heard(self, message):
        method, parameters = message["method"], message["params"]
        if method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            self.errors.append(" ".join(str(a.get("value", a.get("description"))) for a in parameters["args"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")

    def run(self, script):
        """The value of an expression (awaited if it is a promise), as JSON."""
        result = self.command("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise PageError(details.get("exception", {}).get("description", details["text"]))
        return result["result"].get("value")

    def do(self, script):
        """Runs statements and ignores their value, which need not be JSON."""
        self.run(f"(async () => {{ {script}; return null; }})()")

    def wait(self, script, timeout=PATIENCE):
        """Waits until the expression is true, and returns its value."""
        deadline = time.monotonic() + timeout
        while not (value := self.run(script)):
            assert time.monotonic() < deadline, (
                f"not within {timeout} s: {script}\nerrors: {self.errors}\n{self.run('document.body.innerText')}"
            )
            time.sleep(0.03)
        return value

    def screenshot(self, path):
        data = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=True)["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def close(self):
        self.browser.command("Target.closeTarget", targetId=self.target)
