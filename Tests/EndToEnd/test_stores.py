"""The plugins' stores when their files are deleted, when the disk is full, and when two daemons open the same one."""

import ctypes
import os
import re
import shutil
import time

import pytest

from harness.tab import PATIENCE

BODY = {"user_id": "alice", "type": "t", "title": "kept"}


@pytest.fixture
def stored(serve, services, tmp_path):
    """A daemon with notifications and rooms, whose stores have a folder of their own: the daemon and the folder."""
    folder = tmp_path / "data"

    def start(plugins=("notifications", "rooms"), folder=folder):
        return serve(
            plugins=[
                {**plugin, "config": {"store": f"sqlite:{folder}/{plugin['path']}.db"}} for plugin in services(*plugins)
            ]
        )

    start.folder = folder
    return start


def push(daemon, **more):
    return daemon.person("ops", scope="notifications:write").post("/v1/notifications", {**BODY, **more})


def reasons(daemon, wanted):
    """Waits until /readyz answers with that status; its reasons, as one text."""
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = daemon.get("/readyz")
        if answer.status_code == wanted:
            return "\n".join(answer.json()["reasons"])
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.1)


def says(daemon, pattern):
    """Waits until the daemon's log holds the pattern."""
    deadline = time.monotonic() + PATIENCE
    while not re.search(pattern, daemon.log):
        assert time.monotonic() < deadline, daemon.log
        time.sleep(0.1)


def test_a_folder_deleted_while_it_is_in_use_is_noticed_and_nothing_more_is_acknowledged(stored):
    daemon = stored()
    assert push(daemon).status_code == 201
    tab = daemon.person("alice").open_tab()
    room = tab.call("room:create", {"name": "den"})["id"]
    tab.call("room:join", {"room": room})
    shutil.rmtree(stored.folder)

    answer = push(daemon)
    assert answer.status_code == 503 and answer.json()["code"] == "unavailable"
    assert daemon.person("alice").get("/v1/notifications").status_code == 503
    assert tab.call("room:message", {"room": room, "body": "lost"})["error"]["code"] == "unavailable"
    text = reasons(daemon, 503)
    assert "plugin 'notifications'" in text and "deleted or replaced" in text
    says(daemon, "deleted or replaced")

    daemon.restart()
    assert push(daemon).status_code == 201
    assert daemon.get("/readyz").status_code == 200


def test_a_second_daemon_on_the_same_store_is_refused_and_told_by_whom(stored):
    first = stored()
    second = stored()
    says(second, f"notifications.db' is in use by process {first.server.process.pid}")
    assert push(first).status_code == 201
    assert push(second).status_code == 404
    first.stop()
    second.restart()
    assert push(second).status_code == 201


def test_a_malformed_database_is_a_clear_reason(stored):
    stored.folder.mkdir()
    (stored.folder / "notifications.db").write_bytes(os.urandom(8192))
    says(
        stored(plugins=["notifications"]), r"notifications.*cannot open '.*/notifications\.db': file is not a database"
    )


def test_files_are_their_owners_alone(stored):
    daemon = stored()
    assert push(daemon).status_code == 201
    assert stored.folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in stored.folder.iterdir()} == {0o600}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 600 KB; only a user who may mount can make it."""
    libc, folder = ctypes.CDLL(None, use_errno=True), tmp_path / "small"
    folder.mkdir()
    if libc.mount(b"jackfield", bytes(folder), b"tmpfs", 0, b"size=600k") != 0:
        pytest.skip(f"mounting needs root: {os.strerror(ctypes.get_errno())}")
    yield folder
    libc.umount2(bytes(folder), 2)


def test_a_full_disk_is_507_until_there_is_room_again(stored, small_disk):
    daemon = stored(folder=small_disk)
    tab = daemon.person("alice").open_tab()
    room = tab.call("room:create", {"name": "den"})["id"]
    tab.call("room:join", {"room": room})
    assert push(daemon).status_code == 201
    filler = small_disk / "filler"
    with pytest.raises(OSError), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)

    for _ in range(100):
        answer = push(daemon, body="x" * 9000)
        if answer.status_code != 201:
            break
    assert answer.status_code == 507 and answer.json()["code"] == "insufficient_storage", answer.text
    for _ in range(100):
        answer = tab.call("room:message", {"room": room, "body": "x" * 9000})
        if "error" in answer:
            break
    assert answer["error"]["code"] == "unavailable" and "disk is full" in answer["error"]["message"]
    assert "disk is full" in reasons(daemon, 503)
    assert daemon.person("alice").get("/v1/notifications").status_code == 200

    filler.unlink()
    assert push(daemon).status_code == 201
    assert "id" in tab.call("room:message", {"room": room, "body": "room again"})
    reasons(daemon, 200)
