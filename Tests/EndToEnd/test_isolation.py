"""Plugins in worker processes: the end of a worker costs the clients no connection and no acknowledged row."""

import os
import random
import signal
import threading
import time

import pytest
import requests

from harness.daemon import first_party
from harness.tab import PATIENCE

KILLS = int(os.environ.get("WORKER_KILLS", "20"))


def worker(daemon, name):
    """The process of a plugin's worker; waits until there is one."""
    until = time.monotonic() + PATIENCE
    while True:
        plugins = {plugin["name"]: plugin for plugin in daemon.operate("plugin", "list")["plugins"]}
        process = plugins[name]["worker"]["process"]
        if process:
            return process
        assert time.monotonic() < until, daemon.log
        time.sleep(0.02)


def resident(process):
    """Bytes of memory that a process uses."""
    with open(f"/proc/{process}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def kill(daemon, name):
    process = worker(daemon, name)
    os.kill(process, signal.SIGKILL)
    return process


@pytest.fixture
def isolated(serve, tmp_path):
    """A daemon with notifications and rooms, each in a worker process."""
    plugins = first_party("notifications", "rooms", folder=tmp_path, isolation="process")
    return serve(plugins=[{**plugin, "worker": {"longestBackOff": 200}} for plugin in plugins])


def test_a_worker_runs_apart_and_its_name_says_which_plugin(isolated):
    process = worker(isolated, "rooms")
    with open(f"/proc/{process}/cmdline", "rb") as file:
        assert file.read().startswith(b"jackfield: plugin rooms\0")
    with open(f"/proc/{process}/status") as file:
        status = dict(line.split(":\t", 1) for line in file.read().splitlines())
    assert status["NoNewPrivs"] == "1"
    assert os.readlink(f"/proc/{process}/cwd").endswith("/data/workers/rooms")
    assert process != worker(isolated, "notifications")


def test_no_acknowledged_row_and_no_socket_is_lost_when_the_workers_are_killed(isolated):
    ops = isolated.person("ops", scope="notifications:write")
    person = isolated.person("ann")
    tab, watcher = person.open_tab(), isolated.person("bob").open_tab()
    room = tab.call("room:create", {"name": "kept"})["id"]
    tab.call("room:join", {"room": room})
    rows, messages, refused, over = [], [], [], threading.Event()

    def push():
        while not over.is_set():
            body = {"user_id": "ann", "type": "test", "title": "kept", "body": "x"}
            answer = ops.post("/v1/notifications", body)
            # Every request is answered: with the row, or with 503 while the worker is replaced.
            assert answer.status_code in (201, 503), answer.text
            (rows if answer.status_code == 201 else refused).append(answer.json().get("id"))

    def talk():
        while not over.is_set():
            answer = tab.call("room:message", {"room": room, "body": "kept"}, timeout=2 * PATIENCE)
            if "id" in answer:
                messages.append(answer["id"])
            else:
                # The new worker does not know what the one before had in its memory.
                assert answer["error"]["code"] in ("unavailable", "not_a_member"), answer
                refused.append(answer)
                tab.call("room:join", {"room": room}, timeout=2 * PATIENCE)

    threads = [threading.Thread(target=work) for work in (push, push, talk)]
    for thread in threads:
        thread.start()
    chance = random.Random(11)
    memory = []
    try:
        for number in range(KILLS):
            time.sleep(chance.uniform(0.05, 0.4))
            kill(isolated, ("notifications", "rooms")[number % 2])
            memory.append(resident(isolated.server.process.pid))
    finally:
        over.set()
        for thread in threads:
            thread.join(6 * PATIENCE)
    assert not any(thread.is_alive() for thread in threads), isolated.log
    assert tab.connected and watcher.connected and not tab.disconnects and not watcher.disconnects
    assert rows and messages
    # The first ends make the memory that later ones use again.
    assert memory[-1] - memory[len(memory) // 4] < 32 << 20, memory
    print(
        f"{KILLS} kills: {len(rows)} rows and {len(messages)} messages acknowledged, {len(refused)} refused,"
        f" memory of the daemon {memory[0] >> 20} to {memory[-1] >> 20} MiB"
    )
    worker(isolated, "notifications"), worker(isolated, "rooms")
    stored, after = set(), None
    while True:
        page = person.get("/v1/notifications", params={"limit": 100, **({"after": after} if after else {})}).json()
        stored.update(item["id"] for item in page["items"])
        after = page["next"]
        if after is None:
            break
    assert set(rows) <= stored
    tab.call("room:join", {"room": room})
    assert tab.call("room:message", {"room": room, "body": "after"}).get("id")


def test_metrics_count_the_ends_of_a_worker_and_the_log_has_a_line_for_each(isolated):
    first = kill(isolated, "rooms")
    line = isolated.logged("the worker process ended by signal 9")
    assert "the next one starts in" in line
    isolated.logged("a new worker process")
    assert worker(isolated, "rooms") != first
    metrics = requests.get(f"{isolated.address}/metrics", timeout=PATIENCE).text
    assert 'jackfield_plugin_worker_restarts_total{plugin="rooms"} 1' in metrics
    assert 'jackfield_plugin_worker_exits_total{plugin="rooms",reason="signal"} 1' in metrics


@pytest.mark.parametrize("fault", ["null", "abort", "throw", "overflow", "illegal", "trap", "divide"])
def test_a_fault_ends_the_worker_and_the_client_reads_unavailable(serve, compiled, fault):
    path = compiled("crash/crash.cpp")
    daemon = serve(plugins=[{"path": path, "isolation": "process"}])
    tab = daemon.person("ann").open_tab()
    for _ in range(2):
        answer = tab.call(fault)
        assert answer["error"]["code"] == "unavailable" and "'bad'" in answer["error"]["message"]
    assert tab.connected and not tab.disconnects
    assert f"while it ran the handler of '{fault}' of '/'" in daemon.logged("the worker process ended by signal")
    daemon.logged("CRITICAL fatal: SIG")


def test_a_worker_that_hangs_is_replaced_and_queued_events_wait_for_the_next_one(serve, compiled):
    path = compiled("slow/slow.c")
    daemon = serve(plugins=[{"path": path, "isolation": "process", "worker": {"hangAfter": 500}}])
    tab = daemon.person("ann").open_tab()
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(tab.call("sleep", 60_000, timeout=3 * PATIENCE)))
    waiting.start()
    daemon.logged("it made no progress for")
    waiting.join(3 * PATIENCE)
    assert answers and answers[0]["error"]["code"] == "unavailable", answers
    assert tab.connected
