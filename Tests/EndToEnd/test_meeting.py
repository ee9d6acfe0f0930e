"""samples/meeting-c, an application as large as a real one: each of its 27 events, its own authentication, and its
HTTP routes, with real clients."""

import time

import pytest
import requests
import socketio

from conftest import TESTS
from harness.tab import PATIENCE, Refused, Tab
from server import compile_plugin

PEOPLE = {"alice": {"key": "ka"}, "bob": {"key": "kb"}, "carol": {"key": "kc"}, "root": {"key": "kr", "staff": True}}


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    return str(compile_plugin(TESTS.parent / "samples/meeting-c/meeting.c", tmp_path_factory.mktemp("meeting")))


@pytest.fixture
def meeting(serve, library):
    plugin = {"path": library, "required": True, "config": {"people": PEOPLE}}
    return serve(auth=False, plugins=[plugin], contracts="strict")


@pytest.fixture
def join(meeting):
    """`join("alice", "/", "/board")`: a client with the person's key in these namespaces."""
    tabs = []

    def open_tab(name, *namespaces, key=None, **options):
        auth = {"name": name, "key": key or PEOPLE[name]["key"]}
        tabs.append(Tab(meeting.address, None, namespaces=namespaces or ("/",), auth=auth, **options))
        return tabs[-1]

    yield open_tab
    for tab in tabs:
        tab.close()


# Who may join


def test_a_wrong_key_is_refused_with_the_plugins_own_code(join):
    with pytest.raises(Refused) as refused:
        join("alice", key="wrong")
    assert refused.value.code == "wrong_key"


def test_the_staff_namespace_takes_staff_only(join):
    with pytest.raises(Refused) as refused:
        join("alice", "/staff")
    assert refused.value.code == "not_staff"
    assert join("root", "/staff").call("stats", namespace="/staff")["online"] == 1


def test_the_plugin_names_the_user_and_adds_claims_and_data(join):
    hello = join("alice").call("hello")
    assert hello["user"] == "alice"
    assert hello["about"]["claims"] == {"staff": False}
    assert hello["about"]["data"] == {"status": "here"}


@pytest.mark.parametrize("transports, expected", [(["polling"], "polling"), (["websocket"], "websocket")])
def test_a_socket_knows_its_id_connection_and_current_transport(join, transports, expected):
    tab = join("alice", transports=transports)
    hello = tab.call("hello")
    assert hello["id"] == tab.sid
    assert hello["about"]["connection"]["transport"] == expected


def test_the_current_transport_is_websocket_after_the_upgrade(join):
    tab = join("alice", transports=["polling", "websocket"])
    deadline = time.monotonic() + PATIENCE
    while tab.call("hello")["about"]["connection"]["transport"] != "websocket":
        assert time.monotonic() < deadline, "the transport of the socket stays polling"
    assert tab.transport == "websocket"


def test_a_session_counts_what_its_own_socket_did(join):
    alice, bob = join("alice"), join("bob")
    assert [alice.call("hello")["events"], alice.call("hello")["events"], bob.call("hello")["events"]] == [1, 2, 1]


def test_a_decision_may_come_later(join):
    assert join("alice", "/board").call("hello", namespace="/board")["user"] == "alice"


# "/"


def test_one_declaration_answers_in_all_namespaces(join):
    tab = join("root", "/", "/board", "/staff")
    for namespace in ("/", "/board", "/staff"):
        assert list(tab.call("ping", 1, "two", b"three", namespace=namespace)) == [1, "two", b"three"]


def test_rooms_tell_who_enters_speaks_types_and_leaves(join):
    alice, bob, carol = join("alice"), join("bob"), join("carol")
    assert alice.call("enter", {"room": "r"}) == {"ok": True}
    assert bob.call("enter", {"room": "r"}) == {"ok": True}
    assert alice.expect("entered") == {"room": "r", "user": "bob"}
    assert bob.call("say", {"room": "r", "text": "good morning"}) == {"ok": True}
    assert alice.expect("said") == {"room": "r", "user": "bob", "text": "good morning"}
    bob.emit("typing", {"room": "r"})
    assert alice.expect("typing")["user"] == "bob"
    assert sorted(carol.call("members", {"room": "r"})) == ["alice", "bob"]
    assert bob.call("exit", {"room": "r"}) == {"ok": True}
    assert alice.expect("left") == {"room": "r", "user": "bob"}
    carol.expect_none("said", 0)


def test_a_text_whose_json_is_much_longer_arrives_whole(join):
    alice, bob = join("alice"), join("bob")
    for tab in (alice, bob):
        tab.call("enter", {"room": "r"})
    text = "\x01" * 500
    assert alice.call("say", {"room": "r", "text": text}) == {"ok": True}
    assert bob.expect("said") == {"room": "r", "user": "alice", "text": text}
    alice.call("remind", {"ms": 1, "text": text[:256]})
    assert alice.expect("reminder") == {"text": text[:256]}


def test_the_rooms_of_a_lost_socket_are_told_why(join):
    alice, bob = join("alice"), join("bob")
    for tab in (alice, bob):
        tab.call("enter", {"room": "r"})
    bob.lose()
    left = alice.expect("left")
    assert left["user"] == "bob" and left["reason"] in ("transport error", "transport close")


def test_a_status_becomes_data_and_reaches_the_others(join):
    alice, bob = join("alice"), join("bob")
    assert alice.call("status", {"text": "away"}) == {"ok": True}
    assert bob.expect("status") == {"user": "alice", "status": "away"}
    assert alice.call("hello")["about"]["data"] == {"status": "away"}
    alice.expect_none("status", 0)


def test_a_direct_message_reaches_all_tabs_of_a_user(join):
    alice, first, second = join("alice"), join("bob"), join("bob")
    assert alice.call("direct", {"user": "bob", "text": "hi"}) == {"online": True}
    assert first.expect("direct") == second.expect("direct") == {"from": "alice", "text": "hi"}
    assert alice.call("direct", {"user": "carol", "text": "hi"}) == {"online": False}


def test_a_poll_collects_what_every_client_of_a_room_answers(join):
    alice, bob, carol = join("alice"), join("bob"), join("carol")
    for tab in (alice, bob, carol):
        tab.call("enter", {"room": "r"})
    bob.client.on("poll", lambda question: "yes")
    carol.client.on("poll", lambda question: {"not": "sure"})
    result = alice.call("poll", {"room": "r", "question": "lunch?", "timeout": 5000})
    assert (result["asked"], result["complete"]) == (2, True)
    assert sorted(map(str, result["answers"])) == ["['yes']", "[{'not': 'sure'}]"]


def test_a_poll_that_runs_out_of_time_has_the_answers_that_came(join):
    alice, bob, carol = join("alice"), join("bob"), join("carol")
    for tab in (alice, bob, carol):
        tab.call("enter", {"room": "r"})
    bob.client.on("poll", lambda question: "yes")
    carol.client.on("poll", lambda question: time.sleep(2))
    result = alice.call("poll", {"room": "r", "question": "lunch?", "timeout": 500})
    assert result == {"asked": 2, "complete": False, "answers": [["yes"]]}


def test_a_question_is_answered_by_the_other_client(join):
    alice, bob = join("alice"), join("bob")
    bob.client.on("question", lambda question: f"dear {question['from']}, yes")
    assert alice.call("question", {"to": "bob", "text": "well?"}) == "dear alice, yes"
    assert alice.call("question", {"to": "carol", "text": "well?"})["error"]["code"] == "not_found"


def test_reminders_come_and_may_be_forgotten(join):
    alice = join("alice")
    kept = alice.call("remind", {"ms": 60_000, "text": "much later"})["timer"]
    alice.call("remind", {"ms": 20, "text": "soon"})
    assert alice.expect("reminder") == {"text": "soon"}
    assert alice.call("forget", {"timer": kept}) == {"ok": True}
    assert alice.call("forget", {"timer": kept})["error"]["code"] == "not_found"


def test_presence_is_watched_and_unwatched(join):
    alice = join("alice")
    assert alice.call("watch", {"user": "bob"}) == {"ok": True}
    bob = join("bob")
    assert alice.expect("presence") == {"user": "bob", "online": True}
    assert alice.call("unwatch", {"user": "bob"}) == {"ok": True}
    bob.close()
    alice.expect_none("presence", 1)


def test_files_go_up_and_down_as_bytes(join):
    alice = join("alice")
    octets = bytes(range(256)) * 16
    uploaded = alice.call("upload", octets)
    assert uploaded == {"number": 0, "size": len(octets)}
    assert alice.call("download", 0) == octets
    assert alice.call("download", 1)["error"]["code"] == "not_found"
    assert alice.call("upload", "no bytes")["error"]["code"] == "invalid_arguments"


def test_long_work_is_answered_from_a_thread_of_the_plugins_own(join):
    alice = join("alice")
    for _ in range(40):
        assert alice.call("count-words", {"text": "three short words"}) == {"words": 3}


@pytest.mark.parametrize(
    "event, argument, message",
    [
        # By the signature of the event, before the handler runs
        ("status", {}, "argument 1 'input', member 'text' is missing: expected string"),
        ("enter", {"room": 7}, "argument 1 'input', member 'room': expected string, got number"),
        ("exit", None, "argument 1 'input': expected {room: string}, got null"),
        ("say", {"room": "r"}, "argument 1 'input', member 'text' is missing: expected string"),
        ("members", [], "argument 1 'input': expected {room: string}, got array"),
        ("question", {"to": "bob"}, "argument 1 'input', member 'text' is missing: expected string"),
        ("forget", {"timer": 5}, "argument 1 'input', member 'timer': expected string, got number"),
        ("watch", "bob", "argument 1 'input': expected {user: string}, got string"),
        ("unwatch", {"users": "bob"}, "argument 1 'input': unknown member 'users'; did you mean 'user'?"),
        ("upload", "text", "argument 1 'file': expected bytes, got string"),
        ("count-words", {"text": 1}, "argument 1 'input', member 'text': expected string, got number"),
        # By the handler
        ("direct", {"user": "", "text": "hi"}, "send {user, text}: 1 to 64 and 1 to 512 bytes"),
        ("poll", {"room": "r", "question": "q", "timeout": 0}, "send {room, question, timeout}: "),
        ("remind", {"ms": -1, "text": "x"}, "send {ms, text}: 0 to 86400000 and 1 to 256 bytes"),
        ("enter", {"room": "r" * 129}, "send {room}: 1 to 128 bytes"),
    ],
)
def test_wrong_arguments_are_answered_precisely(join, event, argument, message):
    error = join("alice").call(event, argument)["error"]
    assert error["code"] == "invalid_arguments" and error["message"].startswith(message)


# "/board"


def test_strokes_reach_the_others_and_stay_in_the_snapshot(join):
    alice, bob = join("alice", "/board"), join("bob", "/board")
    for number in range(12):
        assert alice.call("draw", bytes([number]) * 100, namespace="/board") == {"ok": True}
        assert bob.expect("drawn") == bytes([number]) * 100
    assert bob.call("snapshot", namespace="/board") == [bytes([number]) * 100 for number in range(2, 12)]
    assert bob.call("clear", namespace="/board") == {"ok": True}
    assert alice.expect("cleared") == ()
    assert bob.call("snapshot", namespace="/board") == []


def test_a_cursor_reaches_the_others_of_the_board(join):
    alice, bob = join("alice", "/board"), join("bob", "/board")
    alice.emit("cursor", {"x": 1, "y": 2}, namespace="/board")
    assert bob.expect("cursor") == {"x": 1, "y": 2}


# "/staff"


def test_staff_sees_every_socket_of_every_namespace(join):
    join("alice").call("enter", {"room": "r"})
    join("bob", "/board")
    found = join("root", "/staff").call("sockets", namespace="/staff")
    assert sorted((one["user"], one["nsp"]) for one in found) == [("alice", "/"), ("bob", "/board"), ("root", "/staff")]
    alice = next(one for one in found if one["user"] == "alice")
    assert (
        "r" in alice["rooms"]
        and alice["data"] == {"status": "here"}
        and alice["connection"]["transport"] == "websocket"
    )


def test_staff_kicks_every_tab_of_a_user_and_nobody_else(join):
    first, second, alice, root = join("bob"), join("bob", "/board"), join("alice"), join("root", "/staff")
    assert root.call("kick", {"user": "bob"}, namespace="/staff") == {"ok": True}
    first.wait_until_disconnected()
    second.wait_until_disconnected()
    assert alice.call("ping", 1) == 1


def test_staff_cannot_kick_everybody_with_an_empty_name(join):
    alice, root = join("alice"), join("root", "/staff")
    assert root.call("kick", {"user": ""}, namespace="/staff")["error"]["code"] == "invalid_arguments"
    assert alice.call("ping", 1) == 1


def test_staff_moves_everybody_of_one_room_into_another(join):
    alice, bob, root = join("alice"), join("bob"), join("root", "/", "/staff")
    alice.call("enter", {"room": "old"})
    bob.call("enter", {"room": "new"})
    assert root.call("move", {"from": "old", "to": "new"}, namespace="/staff") == {"ok": True}
    assert alice.expect("moved") == ()
    assert sorted(bob.call("members", {"room": "new"})) == ["alice", "bob"]
    assert bob.call("members", {"room": "old"}) == []


def test_staff_announces_to_every_namespace(join):
    alice, bob, root = join("alice"), join("bob", "/board"), join("root", "/staff")
    assert root.call("announce", {"text": "fire drill"}, namespace="/staff") == {"ok": True}
    assert (
        alice.expect("announcement")
        == bob.expect("announcement")
        == root.expect("announcement")
        == {"text": "fire drill"}
    )


def test_staff_counts_what_happened(join):
    alice, root = join("alice"), join("root", "/staff")
    alice.call("say", {"room": "r", "text": "hi"})
    stats = root.call("stats", namespace="/staff")
    assert (stats["joined"], stats["said"], stats["online"]) == (2, 1, 2)
    assert abs(stats["now"] / 1000 - time.time()) < 60


# HTTP and the handshake


def test_a_closed_service_opens_no_session_and_says_why(meeting, join):
    alice = join("alice")
    assert requests.post(f"{meeting.address}/v1/meeting/close", timeout=PATIENCE).status_code == 204
    refused = requests.get(f"{meeting.address}/socket.io/?EIO=4&transport=polling", timeout=PATIENCE)
    assert (refused.status_code, refused.json()) == (403, {"code": 4, "message": "the meeting service is closed"})
    assert alice.call("ping", 1) == 1
    assert requests.post(f"{meeting.address}/v1/meeting/open", timeout=PATIENCE).status_code == 204
    join("bob")


def test_the_handshake_adds_headers_to_the_first_response_and_to_every_one(meeting):
    url = f"{meeting.address}/socket.io/?EIO=4&transport=polling"
    first = requests.get(url, timeout=PATIENCE)
    assert (first.headers["x-meeting-session"], first.headers["x-meeting-version"]) == ("new", "1")
    sid = first.text.split('"sid":"')[1].split('"')[0]
    second = requests.post(f"{url}&sid={sid}", data="40", timeout=PATIENCE)
    assert "x-meeting-session" not in second.headers
    assert second.headers["x-meeting-version"] == "1"


def test_a_wrong_configuration_is_one_precise_line(serve, library):
    daemon = serve(auth=False, plugins=[{"path": library, "config": {"people": {"alice": {}}}}])
    deadline = time.monotonic() + PATIENCE
    while "config.people: every person needs a key" not in daemon.log:
        assert time.monotonic() < deadline, daemon.log
        time.sleep(0.05)
    assert requests.get(f"{daemon.address}/healthz", timeout=PATIENCE).status_code == 200
    with pytest.raises((socketio.exceptions.ConnectionError, Refused)):
        Tab(daemon.address, None, namespaces=("/board",), auth={"name": "alice", "key": "ka"})
