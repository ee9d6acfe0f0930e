"""Fixtures of the end-to-end tests. The code for the wire and for starting servers is that of Tests/Golden."""

import resource
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "Golden"))

from harness.daemon import Daemon, first_party  # noqa: E402
from server import BINARY, compile_plugin  # noqa: E402

FIXTURES = TESTS / "Fixtures"

#: The open files that tests with thousands of connections need.
OPEN_FILES = 20_000


def pytest_configure():
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is missing: `make build`, or name another in JACKFIELD_BIN", returncode=1)


@pytest.fixture
def serve(tmp_path):
    """Starts a daemon: `serve(pingInterval=300, plugins=[...])`. It is stopped at the end, and must stop cleanly."""
    daemons = []

    def start(*flags, **settings):
        folder = tmp_path / f"daemon-{len(daemons)}"
        folder.mkdir()
        daemons.append(Daemon(folder, **settings))
        return daemons[-1].start(*flags)

    yield start
    for daemon in daemons:
        daemon.close()


@pytest.fixture
def services(tmp_path):
    """The configuration of plugins by name, stored in the test's folder: `services("rooms", "notifications")`."""
    return lambda *names: first_party(*names, folder=tmp_path)


@pytest.fixture
def daemon(serve, services):
    """A daemon as `make run` has it: notifications and rooms, tokens required."""
    return serve(plugins=services("notifications", "rooms"))


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """Compiles a plugin of Tests/Fixtures once: `compiled("late-ack/late_ack.c")` is the library's path as text."""
    folder, libraries = tmp_path_factory.mktemp("plugins"), {}

    def compile_once(source):
        if source not in libraries:
            libraries[source] = str(compile_plugin(FIXTURES / source, folder))
        return libraries[source]

    return compile_once


@pytest.fixture
def golden(serve, compiled):
    """The golden application without tokens and with the reference server's defaults: `golden(pingInterval=300)`."""
    return lambda **settings: serve(
        plugins=[{"path": compiled("golden/golden.c"), "required": True}], auth=False, **{"cors": False, **settings}
    )


@pytest.fixture
def many_files():
    """Raises the limit on open files, for this process and the daemon it starts."""
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < OPEN_FILES:
        pytest.skip(f"this machine allows {hard} open files, the test needs {OPEN_FILES}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, OPEN_FILES), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def rows(serve, compiled):
    """The plugin Tests/Fixtures/rows, for the tests that need an application of their own, without tokens:
    `rows(pingInterval=300)`."""
    return lambda **settings: serve(
        plugins=[{"path": compiled("rows/rows.c"), "required": True}], auth=False, **settings
    )
