"""What arrives is checked against the signatures that plugins declare, and what plugins emit, too."""

import re
import time

import pytest

from harness.tab import PATIENCE

NEWS = {"title": "rain", "count": 1}
WRONG_NEWS = {"title": "rain", "count": "one"}


def counted(daemon, metric, **labels):
    """The value of a counter with these labels in /metrics."""
    text = ",".join(f'{name}="{value}"' for name, value in labels.items())
    found = re.search(rf"^{metric}{{{re.escape(text)}}} (\d+)$", daemon.get("/metrics").text, re.MULTILINE)
    return int(found.group(1)) if found else 0


def wait_for_line(daemon, *words):
    until = time.monotonic() + PATIENCE
    while not any(all(word in line for word in words) for line in daemon.log.splitlines()):
        assert time.monotonic() < until, f"no line with {words} in\n{daemon.log}"
        time.sleep(0.02)


@pytest.fixture
def contracts(serve, compiled):
    """A plugin with typed events that emits what it is told: `contracts("strict")`."""
    return lambda mode: serve(
        plugins=[{"path": compiled("host/contracts.c"), "required": True}], auth=False, contracts=mode
    )


# What clients send


@pytest.mark.parametrize(
    "event, arguments, message",
    [
        ("room:join", [], "argument 1 'input' is missing: expected {room: string, ...}"),
        ("room:join", [None], "argument 1 'input': expected {room: string, ...}, got null"),
        ("room:join", [{"room": 7}], "argument 1 'input', member 'room': expected string, got number"),
        ("room:join", [{}], "argument 1 'input', member 'room' is missing: expected string"),
        ("room:create", [{"name": ["a"]}], "argument 1 'input', member 'name': expected string, got array"),
        ("room:message", [{"room": "r", "body": 1}], "argument 1 'input', member 'body': expected string, got number"),
        (
            "room:history",
            [{"room": "r", "limit": "ten"}],
            "argument 1 'input', member 'limit': expected i64?, got string",
        ),
        ("room:leave", [{"room": "r"}, 1], "expected 1 argument, got 2"),
        ("notification:list", [{"limit": 1.5}], "argument 1 'input', member 'limit': 1.5 is not a whole number"),
        ("notification:read", [{"ids": ["a", 2]}], "argument 1 'input', member 'ids', element 2: expected string"),
        ("notification:read", [], "argument 1 'input' is missing"),
    ],
)
def test_a_wrong_argument_is_answered_with_its_place_and_its_type(daemon, event, arguments, message):
    error = daemon.person("alice").open_tab().call(event, *arguments)["error"]
    assert error["code"] == "invalid_arguments"
    assert error["message"].startswith(message)


def test_wrong_arguments_are_counted_and_logged_also_without_an_ack(daemon):
    alice, bob = daemon.person("alice").open_tab(), daemon.person("bob").open_tab()
    for _ in range(10):
        alice.emit("room:join", {"room": 7})
    assert alice.call("room:join", {"room": 7})["error"]["code"] == "invalid_arguments"
    assert bob.call("room:create", {"name": "The lounge"})["name"] == "The lounge"
    labels = {"at": "event", "plugin": "rooms", "reason": "invalid_arguments"}
    assert counted(daemon, "jackfield_refusals_total", **labels) == 11
    wait_for_line(daemon, "an event was refused", "room:join: argument 1 'input', member 'room'")


def test_absent_and_null_optional_arguments_and_unknown_members_are_right(daemon):
    alice = daemon.person("alice").open_tab()
    for arguments in ([], [None], [{}], [{"status": None, "limit": 5.0, "colour": "red"}]):
        assert alice.call("notification:list", *arguments) == {"items": [], "next": None}
    assert alice.call("room:create", {"name": "The lounge", "colour": "red"})["created_by"] == "alice"


def test_an_event_without_a_contract_takes_any_arguments(contracts):
    tab = contracts("strict").tab(None)
    assert list(tab.call("untyped", 1, {"a": ["b"]}, b"c")) == [1, {"a": ["b"]}, b"c"]


# What plugins emit


@pytest.mark.parametrize("function", ["emit", "emit_ack", "broadcast", "broadcast_ack"])
def test_a_strict_daemon_sends_no_event_that_breaks_its_signature(contracts, function):
    daemon = contracts("strict")
    tab = daemon.tab(None)
    assert tab.call("tell", function, "news", [NEWS]) == 0
    assert tab.expect("news") == NEWS
    assert tab.call("tell", function, "news", [WRONG_NEWS]) == -2
    tab.expect_none("news", 0.1)
    wait_for_line(daemon, f"{function}: 'news' breaks its signature", "member 'count': expected i64, got string")
    assert counted(daemon, "jackfield_contract_violations_total", plugin="contracts", event="news") == 1


def test_by_default_such_an_event_is_sent_and_counted(serve, compiled):
    daemon = serve(plugins=[{"path": compiled("host/contracts.c"), "required": True}], auth=False)
    tab = daemon.tab(None)
    for _ in range(3):
        assert tab.call("tell", "broadcast", "news", [WRONG_NEWS]) == 0
        assert tab.expect("news") == WRONG_NEWS
    wait_for_line(daemon, "the event 'news' breaks its signature", "sent nevertheless")
    assert counted(daemon, "jackfield_contract_violations_total", plugin="contracts", event="news") == 3
    assert counted(daemon, "jackfield_contract_violations_total", plugin="contracts", event="picture") == 0


def test_with_checks_off_nothing_that_is_emitted_is_checked(contracts):
    daemon = contracts("off")
    tab = daemon.tab(None)
    assert tab.call("tell", "emit", "news", [WRONG_NEWS]) == 0
    assert tab.expect("news") == WRONG_NEWS
    assert "jackfield_contract_violations_total" not in daemon.get("/metrics").text
    assert tab.call("list", 1)["error"]["code"] == "invalid_arguments"


@pytest.fixture
def strict(serve, services):
    return serve(plugins=services("notifications", "rooms"), contracts="strict")


def test_what_the_first_party_plugins_emit_keeps_to_their_signatures(strict):
    alice, bob = strict.person("alice").open_tab(), strict.person("bob").open_tab()
    assert alice.expect("notification:count") == 0
    room = alice.call("room:create", {"name": "The lounge"})["id"]
    alice.call("room:join", {"room": room})
    assert alice.expect("room:joined")["user"] == "alice"
    bob.call("room:join", {"room": room})
    bob.call("room:message", {"room": room, "body": "hello"})
    assert alice.expect("room:message")["body"] == "hello"
    alice.call("room:invite", {"room": room, "user": "bob"})
    assert bob.expect("room:invited")["user"] == "alice"
    bob.call("room:leave", {"room": room})
    assert alice.expect("room:left")["user"] == "bob"
    row = {"user_id": "alice", "type": "t", "title": "hello", "data": {"any": ["thing"]}}
    ops = strict.person("ops", scope="notifications:write")
    assert ops.post("/v1/notifications", row).status_code == 201
    assert ops.post("/v1/notifications", {"user_id": "alice", "type": "t", "title": "no body"}).status_code == 201
    assert [alice.expect("notification:new")["title"] for _ in range(2)] == ["hello", "no body"]
    page = strict.get("/metrics").text
    values = re.findall(r'^jackfield_contract_violations_total{plugin="\w+",event="(.+)"} (\d+)$', page, re.MULTILINE)
    assert {event for event, _ in values} == {
        "notification:new",
        "notification:count",
        "room:invited",
        "room:joined",
        "room:left",
        "room:message",
    }
    assert {count for _, count in values} == {"0"}
