"""The rules of the protocol that need an application: the reasons of disconnects, volatile events, broadcasts with
acks, and namespaces by pattern. On both transports, with the plugin Tests/Fixtures/rows.
"""

import contextlib
import json
import re
import socket
import threading
import time

import pytest

import wire
from harness.causes import CAUSES, going, sends, settings_for
from harness.session import Session
from harness.wireclient import deadline

both = pytest.mark.parametrize("transport", ["polling", "websocket"])

#: Result codes of the header.
OK, INVALID, TIMEOUT = 0, -2, -9


# Row 8


def post_head(session, length):
    """The head of a POST on a polling session, whose body of this length is sent apart."""
    lines = [
        f"POST /socket.io/?EIO=4&transport=polling&sid={session.eio} HTTP/1.1",
        "Host: x",
        "Content-Type: text/plain",
        f"Content-Length: {length}",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def test_row_8_of_two_posts_at_once_the_second_gets_400_and_the_session_is_gone(rows):
    # One event loop reads in the order of arrival.
    port = rows(eventLoops=1).port
    for _ in range(10):
        session = Session(port, "polling")
        first = wire.Connection("127.0.0.1", port)
        first.send(post_head(session, 20) + b"4", deadline())
        assert session.way.post('42["ask"]') == (400, "")
        assert session.way.get()[0] == 400
        first.send(b"2" * 19, deadline())
        # The reference closes the connection of the first; an answer that refuses it is accepted, too.
        with contextlib.suppress(wire.NoAnswer):
            assert wire.read_answer(first, "POST", deadline()).status == 400
        first.close()


def test_row_8_of_two_posts_at_once_neither_is_handled(rows):
    port = rows(eventLoops=1).port
    session, other = Session(port, "polling"), Session(port, "websocket")
    first = wire.Connection("127.0.0.1", port)
    packet = b'42["tell","all",false,"first"]'
    first.send(post_head(session, len(packet)) + packet[:-1], deadline())
    assert session.way.post('42["tell","all",false,"second"]')[0] == 400
    first.send(packet[-1:], deadline())
    other.send('42["tell","all",false,"other"]')
    assert other.receive() == '42["told","other"]'
    first.close()


# Row 11


@pytest.mark.parametrize("waits", [True, False], ids=["a poll waits", "no poll waits"])
@pytest.mark.parametrize("last", ['42["leave",true]', "40"], ids=["DISCONNECT", "no DISCONNECT"])
def test_row_11_the_close_packet_never_shares_an_answer_with_messages(rows, last, waits):
    session = Session(rows().port, "polling")
    packets = ['42["tell","one",false,1]', '42["tell","one",false,2]', last]
    answers = []
    if waits:
        poll = threading.Thread(target=lambda: answers.append(session.way.get()))
        poll.start()
        time.sleep(0.3)
    session.send(*packets)
    if waits:
        poll.join()
    while not answers or answers[-1] != (200, "1"):
        answers.append(session.way.get())
        assert answers[-1][0] == 200, answers
    received = [packet for _, body in answers[:-1] for packet in body.split("\x1e")]
    assert received == ['42["told",1]', '42["told",2]', *(["41"] if "leave" in last else [])]
    assert session.way.get() == (400, '{"code":1,"message":"Session ID unknown"}')


# Row 20


@both
@pytest.mark.parametrize("cause", CAUSES)
def test_row_20_the_hooks_are_told_why_a_socket_goes(rows, transport, cause):
    happen, reason = CAUSES[cause]
    daemon = rows(**settings_for(cause))
    session = Session(daemon.port, transport)
    sid = json.loads(session.connected[2:])["sid"]
    happen(session, daemon)
    assert going(daemon, sid) == [("disconnecting", "/", sid, reason), ("disconnected", "/", "-", reason)]


def test_row_20_a_websocket_whose_connection_ends_without_a_word_is_a_transport_close(rows):
    daemon = rows()
    session = Session(daemon.port, "websocket")
    session.way.close()
    assert {told[-1] for told in going(daemon, json.loads(session.connected[2:])["sid"])} == {"transport close"}


@both
def test_row_20_every_namespace_of_a_client_is_told_the_same_reason(rows, transport):
    daemon = rows()
    session = Session(daemon.port, transport)
    session.send("40/other")
    ids = [json.loads(answer[answer.index("{") :])["sid"] for answer in (session.connected, session.receive())]
    sends("1")(session, daemon)
    for sid, namespace in zip(ids, ["/", "/other"], strict=True):
        assert going(daemon, sid) == [
            ("disconnecting", namespace, sid, "transport close"),
            ("disconnected", namespace, "-", "transport close"),
        ]


# Row 21

ways = pytest.mark.parametrize("way", ["one", "all"])


@ways
def test_row_21_a_volatile_event_is_dropped_between_two_polls_and_an_ordinary_one_waits(rows, way):
    session = Session(rows().port, "polling")
    for number in range(3):
        session.send(
            f'42["tell","{way}",true,"lost"]', f'42["tell","{way}",false,{number}]', f'42["tell","{way}",true,"lost"]'
        )
        assert session.way.get() == (200, f'42["told",{number}]')


@ways
def test_row_21_a_volatile_event_is_delivered_to_a_poll_that_waits(rows, way):
    session = Session(rows().port, "polling")
    polls = []
    poll = threading.Thread(target=lambda: polls.append(session.way.get()))
    poll.start()
    # A client cannot see when its poll has arrived. Until then a volatile event is dropped.
    until = deadline()
    while poll.is_alive():
        assert time.monotonic() < until, "a poll that waits was never answered"
        session.send(f'42["tell","{way}",true,"now"]')
    [(status, body)] = polls
    assert status == 200 and set(body.split("\x1e")) == {'42["told","now"]'}


@ways
def test_row_21_a_volatile_event_is_dropped_where_a_websocket_has_more_than_it_can_take(rows, way):
    session = Session(rows(limits={"outputBuffer": 64 << 20}).port, "websocket")
    connection = session.way.socket.connection
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    size = 24 << 20
    session.send(f'42["fill",{size}]')
    # After the first byte the kernel's buffers are full, and the rest waits, because the client does not read.
    while not connection.buffer:
        assert connection.fill(deadline())
    session.send(f'42["tell","{way}",true,"lost"]', f'42["tell","{way}",false,"kept"]')
    assert session.receive() == f'42["filling","{"x" * size}"]'
    assert session.receive() == '42["told","kept"]'
    session.send(f'42["tell","{way}",true,"now"]')
    assert session.receive() == '42["told","now"]'


# Row 22


def crowd(port, transport):
    """A client that asks, and four that are asked, two on each transport."""
    return Session(port, transport), [Session(port, way) for way in ("polling", "websocket") * 2]


def question(session):
    """Waits for the question, and returns its ack id."""
    return re.fullmatch(r'42(\d+)\["question"\]', session.receive())[1]


@both
def test_row_22_a_broadcast_with_ack_completes_when_all_have_answered(rows, transport):
    asker, asked = crowd(rows().port, transport)
    asker.send('427["ask-all",3600000]')
    for number, session in enumerate(asked):
        session.send(f"43{question(session)}[{number}]")
    status, expected, answers = json.loads(asker.receive().removeprefix("437"))
    assert (status, expected, sorted(answers)) == (OK, 4, [[0], [1], [2], [3]])


@both
def test_row_22_at_the_timeout_there_are_an_error_and_the_answers_that_came(rows, transport):
    asker, asked = crowd(rows().port, transport)
    began = time.monotonic()
    asker.send('427["ask-all",1500]')
    # One of each transport keeps silent.
    for number, session in enumerate(asked[:2]):
        session.send(f"43{question(session)}[{number}]")
    status, expected, answers = json.loads(asker.receive().removeprefix("437"))
    assert (status, expected, sorted(answers)) == (TIMEOUT, 4, [[0], [1]])
    assert time.monotonic() - began >= 1.5
    late = question(asked[2])
    asked[2].send(f'43{late}["late"]', '42["tell","one",false,"still here"]')
    assert asked[2].receive() == '42["told","still here"]', "an answer that comes too late harms nobody"


@both
def test_row_22_nobody_to_ask_is_everybody_who_answered(rows, transport):
    asker = Session(rows().port, transport)
    asker.send('427["ask-all",3600000]')
    assert asker.receive() == f"437[{OK},0,[]]"


@both
@pytest.mark.parametrize("timeout", [0, 3_600_001])
def test_row_22_without_a_timeout_nobody_is_asked(rows, transport, timeout):
    port = rows().port
    asker, other = Session(port, transport), Session(port, transport)
    asker.send(f'427["ask-all",{timeout}]', '42["tell","all",false,"next"]')
    assert asker.receive() == f"437[{INVALID}]"
    assert other.receive() == '42["told","next"]'


# Row 23


@both
@pytest.mark.parametrize(
    "namespace, declaration",
    [
        ("/room-7", "^/room-[0-9]+$"),
        ("/room-x", "^/room-.+$"),
        ("/hall-7", "^/hall-.+$"),
        ("/hall-x", "^/hall-.+$"),
        ("/hall-0", "/hall-0"),
    ],
)
def test_row_23_of_the_patterns_that_match_the_one_declared_first_counts_and_a_name_before_them(
    rows, transport, namespace, declaration
):
    session = Session(rows().port, transport, connect=f"40{namespace}")
    assert session.connected.startswith(f'40{namespace},{{"sid":"')
    assert session.receive() == f'42{namespace},["declared","{declaration}"]'


@both
def test_row_23_a_child_inherits_the_hook_that_refuses(rows, transport):
    session = Session(rows().port, transport)
    for namespace in ("/room-1", "/room-x", "/hall-1"):
        session.send(f'40{namespace},{{"refuse":true}}')
        assert session.receive() == f'44{namespace},{{"message":"not today","data":{{"code":"not_today"}}}}'
        session.send(f'40{namespace},{{"refuse":false}}')
        assert session.receive().startswith(f'40{namespace},{{"sid":"')
        assert session.receive().startswith(f'42{namespace},["declared",')
    session.send("40/hallway")
    assert session.receive() == '44/hallway,{"message":"Invalid namespace"}'


def children(daemon):
    """The number of namespaces that were made by a pattern."""
    return sum(
        int(count)
        for count in re.findall(
            r"^jackfield_dynamic_namespaces\{.*\} (\d+)$", daemon.get("/metrics").text, re.MULTILINE
        )
    )


def ask(session, namespace):
    """Has the server ask the client, and returns the question's id: a namespace counts them, from 0."""
    session.send(f'42{namespace},["ask"]')
    return int(re.fullmatch(rf'42{namespace},(\d+)\["question"\]', session.receive())[1])


@both
def test_row_23_a_child_goes_with_its_last_socket_and_is_made_anew(rows, transport):
    daemon = rows(eventLoops=1)
    first, second = Session(daemon.port, transport), Session(daemon.port, transport)
    for session in (first, second):
        session.send("40/room-1")
        session.receive(), session.receive()
    assert (ask(first, "/room-1"), ask(second, "/room-1"), children(daemon)) == (0, 1, 1)
    first.send("41/room-1", "40/room-1")
    first.receive(), first.receive()
    assert (ask(first, "/room-1"), children(daemon)) == (2, 1), "it lives as long as somebody is in it"
    first.send("41/room-1")
    second.send("41/room-1", '42["ask"]')
    assert second.receive() == '420["question"]', "what was sent has been handled"
    assert children(daemon) == 0
    second.send("40/room-1")
    second.receive(), second.receive()
    assert (ask(second, "/room-1"), children(daemon)) == (0, 1)


@both
def test_row_23_refused_and_lost_clients_leave_no_child_behind(rows, transport):
    daemon = rows(eventLoops=1)
    session, lost = Session(daemon.port, transport), Session(daemon.port, transport, connect="40/room-2")
    session.send('40/room-1,{"refuse":true}')
    assert session.receive().startswith("44/room-1,")
    assert children(daemon) == 1
    sends("1")(lost, daemon)
    assert lost.ended()
    until = deadline()
    while children(daemon):
        assert time.monotonic() < until, "a namespace outlives its last socket"
