"""The rules of connection state recovery, on both transports, with the plugin Tests/Fixtures/rows."""

import json
import threading
import time

import pytest

from harness.causes import CAUSES, going, sends, settings_for
from harness.session import Session
from harness.tokens import SECRET, token
from harness.wireclient import deadline

both = pytest.mark.parametrize("transport", ["polling", "websocket"])

#: A session that ended for one of these reasons can be recovered. "server shutting down" is one of them, but the
#: sessions are in memory and end with the server.
RECOVERABLE = {"transport error", "transport close", "forced close", "ping timeout", "forced server close"}


def identity(answer):
    """The answer to CONNECT."""
    return json.loads(answer.removeprefix("40"))


def told(session):
    """The arguments of the next event."""
    name, *arguments = json.loads(session.receive().removeprefix("42"))
    assert name == "told"
    return arguments


def lose(session, daemon):
    """Its connection breaks, and the server has detected it."""
    sends("1")(session, daemon)
    going(daemon, identity(session.connected)["sid"])


def come_back(daemon, transport, **auth):
    """A new connection that asks for the session of an earlier one."""
    session = Session(daemon.port, transport, connect=None)
    session.send("40" + json.dumps(auth))
    return session


@both
def test_row_24_the_answer_to_connect_has_a_pid_and_events_without_ack_end_with_an_offset(rows, transport):
    session = Session(rows(connectionStateRecovery=True).port, transport)
    assert list(identity(session.connected)) == ["sid", "pid"]
    session.send('42["tell","one",false,1]', '42["tell","all",false,2]', '42["ask"]')
    (one, first), (two, second) = told(session), told(session)
    assert (one, two) == (1, 2) and first != second
    assert isinstance(first, str) and isinstance(second, str)
    assert session.receive() == '420["question"]'


@both
def test_row_24_rooms_data_and_missed_events_come_back_and_what_is_volatile_or_acked_does_not(rows, transport):
    daemon = rows(connectionStateRecovery=True)
    lost, other = Session(daemon.port, transport), Session(daemon.port, "websocket")
    lost.send('42["join","den"]', '42["remember",{"kept":[1]}]', '42["tell","den",false,0]')
    [zero, offset] = told(lost)
    assert zero == 0
    ids = identity(lost.connected)
    lose(lost, daemon)
    other.send(
        '42["tell","den",false,"one"]',
        '42["tell","den",true,"volatile"]',
        '42["tell","elsewhere",false,"not for it"]',
        '42["tell","den",false,"two"]',
        '427["ask-all",1000]',
    )
    assert other.receive() == "437[0,0,[]]"
    back = come_back(daemon, transport, pid=ids["pid"], offset=offset)
    assert [told(back)[0], told(back)[0]] == ["one", "two"]
    assert identity(back.receive()) == ids
    back.send('423["recall"]')
    assert back.receive() == '433[{"data":{"kept":[1]}}]'
    other.send('42["tell","den",false,"three"]')
    assert told(back)[0] == "three"


@both
@pytest.mark.parametrize("cause", [cause for cause, (_, reason) in CAUSES.items() if reason != "server shutting down"])
def test_row_24_who_may_come_back_depends_on_why_it_went(rows, transport, cause):
    daemon = rows(connectionStateRecovery=True, **settings_for(cause))
    session = Session(daemon.port, transport)
    happen, reason = CAUSES[cause]
    ids = identity(session.connected)
    happen(session, daemon)
    going(daemon, ids["sid"])
    back = identity(come_back(daemon, transport, pid=ids["pid"]).receive())
    assert back == ids if reason in RECOVERABLE else back["sid"] != ids["sid"] and back["pid"] != ids["pid"]


@both
def test_row_25_a_pid_without_an_offset_is_enough_where_nothing_was_received(rows, transport):
    daemon = rows(connectionStateRecovery=True)
    lost, other = Session(daemon.port, transport), Session(daemon.port, "websocket")
    lose(lost, daemon)
    other.send('42["tell","all",false,"missed"]')
    told(other)
    back = come_back(daemon, transport, pid=identity(lost.connected)["pid"])
    assert told(back)[0] == "missed"
    assert identity(back.receive()) == identity(lost.connected)


def volatile_told(session):
    """The arguments of a volatile event that arrived; over polling it takes a poll that waits, and what
    comes before it is lost."""
    if not session.polling:
        session.send('42["tell","one",true,"now"]')
        return told(session)
    arrived = []
    poll = threading.Thread(target=lambda: arrived.append(told(session)))
    poll.start()
    until = deadline()
    while poll.is_alive():
        assert time.monotonic() < until, "a poll that waits was never answered"
        session.send('42["tell","one",true,"now"]')
    return arrived[0]


@both
def test_row_25_a_volatile_event_has_an_offset_to_come_back_with(rows, transport):
    daemon = rows(connectionStateRecovery=True)
    lost, other = Session(daemon.port, transport), Session(daemon.port, "websocket")
    [now, offset] = volatile_told(lost)
    assert now == "now" and isinstance(offset, str)
    lose(lost, daemon)
    other.send('42["tell","all",false,"missed"]')
    told(other)
    back = come_back(daemon, transport, pid=identity(lost.connected)["pid"], offset=offset)
    assert told(back)[0] == "missed"
    assert identity(back.receive()) == identity(lost.connected)


@both
def test_row_25_who_comes_back_before_the_old_connection_was_noticed_replaces_it(rows, transport):
    daemon = rows(connectionStateRecovery=True)
    old = Session(daemon.port, transport)
    back = come_back(daemon, transport, pid=identity(old.connected)["pid"])
    assert identity(back.receive()) == identity(old.connected)
    assert old.ended()
    back.send('42["tell","all",false,"once"]', '42["tell","all",false,"last"]')
    assert [told(back)[0], told(back)[0]] == ["once", "last"]


# The user of the session


#: What is sent with another user's pid, and the answer.
WRONG = {
    "no token": (lambda: {}, "token_missing"),
    "an expired token": (lambda: {"token": token("alice", expires_in=-60)}, "token_expired"),
    "a token of another secret": (
        lambda: {"token": token("alice", secret="another-secret-of-the-end-to-end-tests")},
        "token_signature",
    ),
}


@pytest.fixture
def private(serve, compiled):
    """The plugin for the rows where a token is needed, and recovery on."""
    return lambda **settings: serve(
        plugins=[{"path": compiled("rows/rows.c"), "required": True}], **{"connectionStateRecovery": True, **settings}
    )


def alive(session):
    """Whether its events are still acked."""
    session.send('429["recall"]')
    while not (packet := session.receive()).startswith("439"):
        pass
    return packet.startswith('439[{"data":')


def of_alice(daemon, transport, **claims):
    return Session(daemon.port, transport, connect="40" + json.dumps({"token": token("alice", **claims)}))


@both
@pytest.mark.parametrize("state", ["lost", "half open"])
@pytest.mark.parametrize("skip", [True, False], ids=["hooks skipped", "hooks asked"])
@pytest.mark.parametrize("wrong", WRONG)
def test_row_24_a_pid_without_a_good_token_is_refused_and_the_session_waits_for_its_user(
    private, transport, wrong, skip, state
):
    daemon = private(connectionStateRecovery={"skipMiddlewares": skip})
    alice = of_alice(daemon, transport)
    ids = identity(alice.connected)
    if state == "lost":
        lose(alice, daemon)
    auth, code = WRONG[wrong]
    answer = come_back(daemon, transport, pid=ids["pid"], **auth()).receive()
    assert answer.startswith("44"), answer
    assert json.loads(answer[2:])["data"] == {"code": code}
    if state == "half open":
        assert alive(alice)
    assert identity(come_back(daemon, transport, pid=ids["pid"], token=token("alice")).receive()) == ids


@both
@pytest.mark.parametrize("state", ["lost", "half open"])
@pytest.mark.parametrize("skip", [True, False], ids=["hooks skipped", "hooks asked"])
def test_row_24_a_pid_with_the_token_of_another_user_is_a_new_connection_of_that_user(private, transport, skip, state):
    daemon = private(connectionStateRecovery={"skipMiddlewares": skip})
    alice, other = of_alice(daemon, transport), of_alice(daemon, "websocket")
    ids = identity(alice.connected)
    if state == "lost":
        lose(alice, daemon)
    other.send('42["tell","user:alice",false,"for alice"]')
    told(other)
    for user in ("bob", "Alice", "alice "):
        bob = come_back(daemon, transport, pid=ids["pid"], token=token(user))
        new = identity(bob.receive())
        assert new["sid"] != ids["sid"] and new["pid"] != ids["pid"]
        other.send(f'42["tell","user:{user}",false,"for {user}"]')
        assert told(bob)[0] == f"for {user}"
    if state == "half open":
        assert told(alice)[0] == "for alice"
        assert alive(alice)


@both
def test_row_24_where_tokens_are_not_required_a_pid_alone_brings_back_no_session_of_a_user(private, transport):
    daemon = private(auth={"secret": SECRET, "required": False})
    alice, nobody = of_alice(daemon, transport), Session(daemon.port, transport)
    lose(alice, daemon), lose(nobody, daemon)
    assert (
        identity(come_back(daemon, transport, pid=identity(alice.connected)["pid"]).receive())["sid"]
        != identity(alice.connected)["sid"]
    )
    assert identity(come_back(daemon, transport, pid=identity(nobody.connected)["pid"]).receive()) == identity(
        nobody.connected
    )


@both
def test_row_24_a_recovered_socket_lives_as_long_as_the_token_that_it_came_back_with(private, transport):
    daemon = private(auth={"secret": SECRET, "leeway": 0})
    alice = of_alice(daemon, transport, expires_in=2)
    lose(alice, daemon)
    ids = identity(alice.connected)
    back = come_back(daemon, transport, pid=ids["pid"], token=token("alice", expires_in=4))

    def hear():
        """The next packet but the notice of the end, which comes at once, and was missed if the first
        connection had had no time for it."""
        while (packet := back.receive()).startswith('42["auth:expiring"'):
            pass
        return packet

    assert identity(hear()) == ids
    time.sleep(2.5)
    back.send('42["tell","one",false,"alive"]')
    packet = hear()
    assert packet.startswith('42["told","alive"')
    assert back.ended()


@both
def test_row_24_hooks_are_asked_about_a_recovered_socket_unless_they_are_skipped(private, transport):
    for skip, refused in ((True, False), (False, True)):
        daemon = private(connectionStateRecovery={"skipMiddlewares": skip}, auth=False)
        nobody = Session(daemon.port, transport)
        lose(nobody, daemon)
        answer = come_back(daemon, transport, pid=identity(nobody.connected)["pid"], refuse=True).receive()
        assert answer.startswith("44") == refused, answer


def test_what_is_kept_is_bounded_by_the_limits_and_what_they_dropped_is_counted(private):
    daemon = private(auth=False, limits={"recoverySessions": 2, "recoveryEvents": 3, "outputBuffer": 2_000})
    other = Session(daemon.port, "websocket")
    lost = [Session(daemon.port, "websocket") for _ in range(3)]
    for session in lost:
        lose(session, daemon)
    for number in range(4):
        other.send(f'42["tell","elsewhere",false,{number}]')
    other.send('42["tell","one",false,"done"]')
    told(other)
    # One session and two events more than are kept: the oldest of each have been dropped.
    metrics = daemon.get("/metrics").text
    for line in (
        "jackfield_recovery_sessions 2",
        "jackfield_recovery_packets 3",
        "jackfield_recovery_sessions_dropped_total 1",
        "jackfield_recovery_packets_dropped_total 2",
    ):
        assert line in metrics.splitlines(), metrics
    for session in lost:
        assert (
            identity(come_back(daemon, "websocket", pid=identity(session.connected)["pid"]).receive())["sid"]
            != identity(session.connected)["sid"]
        )


def test_who_missed_more_than_a_lagging_reader_may_leave_unread_starts_afresh(private):
    daemon = private(auth=False, limits={"outputBuffer": 2_000})
    other = Session(daemon.port, "websocket")
    for count, comes_back in ((5, True), (60, False)):
        lost = Session(daemon.port, "polling")
        lose(lost, daemon)
        for number in range(count):
            other.send(f'42["tell","all",false,{number}]')
            told(other)
        ids = identity(lost.connected)
        back = come_back(daemon, "polling", pid=ids["pid"])
        while not (packet := back.receive()).startswith("40"):
            pass
        assert (identity(packet) == ids) == comes_back
