"""What comes from outside is compared byte by byte: texts that Unicode calls equivalent are different names, and the
time depends only on the length."""

import json
import time

import pytest

from harness.tab import Refused
from harness.tokens import token
from harness.wireclient import RawSocket

#: Texts that Unicode calls equivalent, and that no id may be confused with: KELVIN SIGN and K, composed and decomposed,
#: ANGSTROM SIGN.
EQUIVALENT = [("K", "\u212a"), ("ren\u00e9", "rene\u0301"), ("\u00c5", "\u212b")]

#: Seconds in which the host must answer.
SOON = 2.0


def hostile(size):
    """This many bytes of combining marks, for whose normalization Unicode needs a time that grows with the square of
    the number."""
    return "a" + "\u0301" * (size // 4) + "\u0316" * (size // 4)


@pytest.fixture
def stranger(daemon):
    """Another client, which must be answered meanwhile."""
    return daemon.person("stranger").open_tab()


@pytest.fixture(params=EQUIVALENT, ids=["kelvin", "accent", "angstrom"])
def twins(request):
    return request.param


# ---------------------------------------------------------------------------------------------- equivalent is not equal


def test_of_two_users_with_equivalent_ids_one_can_be_online(daemon, twins):
    here, away = twins
    daemon.person(here).open_tab()
    watcher = daemon.person("watcher").open_tab()
    snapshot = watcher.call("presence:watch", [here, away])
    assert [(entry["user"], entry["online"]) for entry in snapshot] == [(here, True), (away, False)]
    daemon.person(away).open_tab()
    assert watcher.expect("presence:online")["user"] == away
    watcher.expect_none("presence:online", 0)


def test_what_is_sent_to_a_user_does_not_reach_one_with_an_equivalent_id(daemon, twins):
    one, other = twins
    mine, theirs = daemon.person(one).open_tab(), daemon.person(other).open_tab()
    sender = daemon.person("ops", scope="notifications:write")
    assert sender.post("/v1/notifications", {"user_id": one, "type": "t", "title": "for one"}).status_code == 201
    assert mine.expect("notification:new")["title"] == "for one"
    theirs.expect_none("notification:new", 0.2)


def test_two_users_with_equivalent_ids_are_two_members_of_a_room(daemon, twins):
    tabs = [daemon.person(user).open_tab() for user in twins]
    room = tabs[0].call("room:create", {"name": "The lounge"})["id"]
    for tab in tabs:
        tab.call("room:join", {"room": room})
    assert sorted(member["user"] for member in tabs[0].call("room:members", {"room": room})["items"]) == sorted(twins)
    tabs[1].call("room:leave", {"room": room})
    assert [member["user"] for member in tabs[0].call("room:members", {"room": room})["items"]] == [twins[0]]


def test_a_token_of_a_user_with_an_equivalent_id_refreshes_nothing(daemon, twins):
    tab = daemon.person(twins[0]).open_tab()
    assert tab.call("auth:refresh", token(twins[1]))["error"]["code"] == "token_claims"
    assert tab.call("auth:refresh", token(twins[0]))["ok"] is True


def test_a_request_with_another_body_of_equivalent_text_is_no_replay(daemon):
    sender = daemon.person("ops", scope="notifications:write")
    headers = {"Idempotency-Key": "k-1"}
    assert (
        sender.post("/v1/notifications", {"user_id": "bob", "type": "t", "title": "caf\u00e9"}, headers).status_code
        == 201
    )
    answer = sender.post("/v1/notifications", {"user_id": "bob", "type": "t", "title": "cafe\u0301"}, headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")


# -------------------------------------------------------------------------------- an id is the id of a user, or refused


@pytest.mark.parametrize(
    "user",
    ["alice\0x", "a\nb", "\x7f", "", "x" * 257, "é" * 129],
    ids=["nul", "newline", "delete", "empty", "long", "long in bytes"],
)
def test_a_token_whose_user_is_no_id_is_refused_everywhere(daemon, user):
    for way in (["polling"], ["websocket"]):
        with pytest.raises(Refused) as refused:
            daemon.tab(token(user), transports=way)
        assert refused.value.code == "token_claims"
    answer = daemon.get("/v1/presence", headers={"Authorization": f"Bearer {token(user)}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "token_claims")


def test_a_user_of_as_many_bytes_as_are_allowed_is_one(daemon):
    user = "é" * 128
    tab = daemon.person(user).open_tab()
    assert tab.call("presence:watch", [user])[0]["online"] is True
    sender = daemon.person("ops", scope="notifications:write")
    assert (
        sender.post("/v1/notifications", {"user_id": user, "type": "t", "title": "hello"}).json()["delivered"] is True
    )
    assert tab.expect("notification:new")["title"] == "hello"


def test_a_wrong_id_to_watch_is_named(daemon):
    tab = daemon.person("alice").open_tab()
    for wrong, words in (
        (["bob", "a\0b"], "control character"),
        (["x" * 257], "257 bytes"),
        (["bob", ""], "is empty"),
        ([3], "text"),
    ):
        for event in ("presence:watch", "presence:unwatch"):
            error = tab.call(event, wrong)["error"]
            assert error["code"] == "invalid_arguments" and words in error["message"], (event, error)
    assert tab.call("presence:watch", ["bob"])[0]["user"] == "bob"


def test_a_wrong_id_in_a_path_is_400(daemon):
    alice = daemon.person("alice")
    for wrong in ("a%00b", "x" * 257, "a%0Ab"):
        answer = alice.get(f"/v1/presence/{wrong}")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_arguments"), answer.text


@pytest.mark.parametrize("user", ["a\nb", "é" * 200], ids=["newline", "long in bytes"])
def test_nobody_is_notified_by_a_wrong_id(daemon, user):
    answer = daemon.person("ops", scope="notifications:write").post(
        "/v1/notifications", {"user_id": user, "type": "t", "title": "t"}
    )
    assert answer.status_code == 400 and "user_id" in answer.json()["detail"]


# ----------------------------------------------------------------------------------- no text costs more than its length


def in_time(tab, event, argument):
    began = time.monotonic()
    answer = tab.call(event, argument)
    assert time.monotonic() - began < SOON, f"{event} took {time.monotonic() - began:.1f} s"
    return answer


@pytest.mark.parametrize("event", ["room:leave", "room:join", "room:members", "room:message", "room:history"])
def test_a_long_room_id_is_refused_at_once(daemon, event):
    tab = daemon.person("alice").open_tab()
    # In a room first, so that there is a name to compare with.
    tab.call("room:join", {"room": tab.call("room:create", {"name": "The lounge"})["id"]})
    error = in_time(tab, event, {"room": hostile(160_000), "body": "hello"})["error"]
    assert error["code"] == "invalid_arguments" and "160001" in error["message"], error


@pytest.mark.parametrize("argument", [{"id": hostile(160_000)}, {"ids": [hostile(160_000)]}], ids=["id", "ids"])
def test_a_long_notification_id_is_refused_at_once(daemon, argument):
    error = in_time(daemon.person("alice").open_tab(), "notification:read", argument)["error"]
    assert error["code"] == "invalid_arguments", error


def test_long_ids_to_watch_are_refused_at_once_and_hold_nobody_up(daemon, stranger):
    tab = daemon.person("alice").open_tab()
    tab.call("presence:watch", ["bob"])
    error = in_time(tab, "presence:watch", [hostile(60_000), hostile(60_000) + "b"])["error"]
    assert error["code"] == "invalid_arguments"
    assert in_time(stranger, "presence:watch", ["bob"])[0]["user"] == "bob"


def test_a_request_with_hostile_keys_takes_no_time(daemon):
    sender = daemon.person("ops", scope="notifications:write")
    # More members than are searched one by one.
    members = {f"m{number}": number for number in range(20)} | {hostile(80_000): 1, hostile(80_000) + "b": 2}
    began = time.monotonic()
    assert sender.post("/v1/notifications", {"user_id": "bob", "type": "t", "title": "t", **members}).status_code == 201
    assert time.monotonic() - began < SOON


def test_hostile_namespaces_and_event_names_take_no_time(daemon, stranger):
    socket = RawSocket(daemon.port)
    began = time.monotonic()
    socket.send(f"40/{hostile(250)}," + json.dumps({"token": token()}))
    assert socket.receive().startswith("44/")
    socket.connect(token())
    socket.send('420["' + hostile(500) + '"]')
    while "unknown_event" not in (heard := socket.receive()):
        assert heard.startswith("42"), heard
    assert time.monotonic() - began < SOON
    socket.close()
