"""Wrong input gets a precise answer, affects only its sender, and loses no message of other clients."""

import pytest

import wire
from harness.tokens import token
from harness.wireclient import Polling, RawSocket

LIMIT = 1_000_000


@pytest.fixture
def daemon(serve):
    """A daemon without plugins, which only sends answers."""
    return serve()


@pytest.fixture
def bystander(daemon):
    """Another client, whose connection no test here may affect."""
    tab = daemon.person("bystander").open_tab()
    sid = tab.sid
    yield tab
    assert tab.connected and tab.sid == sid
    assert tab.call("presence:watch", [])[:] == []


@pytest.fixture
def polling(daemon, bystander):
    return Polling(daemon.port).connect(token())


@pytest.fixture
def socket(daemon, bystander):
    socket = RawSocket(daemon.port).connect(token())
    yield socket
    socket.close()


def alive(polling):
    """The session answers an event: here with the ack of an unknown event."""
    assert polling.post('420["nobody:knows"]') == (200, "ok")
    status, body = polling.get()
    return status == 200 and body.startswith("430[") and "unknown_event" in body


def test_a_polling_body_beyond_the_limit_is_413_and_the_session_survives(polling):
    assert polling.post(b"4" + b"x" * LIMIT)[0] == 413
    assert alive(polling)


def test_a_chunked_body_beyond_the_limit_is_413_too(daemon, polling):
    connection = wire.Connection("127.0.0.1", daemon.port)
    head = (
        f"POST /socket.io/?EIO=4&transport=polling&sid={polling.sid} HTTP/1.1\r\nHost: x\r\n"
        "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    connection.send(head + chunk * 20, wire.time.monotonic() + 10)
    assert wire.read_answer(connection, "POST", wire.time.monotonic() + 10).status == 413
    assert alive(polling)
    connection.close()


def test_a_frame_beyond_the_limit_closes_with_1009_before_it_was_read(socket):
    socket.send_raw(wire.frame(wire.TEXT, b"4", declare=LIMIT + 1))
    assert socket.closed() == 1009


def test_fragments_that_add_up_beyond_the_limit_close_with_1009(socket):
    part = b"x" * (LIMIT // 4)
    socket.send_raw(wire.frame(wire.TEXT, b"4" + part, fin=False))
    for _ in range(4):
        socket.send_raw(wire.frame(wire.CONTINUATION, part, fin=False))
    assert socket.closed() == 1009


@pytest.mark.parametrize(
    "text",
    [
        '42["echo"',
        "42{}",
        "42[]",
        '42["echo",]',
        "42['echo']",
        '42["a",01]',
        '42["a",NaN]',
        '42["\x01"]',
        "4",
        "49",
        "9",
        "42-[]",
        "4299999999999999999999[",
        '451-["x"]x',
    ],
)
def test_invalid_packets_close_their_own_connection_only(socket, text):
    socket.send(text)
    socket.closed()


def test_json_as_deep_as_the_limit_allows_does_no_harm(socket):
    socket.send('42["deep",' + "[" * 400_000 + "]" * 400_000 + "]")
    socket.send('420["nobody:knows"]')
    item = socket.socket.next(wire.time.monotonic() + 10)
    assert "close" in item or "end" in item or "unknown_event" in item.get("text", "")


def test_invalid_utf8_in_text_closes_with_1007(socket):
    socket.send_raw(wire.frame(wire.TEXT, b'42["x","\xff\xfe"]'))
    assert socket.closed() == 1007


def test_invalid_utf8_split_over_fragments_closes_with_1007(socket):
    socket.send_raw(wire.frame(wire.TEXT, b'42["\xe2\x82', fin=False) + wire.frame(wire.CONTINUATION, b'"]'))
    assert socket.closed() == 1007


def test_an_unknown_namespace_is_refused_and_the_connection_stays(socket):
    socket.send('40/nowhere,{"token":"x"}')
    assert socket.receive() == '44/nowhere,{"message":"Invalid namespace"}'
    socket.send('420["nobody:knows"]')
    assert "unknown_event" in socket.receive()


@pytest.mark.parametrize("text", ['42["echo","early"]', '420["ack"]', "41", "431[]", '42/chat,["echo"]'])
def test_whatever_comes_before_connect_closes_the_connection(daemon, bystander, text):
    socket = RawSocket(daemon.port)
    socket.send(text)
    socket.closed()


def test_a_session_id_that_was_guessed_is_unknown(daemon, bystander):
    guess = Polling(daemon.port)
    guess.sid = "A" * 20
    assert guess.get() == (400, '{"code":1,"message":"Session ID unknown"}')
    assert guess.post("40")[0] == 400


@pytest.mark.parametrize(
    "data",
    [
        b"\x00" * 1000,
        b"\xff" * 1000,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n" * 1000,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 200,
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 50_000,
    ],
    ids=lambda data: repr(data[:24]),
)
def test_bytes_that_are_no_http_end_their_own_connection(daemon, bystander, data):
    connection = wire.Connection("127.0.0.1", daemon.port)
    connection.send(data, wire.time.monotonic() + 10)
    connection.half_close()
    until = wire.time.monotonic() + 10
    while connection.fill(until):
        assert len(connection.buffer) < 100_000
    assert not connection.buffer or connection.buffer.startswith(b"HTTP/1.1 4"), bytes(connection.buffer[:200])
    connection.close()


def test_a_head_that_never_ends_is_given_up(serve):
    daemon = serve(connectTimeout=500)
    connection = wire.Connection("127.0.0.1", daemon.port)
    connection.send(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ", wire.time.monotonic() + 1)
    until = wire.time.monotonic() + 10
    while connection.fill(until):
        pass
    connection.close()


def test_a_client_that_does_not_read_is_cut_off_and_nobody_waits_for_it(serve, compiled):
    daemon = serve(plugins=[{"path": compiled("golden/golden.c")}], limits={"outputBuffer": 2_000_000})
    deaf = RawSocket(daemon.port).connect(token("deaf"))
    for _ in range(100):
        deaf.send('42["big",500000]')
    tab = daemon.person("alice").open_tab()
    assert tab.call("ack", "still here", timeout=5) == "still here"
    deaf.closed(30)
