"""Rooms: only members can send and receive messages."""

import pytest


@pytest.fixture
def people(daemon):
    return daemon.person("alice"), daemon.person("bob"), daemon.person("carol")


@pytest.fixture
def talking(people):
    """A room with Alice and Bob in it, and Carol outside: the room, and a tab for each."""
    alice, bob, carol = (person.open_tab() for person in people)
    room = alice.call("room:create", {"name": "The lounge"})
    joined(alice, room)
    joined(bob, room)
    alice.expect("room:joined", where=lambda event: event["user"] == "bob")
    return room, alice, bob, carol


def joined(tab, room):
    answer = tab.call("room:join", {"room": room["id"]})
    assert not isinstance(answer, dict) or "error" not in answer, answer


def say(tab, room, body):
    return tab.call("room:message", {"room": room["id"], "body": body})


def test_a_room_is_created_with_the_fields_of_the_contract(people):
    room = people[0].open_tab().call("room:create", {"name": "The lounge"})
    assert set(room) >= {"id", "name", "created_by", "created_at"}
    assert (room["name"], room["created_by"]) == ("The lounge", "alice")
    assert room["created_at"].endswith("Z")


def test_what_one_member_says_the_other_hears(talking):
    room, alice, bob, carol = talking
    message = say(alice, room, "Hello, Bob ü🔌")
    assert set(message) >= {"id", "room", "user", "body", "at"}
    assert (message["room"], message["user"], message["body"]) == (room["id"], "alice", "Hello, Bob ü🔌")
    assert bob.expect("room:message") == message
    answer = say(bob, room, "Hello, Alice")
    assert alice.expect("room:message", where=lambda m: m["id"] == answer["id"]) == answer
    carol.expect_none("room:message", 0.2)


def test_members_hear_who_joins_and_who_leaves(talking):
    room, alice, bob, carol = talking
    joined(carol, room)
    for tab in (alice, bob):
        event = tab.expect("room:joined", where=lambda e: e["user"] == "carol")
        assert event["room"] == room["id"] and event["at"].endswith("Z")
    bob.call("room:leave", {"room": room["id"]})
    assert alice.expect("room:left")["user"] == "bob"
    say(alice, room, "Bob is gone")
    assert carol.expect("room:message")["body"] == "Bob is gone"
    bob.expect_none("room:message", 0.2)


def test_the_members_are_listed(talking):
    room, alice, _, _ = talking
    assert users(alice.call("room:members", {"room": room["id"]})) == {"alice", "bob"}


def users(members):
    items = members["items"] if isinstance(members, dict) else members
    return {member["user"] if isinstance(member, dict) else member for member in items}


def test_who_is_no_member_neither_speaks_nor_listens(talking):
    room, alice, bob, carol = talking
    say(alice, room, "secret")
    for event, more in (("room:message", {"body": "let me in"}), ("room:history", {}), ("room:members", {})):
        assert carol.call(event, {"room": room["id"], **more})["error"]["code"], event
    bob.expect("room:message")
    bob.expect_none("room:message", 0.2)
    carol.expect_none("room:message", 0)


def test_over_http_the_same_people_may_read(talking, people):
    room, alice, bob, _ = talking
    message = say(alice, room, "secret")
    for path in ("messages", "members"):
        refused = people[2].get(f"/v1/rooms/{room['id']}/{path}")
        assert refused.status_code == 403 and refused.json()["code"] == "not_a_member"
        assert refused.headers["content-type"].startswith("application/problem+json")
    assert [item["id"] for item in people[1].get(f"/v1/rooms/{room['id']}/messages").json()["items"]] == [message["id"]]
    assert users(people[1].get(f"/v1/rooms/{room['id']}/members").json()) == {"alice", "bob"}
    bob.call("room:leave", {"room": room["id"]})
    assert people[1].get(f"/v1/rooms/{room['id']}/messages").status_code == 403
    # A room that a user may join can be found.
    assert people[2].get(f"/v1/rooms/{room['id']}").json() == room


def test_who_has_left_may_not_speak_either(talking):
    room, alice, bob, _ = talking
    bob.call("room:leave", {"room": room["id"]})
    assert say(bob, room, "one more thing")["error"]["code"]
    alice.expect_none("room:message", 0.2)


def test_history_is_paged_and_survives_a_restart(daemon, talking, people):
    room, alice, bob, _ = talking
    for number in range(7):
        say(alice if number % 2 else bob, room, f"number {number}")
    seen, after = [], None
    for _ in range(3):
        page = alice.call("room:history", {"room": room["id"], "limit": 3, **({"after": after} if after else {})})
        seen, after = seen + [message["body"] for message in page["items"]], page["next"]
    assert after is None
    assert sorted(seen) == [f"number {number}" for number in range(7)]
    daemon.restart()
    tab = people[0].open_tab()
    joined(tab, room)
    page = tab.call("room:history", {"room": room["id"], "limit": 50})
    assert sorted(message["body"] for message in page["items"]) == sorted(seen)


def test_a_second_tab_of_a_member_joins_by_itself(talking, people):
    room, alice, bob, _ = talking
    second = people[1].open_tab()
    joined(second, room)
    say(alice, room, "to both tabs")
    assert bob.expect("room:message")["body"] == second.expect("room:message")["body"] == "to both tabs"


def test_rooms_over_http(people):
    alice, bob, _ = people
    created = alice.post("/v1/rooms", {"name": "Over HTTP"})
    assert created.status_code == 201
    room = created.json()
    assert room["name"] == "Over HTTP" and room["created_by"] == "alice"
    assert room["id"] in [item["id"] for item in bob.get("/v1/rooms").json()["items"]]
    assert alice.get(f"/v1/rooms/{room['id']}").json()["name"] == "Over HTTP"
    tab = alice.open_tab()
    joined(tab, room)
    message = say(tab, room, "stored")
    page = alice.get(f"/v1/rooms/{room['id']}/messages").json()
    assert [item["id"] for item in page["items"]] == [message["id"]] and page["next"] is None
    assert users(alice.get(f"/v1/rooms/{room['id']}/members").json()) == {"alice"}
    assert alice.get("/v1/rooms/no-such-room").status_code == 404


@pytest.mark.parametrize("event", ["room:join", "room:leave", "room:members", "room:history", "room:message"])
def test_an_unknown_room_or_a_wrong_argument_is_acked_as_an_error(daemon, event):
    tab = daemon.person("alice").open_tab()
    for argument in (None, 7, [], {}, {"room": 7}, {"room": "no-such-room", "body": "x"}):
        answer = tab.call(event, argument)
        # Leaving a room without being a member is not an error.
        assert event == "room:leave" and argument == {"room": "no-such-room", "body": "x"} or answer["error"]["code"], (
            argument
        )
    assert tab.connected


@pytest.mark.parametrize("name", [None, "", 7, ["x"], "x" * 10_000])
def test_a_room_needs_a_reasonable_name(daemon, name):
    assert daemon.person("alice").open_tab().call("room:create", {"name": name})["error"]["code"]
