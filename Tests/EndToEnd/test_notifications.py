"""Notifications: the row is stored first and emitted second, and comes back either way."""

import json
import re
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.session import Session
from harness.tab import PATIENCE
from harness.tokens import token

FIELDS = {"id", "user_id", "type", "title", "body", "data", "created_at", "seen_at", "read_at"}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture
def ops(daemon):
    """A user who may notify others."""
    return daemon.person("ops", scope="notifications:write")


def push(ops, user="alice", title="Hello", headers=None, **more):
    answer = ops.post(
        "/v1/notifications", {"user_id": user, "type": "greeting", "title": title, **more}, headers=headers
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def without_delivered(row):
    return {name: value for name, value in row.items() if name != "delivered"}


def wait_until(condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "it does not come true"
        time.sleep(0.02)


def titles(page):
    return [row["title"] for row in page["items"]]


def test_a_notification_to_an_online_user_arrives_on_both_tabs(daemon, ops):
    alice = daemon.person("alice")
    tabs = [alice.open_tab(), alice.open_tab(transports=["polling"])]
    bob = daemon.person("bob").open_tab()
    row = push(ops, body="How are you?", data={"deep": [1, None, "ü"]})
    assert row["delivered"] is True
    for tab in tabs:
        assert tab.expect("notification:new") == without_delivered(row)
        tab.expect("notification:count", where=lambda count: count == 1)
    bob.expect_none("notification:new", 0.2)


def test_a_row_has_the_fields_of_the_contract(ops):
    row = push(ops, body="How are you?", data={"deep": [1, None, "ü"]})
    assert set(row) - {"delivered"} == FIELDS
    assert (row["user_id"], row["type"], row["title"], row["body"]) == ("alice", "greeting", "Hello", "How are you?")
    assert row["data"] == {"deep": [1, None, "ü"]}
    assert RFC3339.fullmatch(row["created_at"])
    assert row["read_at"] is None


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("noticed", [True, False], ids=["the host has noticed", "half open"])
def test_row_24_a_notification_that_is_pushed_while_the_connection_is_lost_arrives_when_it_is_recovered(
    serve, services, transport, noticed
):
    daemon = serve(plugins=services("notifications"), connectionStateRecovery=True)
    ops = daemon.person("ops", scope="notifications:write")
    alice, auth = daemon.person("alice"), {"token": token("alice")}
    lost = Session(daemon.port, transport, connect="40" + json.dumps(auth))
    assert json.loads(lost.receive()[2:])[:2] == ["notification:count", 0]
    if noticed:
        lost.way.post("1") if lost.polling else lost.way.close()
        wait_until(lambda: alice.get("/v1/presence/alice").json()["connections"] == 0)
    rows = [push(ops, title=title) for title in ("one", "two")]
    assert [row["delivered"] for row in rows] == [not noticed] * 2
    back = Session(daemon.port, transport, connect=None)
    back.send("40" + json.dumps({**auth, "pid": json.loads(lost.connected[2:])["pid"]}))
    events = []
    while not (packet := back.receive()).startswith("40"):
        events.append(json.loads(packet[2:])[:2])
    assert packet == lost.connected
    # The count that the first connection received is sent again, because the client names no offset.
    assert events == [
        ["notification:count", 0],
        ["notification:new", without_delivered(rows[0])],
        ["notification:count", 1],
        ["notification:new", without_delivered(rows[1])],
        ["notification:count", 2],
    ]
    assert json.loads(back.receive()[2:])[:2] == ["notification:count", 2]


def test_a_notification_that_is_pushed_while_the_connection_is_lost_for_good_waits_in_the_list(serve, services):
    daemon = serve(plugins=services("notifications"), connectionStateRecovery={"maxDisconnectionDuration": 100})
    alice, auth = daemon.person("alice"), {"token": token("alice")}
    lost = Session(daemon.port, "websocket", connect="40" + json.dumps(auth))
    lost.way.close()
    wait_until(lambda: alice.get("/v1/presence/alice").json()["connections"] == 0)
    row = push(daemon.person("ops", scope="notifications:write"))
    time.sleep(0.5)
    back = Session(
        daemon.port, "websocket", connect="40" + json.dumps({**auth, "pid": json.loads(lost.connected[2:])["pid"]})
    )
    assert json.loads(back.connected[2:])["sid"] != json.loads(lost.connected[2:])["sid"]
    assert json.loads(back.receive()[2:])[:2] == ["notification:count", 1]
    back.send('421["notification:list",{"status":"unread"}]')
    assert [item["id"] for item in json.loads(back.receive().removeprefix("431"))[0]["items"]] == [row["id"]]


def test_a_notification_to_an_offline_user_is_stored_and_waits_in_the_list(daemon, ops):
    row = push(ops)
    assert row["delivered"] is False
    tab = daemon.person("alice").open_tab()
    page = tab.call("notification:list", {})
    assert [item["id"] for item in page["items"]] == [row["id"]] and page["next"] is None
    assert daemon.person("alice").get("/v1/notifications").json()["items"][0]["id"] == row["id"]


def test_the_row_survives_a_restart(daemon, ops):
    row = push(ops)
    daemon.restart()
    assert [item["id"] for item in daemon.person("alice").get("/v1/notifications").json()["items"]] == [row["id"]]


def test_a_tab_is_told_its_count_when_it_connects_and_after_each_change(daemon, ops):
    push(ops), push(ops)
    tab = daemon.person("alice").open_tab()
    assert tab.expect("notification:count") == 2
    push(ops)
    assert tab.expect("notification:count") == 3


def test_reading_one_is_pushed_as_a_count_to_all_tabs(daemon, ops):
    alice = daemon.person("alice")
    rows = [push(ops, title=f"number {number}") for number in range(3)]
    tabs = [alice.open_tab(), alice.open_tab()]
    for tab in tabs:
        assert tab.expect("notification:count") == 3
    assert "error" not in tabs[0].call("notification:read", {"id": rows[0]["id"]})
    for tab in tabs:
        assert tab.expect("notification:count") == 2
    assert titles(tabs[1].call("notification:list", {"status": "unread"})) == ["number 2", "number 1"]
    assert "error" not in tabs[1].call("notification:read", {"ids": [row["id"] for row in rows]})
    for tab in tabs:
        assert tab.expect("notification:count") == 0
    assert all(row["read_at"] for row in tabs[0].call("notification:list", {})["items"])


def test_reading_all_over_the_socket_and_over_http(daemon, ops):
    alice = daemon.person("alice")
    tab = alice.open_tab()
    push(ops), push(ops)
    assert "error" not in tab.call("notification:read", {"all": True})
    assert unread(alice) == 0
    row = push(ops)
    assert alice.post(f"/v1/notifications/{row['id']}/read").ok
    assert unread(alice) == 0
    push(ops)
    assert unread(alice) == 1
    tab.expect("notification:count", where=lambda count: count == 1)
    tab.forget("notification:count")
    assert alice.post("/v1/notifications/read-all").ok
    assert unread(alice) == 0
    # The tab gets the count after the change over HTTP. No other follows, but that of the push may still arrive before
    # it.
    tab.expect("notification:count", where=lambda count: count == 0)


def unread(person):
    return person.get("/v1/notifications/count").json()["count"]


def test_pages_hold_newest_first_and_continue_where_they_ended(daemon, ops):
    for number in range(7):
        push(ops, title=f"number {number}")
    alice, seen, after = daemon.person("alice"), [], None
    for _ in range(3):
        page = alice.get("/v1/notifications", params={"limit": 3, **({"after": after} if after else {})}).json()
        seen, after = seen + titles(page), page["next"]
    assert seen == [f"number {number}" for number in reversed(range(7))] and after is None
    tab = alice.open_tab()
    first = tab.call("notification:list", {"limit": 3})
    # `after` may be the cursor of the page before, or the id of its last row.
    assert titles(tab.call("notification:list", {"limit": 3, "after": first["next"]})) == [
        "number 3",
        "number 2",
        "number 1",
    ]
    assert titles(tab.call("notification:list", {"limit": 3, "after": first["items"][-1]["id"]})) == [
        "number 3",
        "number 2",
        "number 1",
    ]


def test_ids_sort_by_time(ops):
    ids = [push(ops)["id"] for _ in range(20)]
    assert ids == sorted(ids) and len(set(ids)) == 20


def test_the_same_idempotency_key_makes_one_row(daemon, ops):
    tab, key = daemon.person("alice").open_tab(), {"Idempotency-Key": str(uuid.uuid4())}
    first, second = push(ops, headers=key), push(ops, headers=key)
    assert without_delivered(first) == without_delivered(second)
    tab.expect("notification:new")
    tab.expect_none("notification:new", 0.2)
    assert len(daemon.person("alice").get("/v1/notifications").json()["items"]) == 1


def test_the_same_idempotency_key_at_once_makes_one_row(daemon, ops):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: push(ops, headers=key)["id"], range(8)))
    assert len(ids) == 1


def test_an_idempotency_key_belongs_to_its_caller(daemon, ops):
    key = {"Idempotency-Key": "the-same-for-both"}
    other = daemon.person("other-ops", scope="notifications:write")
    assert push(ops, headers=key)["id"] != push(other, headers=key)["id"]


def test_acting_for_others_takes_the_scope(daemon):
    body = {"user_id": "alice", "type": "greeting", "title": "Hello"}
    answer = daemon.person("mallory").post("/v1/notifications", body)
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert (
        daemon.person("mallory", scope="notifications:writer other").post("/v1/notifications", body).status_code == 403
    )
    assert daemon.person("ops", scope="other notifications:write").post("/v1/notifications", body).status_code == 201


def test_nobody_sees_or_reads_the_notifications_of_others(daemon, ops):
    row = push(ops)
    bob = daemon.person("bob")
    assert bob.get("/v1/notifications").json()["items"] == []
    assert bob.post(f"/v1/notifications/{row['id']}/read").status_code == 404
    tab = bob.open_tab()
    tab.call("notification:read", {"id": row["id"]})
    assert tab.call("notification:list", {})["items"] == []
    assert unread(daemon.person("alice")) == 1


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "text",
        7,
        {},
        {"user_id": "alice"},
        {"user_id": "alice", "type": "t"},
        {"user_id": 7, "type": "t", "title": "x"},
        {"user_id": "", "type": "t", "title": "x"},
        {"user_id": "alice", "type": "t", "title": ["x"]},
    ],
)
def test_a_body_that_is_no_notification_is_a_problem_and_not_a_row(daemon, ops, body):
    answer = ops.post("/v1/notifications", body)
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["detail"]
    assert daemon.person("alice").get("/v1/notifications").json()["items"] == []


@pytest.mark.parametrize("argument", [None, 7, "x", [], {"id": 7}, {"ids": "x"}, {"ids": [7]}, {"all": "yes"}, {}])
def test_a_read_that_says_nothing_useful_is_acked_as_an_error(daemon, argument):
    tab = daemon.person("alice").open_tab()
    assert tab.call("notification:read", argument)["error"]["code"]
    assert tab.connected


def test_a_hundred_pushes_at_once_all_arrive(daemon, ops):
    tab = daemon.person("alice").open_tab()
    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(lambda number: push(ops, title=str(number))["id"], range(100)))
    got = {tab.expect("notification:new", timeout=PATIENCE)["id"] for _ in range(100)}
    assert got == set(ids)
    assert unread(daemon.person("alice")) == 100
