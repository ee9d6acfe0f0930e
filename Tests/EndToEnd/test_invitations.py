"""Rooms invites users through the service of notifications, if there is one."""

import pytest


@pytest.fixture
def invite(serve, services):
    """Starts a daemon with these plugins, where Alice is in a room: (daemon, room, Alice's tab)."""

    def start(*plugins):
        daemon = serve(plugins=services(*plugins))
        alice = daemon.person("alice").open_tab()
        room = alice.call("room:create", {"name": "The lounge"})
        alice.call("room:join", {"room": room["id"]})
        return daemon, room, alice

    return start


@pytest.mark.parametrize("order", [("notifications", "rooms"), ("rooms", "notifications")], ids=" then ".join)
def test_an_invitation_is_stored_for_a_user_who_is_offline(invite, order):
    daemon, room, alice = invite(*order)
    answer = alice.call("room:invite", {"room": room["id"], "user": "bob"})
    assert (answer["room"], answer["user"], answer["notified"]) == (room["id"], "bob", True)
    bob = daemon.person("bob")
    assert bob.open_tab().expect("notification:count") == 1
    (row,) = bob.get("/v1/notifications").json()["items"]
    assert (row["type"], row["body"]) == ("room:invite", "alice invites you to The lounge")
    assert row["data"] == {"room": room["id"], "by": "alice"}


def test_a_user_who_is_online_gets_the_invitation_and_the_notification(invite):
    daemon, room, alice = invite("notifications", "rooms")
    bob = daemon.person("bob").open_tab()
    answer = alice.call("room:invite", {"room": room["id"], "user": "bob"})
    invited = bob.expect("room:invited")
    assert (invited["room"], invited["user"]) == (room["id"], "alice")
    assert bob.expect("notification:new")["data"] == {"room": room["id"], "by": "alice"}
    assert answer["notified"] is True


def test_without_notifications_an_invitation_is_only_emitted(invite):
    daemon, room, alice = invite("rooms")
    bob = daemon.person("bob").open_tab()
    assert alice.call("room:invite", {"room": room["id"], "user": "bob"})["notified"] is False
    assert bob.expect("room:invited")["user"] == "alice"
    assert bob.call("room:join", {"room": room["id"]})["id"] == room["id"]


def test_an_invitation_is_stored_again_when_notifications_comes_back(invite):
    daemon, room, alice = invite("rooms", "notifications")
    bob = daemon.person("bob").open_tab()

    def notified():
        return alice.call("room:invite", {"room": room["id"], "user": "bob"})["notified"]

    def provided():
        sample = 'jackfield_plugin_service_available{plugin="rooms",service="notifications/1"} '
        return daemon.get("/metrics").text.split(sample)[1][0]

    assert notified() is True and provided() == "1"
    daemon.operate("plugin", "unload", "notifications")
    assert notified() is False and provided() == "0"
    daemon.operate("plugin", "load", "notifications")
    assert notified() is True and provided() == "1"
    # Bob's row of the first invitation is still there: the plugin has its configured store again.
    assert len(daemon.person("bob").get("/v1/notifications").json()["items"]) == 2
    assert [bob.expect("room:invited")["room"] for _ in range(3)] == [room["id"]] * 3
    assert alice.connected and bob.connected and not alice.disconnects and not bob.disconnects


def test_only_members_invite_and_only_users_are_invited(invite):
    daemon, room, alice = invite("rooms", "notifications")
    carol = daemon.person("carol").open_tab()
    assert carol.call("room:invite", {"room": room["id"], "user": "bob"})["error"]["code"] == "not_a_member"
    assert alice.call("room:invite", {"room": room["id"], "user": ""})["error"]["code"] == "invalid_arguments"
    assert alice.call("room:invite", {"room": "nothing", "user": "bob"})["error"]["code"] == "not_found"
    assert alice.call("room:invite", {"room": room["id"]})["error"]["code"] == "invalid_arguments"


def test_a_user_who_sends_too_many_invitations_is_slowed_down(invite):
    _, room, alice = invite("rooms")
    answers = [alice.call("room:invite", {"room": room["id"], "user": f"user-{n}"}) for n in range(61)]
    assert all(answer["notified"] is False for answer in answers[:30])
    # A new minute may have begun in between, once.
    assert answers[-1]["error"]["code"] == "rate_limited"
