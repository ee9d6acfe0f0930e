"""Presence is a count of connections per user: online with the first, offline a grace period after the last."""

import time

import pytest

from harness.daemon import GRACE

SECONDS_OF_GRACE = GRACE / 1000


@pytest.fixture
def watched(daemon):
    """Bob watches Alice, who is offline."""
    alice, bob = daemon.person("alice"), daemon.person("bob").open_tab()
    snapshot = bob.call("presence:watch", ["alice", "bob"])
    assert [(entry["user"], entry["online"], entry["connections"]) for entry in snapshot] == [
        ("alice", False, 0),
        ("bob", True, 1),
    ]
    return alice, bob


def presence(person, user="alice"):
    answer = person.get(f"/v1/presence/{user}")
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"user", "online", "connections", "last_seen"} and body["user"] == user
    return body["online"], body["connections"]


def test_of_two_tabs_one_may_close_and_the_user_is_still_online(watched):
    alice, bob = watched
    one, two = alice.open_tab(), alice.open_tab(transports=["polling"])
    assert bob.expect("presence:online")["user"] == "alice"
    assert presence(alice) == (True, 2)

    one.close()
    bob.expect_none("presence:offline", 2 * SECONDS_OF_GRACE)
    assert presence(alice) == (True, 1)

    began = time.monotonic()
    two.close()
    edge = bob.expect("presence:offline")
    assert edge["user"] == "alice" and edge["at"]
    assert time.monotonic() - began > SECONDS_OF_GRACE * 0.9, "the grace was not waited for"
    assert presence(alice) == (False, 0)
    bob.expect_none("presence:online", 0)


def test_a_page_reload_within_the_grace_is_no_edge(watched):
    alice, bob = watched
    first = alice.open_tab()
    bob.expect("presence:online")
    first.close()
    alice.open_tab()
    bob.expect_none("presence:offline", 2 * SECONDS_OF_GRACE)
    bob.expect_none("presence:online", 0)
    assert presence(alice) == (True, 1)


def test_a_connection_that_breaks_without_a_word_counts_as_closed(watched):
    alice, bob = watched
    tab = alice.open_tab()
    bob.expect("presence:online")
    tab.lose()
    assert bob.expect("presence:offline")["user"] == "alice"


def test_a_polling_tab_that_vanishes_is_offline_after_the_heartbeat(serve):
    daemon = serve(pingInterval=300, pingTimeout=300)
    bob = daemon.person("bob").open_tab()
    bob.call("presence:watch", ["alice"])
    tab = daemon.person("alice").open_tab(transports=["polling"])
    bob.expect("presence:online")
    # Its loops stop, so it sends nothing more to the server.
    tab.client.eio.state = "disconnected"
    tab.client.eio.http.close()
    assert bob.expect("presence:offline")["user"] == "alice"


def test_who_unwatches_hears_nothing_more(watched):
    alice, bob = watched
    bob.call("presence:unwatch", ["alice"])
    alice.open_tab()
    bob.expect_none("presence:online", 0.3)


@pytest.mark.parametrize("arguments", [[], [None]], ids=["no argument", "null"])
def test_without_user_ids_all_watches_end(watched, arguments):
    alice, bob = watched
    assert bob.call("presence:unwatch", *arguments) == {"ok": True}
    alice.open_tab()
    bob.expect_none("presence:online", 0.3)


def test_a_user_who_is_online_already_is_in_the_snapshot_and_makes_no_edge(daemon):
    alice = daemon.person("alice").open_tab()
    bob = daemon.person("bob").open_tab()
    [entry] = bob.call("presence:watch", ["alice"])
    assert entry["online"] is True and entry["connections"] == 1
    bob.expect_none("presence:online", 0.2)
    assert alice.connected


def test_last_seen_is_known_after_the_user_has_left(watched):
    alice, bob = watched
    tab = alice.open_tab()
    bob.expect("presence:online")
    tab.close()
    bob.expect("presence:offline")
    body = alice.get("/v1/presence/alice").json()
    assert body["online"] is False
    assert body["last_seen"].endswith("Z")


def test_how_many_users_are_online_counts_users_and_not_tabs(daemon):
    alice = daemon.person("alice")
    alice.open_tab(), alice.open_tab(), daemon.person("bob").open_tab()
    assert alice.get("/v1/presence").json() == {"online": 2}


def test_presence_over_http_takes_a_token(daemon):
    assert daemon.get("/v1/presence").status_code == 401
    assert daemon.get("/v1/presence/alice").status_code == 401


def test_watching_with_something_else_than_users_is_an_error_and_not_the_end(daemon):
    bob = daemon.person("bob").open_tab()
    for wrong in (None, "alice", 7, {"user": "alice"}, [1], [["alice"]]):
        assert bob.call("presence:watch", wrong)["error"]["code"] == "invalid_arguments"
    assert bob.call("presence:watch", []) == []
    assert bob.connected


def test_watching_more_users_than_a_socket_may_is_refused_and_changes_nothing(serve):
    bob = serve(limits={"presenceWatchesPerSocket": 2}).person("bob").open_tab()
    assert len(bob.call("presence:watch", ["alice", "carol"])) == 2
    assert bob.call("presence:watch", ["dave"])["error"]["code"] == "overloaded"
    bob.call("presence:unwatch", ["alice"])
    assert len(bob.call("presence:watch", ["dave"])) == 1


def test_the_ids_that_a_socket_watches_are_bounded_in_bytes_too(serve):
    daemon = serve(limits={"presenceWatchBytesPerSocket": 1_000})
    bob = daemon.person("bob").open_tab()
    long_ids = [f"{number:03}" + "x" * 197 for number in range(6)]
    assert bob.call("presence:watch", long_ids)["error"]["code"] == "overloaded"
    assert len(bob.call("presence:watch", long_ids[:5])) == 5
    assert len(bob.call("presence:watch", long_ids[:5])) == 5, "who is watched already counts once"
    assert bob.call("presence:watch", ["alice"])["error"]["code"] == "overloaded"
    bob.call("presence:unwatch", long_ids[:1])
    assert len(bob.call("presence:watch", ["alice"])) == 1
    assert "jackfield_presence_watches_refused_total 2" in daemon.get("/metrics").text


def test_who_watched_a_user_first_may_leave_and_the_others_still_hear(serve):
    daemon = serve(eventLoops=1)
    watchers = [daemon.person(f"watcher{number}").open_tab() for number in range(3)]
    for watcher in watchers:
        watcher.call("presence:watch", ["alice"])
    watchers[0].close()
    watchers[1].call("presence:unwatch", ["alice"])
    daemon.person("alice").open_tab()
    assert watchers[2].expect("presence:online")["user"] == "alice"
    watchers[1].expect_none("presence:online", 0)


def test_watchers_on_every_loop_hear_of_a_user_and_a_loop_without_any_is_no_matter(serve):
    daemon = serve(eventLoops=4)
    watchers = [daemon.person(f"watcher{number}").open_tab() for number in range(8)]
    for watcher in watchers:
        assert watcher.call("presence:watch", ["alice"])[0]["online"] is False
    stranger = daemon.person("stranger").open_tab()
    alice = daemon.person("alice").open_tab()
    for watcher in watchers:
        assert watcher.expect("presence:online")["user"] == "alice"
    for watcher in watchers:
        watcher.call("presence:unwatch", ["alice"])
    alice.close()
    assert stranger.call("presence:watch", ["alice"])
