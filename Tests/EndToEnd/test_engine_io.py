"""The rules of Engine.IO, one test for each, on both transports.

The recorded sessions in Tests/Golden check the same byte for byte; here each rule has a test with its name.
"""

import json
import threading
import time

import pytest

import wire
from harness.session import Session, request, upgrade_request, upgrading
from harness.wireclient import RawSocket, deadline

#: The packets that python-engineio accepts in one polling response.
PACKETS = 16

both = pytest.mark.parametrize("transport", ["polling", "websocket"])


@both
def test_row_1_the_handshake_has_exactly_its_five_keys(golden, transport):
    for settings, upgrades in (({}, ["websocket"]), ({"allowUpgrades": False}, [])):
        port = golden(**settings).port
        opened = request(port).text() if transport == "polling" else RawSocket(port).opened
        assert opened[0] == "0"
        handshake = json.loads(opened[1:])
        assert list(handshake) == ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]
        assert handshake["upgrades"] == (upgrades if transport == "polling" else [])
        assert (handshake["pingInterval"], handshake["pingTimeout"], handshake["maxPayload"]) == (25000, 20000, 1000000)


def test_row_2_errors_are_json_with_their_code(golden):
    port = golden().port
    for method, query, code, message in [
        ("GET", "EIO=4&transport=pigeon", 0, "Transport unknown"),
        ("GET", "EIO=3&transport=pigeon", 0, "Transport unknown"),
        ("GET", "EIO=4&transport=polling&sid=nobody", 1, "Session ID unknown"),
        ("POST", "EIO=4&transport=polling", 2, "Bad handshake method"),
        ("PUT", "EIO=4&transport=polling", 2, "Bad handshake method"),
        ("GET", "EIO=3&transport=polling", 5, "Unsupported protocol version"),
        ("GET", "transport=polling", 5, "Unsupported protocol version"),
    ]:
        answer = request(port, method, query)
        assert (answer.status, json.loads(answer.body)) == (400, {"code": code, "message": message}), query
    upgraded = RawSocket(port)
    other = request(port, query=f"EIO=4&transport=polling&sid={json.loads(upgraded.opened[1:])['sid']}")
    assert (other.status, json.loads(other.body)) == (400, {"code": 3, "message": "Bad request"})


def test_rows_2_and_3_the_hook_refuses_a_handshake_with_code_4_or_its_message(golden):
    port = golden().port
    denied = request(port, headers=["X-Golden-Deny: yes"])
    assert (denied.status, json.loads(denied.body)) == (403, {"code": 4, "message": "denied by test"})
    denied = upgrade_request(port, "EIO=4&transport=websocket", "X-Golden-Deny: yes")
    assert (denied.status, denied.values("content-type"), denied.text()) == (400, ["text/html"], "denied by test")


def test_row_3_a_websocket_refused_before_the_upgrade_gets_400_with_the_message(golden):
    port = golden().port
    for query, message in [
        ("EIO=4&transport=pigeon", "Transport unknown"),
        ("EIO=4&transport=websocket&sid=nobody", "Session ID unknown"),
    ]:
        answer = upgrade_request(port, query)
        assert (answer.status, answer.values("content-type"), answer.text()) == (400, ["text/html"], message)


def test_row_4_the_cookie_comes_with_the_polling_handshake_only_and_only_when_configured(golden):
    assert request(golden().port).values("set-cookie") == []
    port = golden(cookie=True).port
    answer = request(port)
    sid = json.loads(answer.text()[1:])["sid"]
    assert answer.values("set-cookie") == [f"io={sid}; Path=/; HttpOnly; SameSite=Lax"]
    assert upgrade_request(port, "EIO=4&transport=websocket").values("set-cookie") == []
    assert (
        request(port, query="EIO=4&transport=polling&sid=" + sid, method="POST", body=b"40").values("set-cookie") == []
    )


@both
def test_row_5_the_transports_id_is_a_secret_of_its_own(golden, transport):
    session = Session(golden().port, transport)
    assert json.loads(session.connected[2:])["sid"] != session.eio


def test_row_6_a_poll_takes_everything_that_waits_in_order(golden):
    port = golden().port
    session = Session(port, "polling")
    session.send('42["burst",40]')
    answer = request(port, query="EIO=4&transport=polling&sid=" + session.eio, headers=["Accept-Encoding: gzip"])
    assert answer.values("content-type") == ["text/plain; charset=UTF-8"] and answer.values("cache-control") == [
        "no-store"
    ]
    packets = answer.text().split("\x1e")
    assert len(packets) == PACKETS
    while len(packets) < 40:
        packets.append(session.receive())
    assert packets == [f'42["item",{n}]' for n in range(40)]


def test_row_6_a_poll_carries_binary_in_base64_and_is_compressed_from_the_threshold(golden):
    port = golden().port
    session = Session(port, "polling")
    session.send('420["blob",5]')
    assert [session.receive(), session.receive()] == ['461-0[{"_placeholder":true,"num":0}]', "bAAECAwQ="]
    for size, coding in ((900, []), (2000, ["gzip"])):
        session.send(f'42["big",{size}]')
        answer = request(port, query="EIO=4&transport=polling&sid=" + session.eio, headers=["Accept-Encoding: gzip"])
        assert answer.values("content-encoding") == coding
        assert answer.text() == f'42["big","{"x" * size}"]'


def test_row_7_a_post_is_handled_before_it_is_answered_ok(golden):
    port = golden().port
    session = Session(port, "polling")
    answer = request(
        port,
        "POST",
        f"EIO=4&transport=polling&sid={session.eio}",
        ["Content-Type: text/plain;charset=UTF-8"],
        b'42["echo",1]\x1e42["echo",2]\x1e42["echo",3]',
    )
    assert (answer.status, answer.values("content-type"), answer.text()) == (200, ["text/html"], "ok")
    assert session.way.get() == (200, '42["echo",1]\x1e42["echo",2]\x1e42["echo",3]')


def test_row_7_a_body_that_is_too_large_is_413_and_the_session_survives(golden):
    session = Session(golden(maxHttpBufferSize=100).port, "polling")
    assert session.way.post("4" + "x" * 100)[0] == 413
    assert session.alive()


@pytest.mark.parametrize("headers, body", [(["Content-Type: application/octet-stream"], b"40"), ([], b"x"), ([], b"")])
def test_row_7_octets_and_bodies_that_are_no_packets_end_the_session(golden, headers, body):
    port = golden().port
    session = Session(port, "polling")
    answer = request(
        port, "POST", f"EIO=4&transport=polling&sid={session.eio}", headers or ["Content-Type: text/plain"], body
    )
    assert answer.status == 400 if headers else answer.status in (200, 400)
    assert session.ended()


def test_row_8_of_two_polls_at_once_the_first_gets_a_close_packet_and_the_second_400(golden):
    session = Session(golden().port, "polling")
    first = []
    thread = threading.Thread(target=lambda: first.append(session.way.get()))
    thread.start()
    time.sleep(0.05)
    assert session.way.get()[0] == 400
    thread.join()
    assert first == [(200, "1")]
    assert session.way.get()[0] == 400


def test_row_9_a_poll_whose_client_goes_away_closes_the_session_at_once(golden):
    port = golden().port
    session = Session(port, "polling")
    connection = wire.Connection("127.0.0.1", port)
    connection.send(
        f"GET /socket.io/?EIO=4&transport=polling&sid={session.eio} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), deadline()
    )
    time.sleep(0.05)
    connection.close()
    time.sleep(0.02)
    assert session.way.get()[0] == 400


def test_row_10_a_close_packet_while_a_poll_waits_answers_it_with_a_noop(golden):
    session = Session(golden().port, "polling")
    first = []
    thread = threading.Thread(target=lambda: first.append(session.way.get()))
    thread.start()
    time.sleep(0.05)
    assert session.way.post("1") == (200, "ok")
    thread.join()
    assert first == [(200, "6")]
    assert session.way.get()[0] == 400


@pytest.mark.parametrize("parked", [False, True], ids=["on the next poll", "on the parked poll"])
def test_row_11_the_server_closes_after_what_it_still_had_to_say(golden, parked):
    session, polls = Session(golden().port, "polling"), []
    poll = threading.Thread(target=lambda: polls.append(session.way.get()))
    if parked:
        poll.start()
        time.sleep(0.05)
    session.send('42["echo","last words"]', '42["disconnect-me",true]')
    packets = []
    if parked:
        poll.join()
        assert polls[0][0] == 200
        packets = polls[0][1].split("\x1e")
    while "1" not in packets:
        status, body = session.way.get()
        assert status == 200
        packets += [packet for packet in body.split("\x1e") if packet != "6"]
    assert packets == ['42["echo","last words"]', "41", "1"]
    assert session.way.get()[0] == 400


@pytest.mark.parametrize("last", ["x", "1"])
def test_row_12_text_and_binary_frames_are_packets_as_they_are_and_a_bad_or_a_close_packet_is_the_end(golden, last):
    socket = RawSocket(golden().port)
    socket.send("40")
    socket.receive()
    socket.send('451-["echo",{"_placeholder":true,"num":0}]')
    socket.send_raw(wire.frame(wire.BINARY, b"\x00\x01\xff"))
    assert socket.receive() == '451-["echo",{"_placeholder":true,"num":0}]'
    assert socket.socket.next(deadline()) == {"binary": b"\x00\x01\xff"}
    socket.send(last)
    socket.closed()


@both
def test_row_13_a_ping_comes_an_interval_after_the_last_pong(golden, transport):
    session = Session(golden(pingInterval=300, pingTimeout=200).port, transport)
    if transport == "polling":
        assert session.way.get() == (200, "2")
    else:
        assert session.receive() == "2"
    time.sleep(0.1)
    session.send("3")
    began = time.monotonic()
    assert session.receive() == "2"
    assert 0.25 < time.monotonic() - began < 0.45


@both
def test_row_13_without_a_pong_the_session_ends_in_time_even_if_nobody_polls(golden, transport):
    daemon = golden(pingInterval=300, pingTimeout=200)
    began = time.monotonic()
    session = Session(daemon.port, transport, connect=None)
    if transport == "polling":
        time.sleep(0.515 - (time.monotonic() - began))
        assert session.way.get()[0] == 400
    else:
        assert session.receive() == "2"
        session.way.closed()
        assert 0.45 < time.monotonic() - began < 0.7


@both
def test_row_13_a_ping_of_the_client_closes_the_session(golden, transport):
    session = Session(golden().port, transport)
    if transport == "polling":
        assert session.way.post("2")[0] in (200, 400)
    else:
        session.send("2")
    assert session.ended()


def test_row_14_a_waiting_poll_gets_a_noop_and_what_was_queued_follows_the_upgrade(golden):
    session, socket = upgrading(golden().port)
    polls = []
    thread = threading.Thread(target=lambda: polls.append(session.way.get()))
    thread.start()
    time.sleep(0.05)
    began = time.monotonic()
    socket.send("2probe")
    assert socket.receive() == "3probe"
    thread.join()
    assert polls == [(200, "6")] and time.monotonic() - began < 0.25
    session.send('42["echo","queued"]')
    socket.send("5")
    socket.send('42["echo","after"]')
    assert [socket.receive(), socket.receive()] == ['42["echo","queued"]', '42["echo","after"]']
    assert session.way.get()[0] == 400


def test_row_14_another_packet_closes_the_new_transport_only(golden):
    session, socket = upgrading(golden().port)
    socket.send("2probe")
    assert socket.receive() == "3probe"
    socket.send("4nonsense")
    socket.closed()
    assert session.alive()


def test_row_14_a_probe_that_is_abandoned_ends_and_the_session_lives_on(golden):
    session, socket = upgrading(golden(upgradeTimeout=300).port)
    began = time.monotonic()
    socket.send("2probe")
    assert socket.receive() == "3probe"
    socket.closed()
    assert time.monotonic() - began < 5, "the upgrade's own time is ten seconds"
    assert session.alive()


def test_row_15_a_second_websocket_for_an_upgraded_session_is_accepted_and_closed(golden):
    port = golden().port
    first = Session(port, "websocket")
    answer = upgrade_request(port, f"EIO=4&transport=websocket&sid={first.eio}")
    assert answer.status == 101
    assert first.alive()
