"""RFC 6455 and RFC 7692, case by case, with the raw echo: the cases of Autobahn's test suite for servers, in its order
and with its numbers.

Everything is sent as bytes, so that every error is intended. Python's strict decoder decides whether text is UTF-8.
"""

import itertools
import os
import random
import time
import zlib

import pytest

import wire
from harness.daemon import Daemon
from harness.tab import PATIENCE

LARGEST = 16 << 20
CONFORMANCE = {"webSocketEcho": "/ws-echo", "maxMessage": LARGEST}

PROTOCOL_ERROR, INVALID_TEXT, TOO_LARGE = (
    [{"close": 1002, "reason": ""}],
    [{"close": 1007, "reason": ""}],
    [{"close": 1009, "reason": ""}],
)
NORMAL = [{"close": 1000, "reason": ""}]

HELLO = "Hello-µ@ßöäüàá-UTF-8!!"


def text(payload, **options):
    return wire.frame(wire.TEXT, payload if isinstance(payload, bytes) else payload.encode(), **options)


def binary(payload, **options):
    return wire.frame(wire.BINARY, payload, **options)


def more(payload, **options):
    return wire.frame(wire.CONTINUATION, payload if isinstance(payload, bytes) else payload.encode(), **options)


def ping(payload=b"", **options):
    return wire.frame(wire.PING, payload, **options)


def pong(payload=b"", **options):
    return wire.frame(wire.PONG, payload, **options)


def close(payload=b"", **options):
    return wire.frame(wire.CLOSE, payload, **options)


def fragments(opcode, parts, between=b""):
    """One message in as many frames as there are parts, with other frames between them."""
    frames = [
        wire.frame(opcode if index == 0 else wire.CONTINUATION, part, fin=index == len(parts) - 1)
        for index, part in enumerate(parts)
    ]
    return between.join(frames)


def pieces(payload, size):
    return [payload[start : start + size] for start in range(0, len(payload), size)] or [b""]


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    daemon = Daemon(
        tmp_path_factory.mktemp("echo"), auth=False, perMessageDeflate={"threshold": 0}, conformance=CONFORMANCE
    ).start()
    yield Echo(daemon.port)
    daemon.close()


class Echo:
    """Opens conversations with the echo."""

    def __init__(self, port):
        self.port = port

    def open(self, offer=None):
        """A WebSocket, and the extensions that were agreed to."""
        connection = wire.Connection("127.0.0.1", self.port)
        extensions = f"Sec-WebSocket-Extensions: {offer}\r\n" if offer else ""
        connection.send(
            (
                f"GET /ws-echo HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nConnection: Upgrade\r\nUpgrade: "
                f"websocket\r\n{extensions}"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {wire.WEBSOCKET_KEY}\r\n\r\n"
            ).encode(),
            deadline(),
        )
        answer = wire.read_answer(connection, "GET", deadline())
        assert answer.status == 101, answer
        return wire.WebSocket(connection), ", ".join(answer.values("sec-websocket-extensions"))

    def hears(self, data, split=None, goodbye=True):
        """Sends bytes, or writes of bytes, closes with 1000, and returns all that comes until the
        server ends the connection."""
        socket, _ = self.open()
        for write in [data] if isinstance(data, bytes) else data:
            socket.send(write, split)
        if goodbye:
            socket.send(close(wire.close_payload(1000)))
        socket.close_sent = True
        return rest(socket)


def deadline(seconds=PATIENCE):
    return time.monotonic() + seconds


def rest(socket, seconds=PATIENCE):
    """All that comes until the end of the connection. A server that leaves the connection
    open fails by the deadline."""
    items, until = [], deadline(seconds)
    while "end" not in (item := socket.next(until)):
        items.append(item)
    socket.connection.close()
    return items


# 1: framing


@pytest.mark.parametrize("split", [None, 997])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 65535, 65536])
def test_1_messages_of_every_length_come_back_with_their_own_type(echo, size, split):
    assert echo.hears(text(b"*" * size), split) == [{"text": "*" * size}] + NORMAL
    assert echo.hears(binary(b"\xfe" * size), split) == [{"binary": b"\xfe" * size}] + NORMAL


# 2: pings and pongs


@pytest.mark.parametrize("split", [None, 1])
@pytest.mark.parametrize("payload", [b"", b"Hello, world!", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125])
def test_2_a_ping_is_answered_with_its_payload(echo, payload, split):
    assert echo.hears(ping(payload), split) == [{"pong": payload}] + NORMAL


def test_2_a_ping_of_more_than_125_bytes_is_an_error(echo):
    assert echo.hears(ping(b"\xfe" * 126)) == PROTOCOL_ERROR


def test_2_a_pong_nobody_asked_for_is_ignored(echo):
    assert echo.hears(pong() + pong(b"unsolicited") + ping(b"asked")) == [{"pong": b"asked"}] + NORMAL


@pytest.mark.parametrize("split", [None, 1])
def test_2_ten_pings_are_answered_in_order(echo, split):
    payloads = [b"payload-%d" % index for index in range(10)]
    assert echo.hears(b"".join(map(ping, payloads)), split) == [{"pong": payload} for payload in payloads] + NORMAL


# 3 and 4: reserved bits and opcodes


@pytest.mark.parametrize("split", [None, 1])
@pytest.mark.parametrize("rsv", range(1, 8))
def test_3_a_reserved_bit_is_an_error_whatever_the_frame(echo, rsv, split):
    for wrong in (
        text("Hello", rsv=rsv),
        binary(b"Hello", rsv=rsv),
        ping(b"Hello", rsv=rsv),
        close(rsv=rsv),
        text("", rsv=rsv),
    ):
        assert echo.hears(text("before") + wrong + ping(), split) == [{"text": "before"}] + PROTOCOL_ERROR


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_4_a_reserved_opcode_is_an_error(echo, opcode):
    for wrong in (wire.frame(opcode, b""), wire.frame(opcode, b"reserved")):
        assert echo.hears(text("before") + wrong + ping()) == [{"text": "before"}] + PROTOCOL_ERROR


# 5: fragmentation


@pytest.mark.parametrize("frame", [ping, pong, close])
def test_5_a_control_frame_must_not_be_fragmented(echo, frame):
    assert echo.hears(frame(b"frag", fin=False) + more("ment")) == PROTOCOL_ERROR


@pytest.mark.parametrize("split", [None, 1])
@pytest.mark.parametrize("between", [b"", ping(b"in between"), pong(b"in between")])
def test_5_fragments_are_one_message_and_control_frames_may_stand_between_them(echo, between, split):
    answer = [{"pong": b"in between"}] if between == ping(b"in between") else []
    data = fragments(wire.TEXT, [b"fragment1", b"fragment2"], between)
    assert echo.hears(data, split) == answer + [{"text": "fragment1fragment2"}] + NORMAL
    data = fragments(wire.BINARY, [b"\x00", b"", b"\x01\x02", b""], between)
    assert echo.hears(data, split) == answer * 3 + [{"binary": b"\x00\x01\x02"}] + NORMAL


def test_5_a_ping_between_fragments_is_answered_before_the_message_is_complete(echo):
    socket, _ = echo.open()
    for part in range(1, 5):
        socket.send((text if part == 1 else more)(f"fragment{part}", fin=False) + ping(b"%d" % part))
        assert socket.next(deadline()) == {"pong": b"%d" % part}
    socket.send(more("fragment5"))
    assert socket.next(deadline()) == {"text": "fragment1fragment2fragment3fragment4fragment5"}


@pytest.mark.parametrize("fin", [True, False])
@pytest.mark.parametrize("split", [None, 1])
def test_5_a_continuation_of_nothing_is_an_error(echo, fin, split):
    assert echo.hears(more("continuation", fin=fin) + text("Hello"), split) == PROTOCOL_ERROR
    assert echo.hears(text("whole") + more("continuation", fin=fin), split) == [{"text": "whole"}] + PROTOCOL_ERROR
    complete = fragments(wire.TEXT, [b"fragment1", b"fragment2"])
    assert (
        echo.hears(complete + more("fragment3", fin=fin) + text("Hello"), split)
        == [{"text": "fragment1fragment2"}] + PROTOCOL_ERROR
    )


@pytest.mark.parametrize("fin", [True, False])
@pytest.mark.parametrize("start", [text, binary])
def test_5_a_message_within_a_message_is_an_error(echo, start, fin):
    assert echo.hears(text("fragment1", fin=False) + start(b"fragment2", fin=fin)) == PROTOCOL_ERROR


# 6: UTF-8


def test_6_1_empty_text_and_empty_fragments_are_text(echo):
    assert echo.hears(text("")) == [{"text": ""}] + NORMAL
    assert echo.hears(fragments(wire.TEXT, [b"", b"", b""])) == [{"text": ""}] + NORMAL
    assert (
        echo.hears(fragments(wire.TEXT, [b"", b"middle frame payload", b""]))
        == [{"text": "middle frame payload"}] + NORMAL
    )


def utf8_table():
    """Byte sequences by what they try, after Markus Kuhn's stress test and the boundaries of RFC 3629's grammar."""
    word, code = "κόσμε".encode(), lambda point: chr(point).encode("utf-8", "surrogatepass")
    yield (
        "valid",
        [b"", b"hello\x24world", b"hello\xc2\xa2world", b"hello\xe2\x82\xacworld", b"hello\xf0\xa4\xad\xa2world", word],
    )
    yield "prefixes", [word[:end] for end in range(1, len(word))]
    yield (
        "first of a length",
        [
            b"\x00",
            b"\xc2\x80",
            b"\xe0\xa0\x80",
            b"\xf0\x90\x80\x80",
            b"\xf8\x88\x80\x80\x80",
            b"\xfc\x84\x80\x80\x80\x80",
        ],
    )
    yield (
        "last of a length",
        [
            b"\x7f",
            b"\xdf\xbf",
            b"\xef\xbf\xbf",
            b"\xf4\x8f\xbf\xbf",
            b"\xf7\xbf\xbf\xbf",
            b"\xfb\xbf\xbf\xbf\xbf",
            b"\xfd\xbf\xbf\xbf\xbf\xbf",
        ],
    )
    yield "boundaries", [b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf", b"\xf4\x90\x80\x80"]
    yield (
        "continuation bytes",
        [bytes(range(0x80, 0x80 + count)) for count in range(1, 8)]
        + [bytes(range(0x80, 0xC0))]
        + [bytes((byte,)) for byte in range(0x80, 0xC0)],
    )
    yield "lonely start bytes", [bytes((byte, 0x20)) for byte in range(0xC0, 0x100)]
    yield (
        "last byte missing",
        [
            b"\xc0",
            b"\xe0\x80",
            b"\xf0\x80\x80",
            b"\xdf",
            b"\xef\xbf",
            b"\xf7\xbf\xbf",
            b"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41",
        ],
    )
    yield "impossible bytes", [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"]
    yield (
        "overlong",
        [
            b"\xc0\xaf",
            b"\xe0\x80\xaf",
            b"\xf0\x80\x80\xaf",
            b"\xf8\x80\x80\x80\xaf",
            b"\xc1\xbf",
            b"\xe0\x9f\xbf",
            b"\xf0\x8f\xbf\xbf",
            b"\xc0\x80",
            b"\xe0\x80\x80",
            b"\xf0\x80\x80\x80",
        ],
    )
    yield (
        "surrogates",
        [code(point) for point in (0xD800, 0xDB7F, 0xDB80, 0xDBFF, 0xDC00, 0xDF80, 0xDFFF)]
        + [code(high) + code(low) for high in (0xD800, 0xDB7F, 0xDB80, 0xDBFF) for low in (0xDC00, 0xDFFF)],
    )
    yield (
        "noncharacters",
        [code(plane << 16 | low) for plane in range(17) for low in (0xFFFE, 0xFFFF)] + [code(0xFDD0), code(0xFDEF)],
    )


@pytest.mark.parametrize("sequences", [pytest.param(sequences, id=name) for name, sequences in utf8_table()])
def test_6_text_is_utf8_to_the_letter(echo, sequences):
    for sequence in sequences:
        try:
            expected = [{"text": sequence.decode()}] + NORMAL
        except UnicodeDecodeError:
            expected = INVALID_TEXT
        assert echo.hears(text(sequence)) == expected, sequence
        # The same, split between any two bytes, into frames and into writes.
        assert echo.hears(fragments(wire.TEXT, pieces(sequence, 1))) == expected, sequence
        assert echo.hears(text(sequence), split=1) == expected, sequence
        # Binary may be anything.
        assert echo.hears(binary(sequence)) == [{"binary": sequence}] + NORMAL


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_6_2_valid_text_may_be_cut_anywhere(echo, size):
    payload = HELLO.encode()
    assert echo.hears(fragments(wire.TEXT, pieces(payload, size))) == [{"text": HELLO}] + NORMAL


VALID, INVALID = "κόσμε".encode(), b"\xed\xa0\x80"


@pytest.mark.parametrize("wrong, after", [(INVALID, b"edited"), (b"\xf4\x90\x80\x80", b""), (b"\xf4\x90", b"")])
def test_6_4_invalid_text_fails_before_its_message_ends(echo, wrong, after):
    # By fragments: the second is wrong and not the last.
    socket, _ = echo.open()
    socket.send(text(VALID, fin=False))
    with pytest.raises(TimeoutError):
        socket.next(deadline(0.05))
    socket.send(more(wrong, fin=False))
    assert rest(socket) == INVALID_TEXT
    # By bytes: the frame announces more than has come.
    socket, _ = echo.open()
    whole = text(VALID + wrong + after + b"and more")
    socket.send(whole[: len(whole) - len(after + b"and more")])
    assert rest(socket) == INVALID_TEXT


# 7: closing


def test_7_1_nothing_is_answered_after_the_close_frame(echo):
    for after in (close(), ping(), text("Hello"), binary(b"\x00") + ping(b"x"), b"\xff" * 1000):
        assert (
            echo.hears(text("before") + close(wire.close_payload(1000)) + after, goodbye=False)
            == [{"text": "before"}] + NORMAL
        )
    assert (
        echo.hears([text("fragment1", fin=False), close(wire.close_payload(1000)), more("fragment2")], goodbye=False)
        == NORMAL
    )
    large = "BAsd7&jh23" * 26_000
    assert (
        echo.hears(text(large) + text("Hello") + close(wire.close_payload(1000)) + ping(), goodbye=False)
        == [{"text": large}, {"text": "Hello"}] + NORMAL
    )


@pytest.mark.parametrize("payload", [b"", b"\x03\xe8", b"\x03\xe8Hello World!", b"\x03\xe8" + b"*" * 123])
def test_7_3_the_close_frame_comes_back(echo, payload):
    code = int.from_bytes(payload[:2], "big") if payload else None
    assert echo.hears(close(payload), goodbye=False) == [{"close": code, "reason": payload[2:].decode()}]


@pytest.mark.parametrize(
    "payload, answer",
    [
        (b"a", PROTOCOL_ERROR),
        (b"\x03\xe8" + b"*" * 124, PROTOCOL_ERROR),
        (b"\x03\xe8" + VALID + INVALID + b"edited", INVALID_TEXT),
        (b"\x03\xe8" + VALID[:-1], INVALID_TEXT),
    ],
)
def test_7_3_and_7_5_a_close_frame_that_is_wrong_is_an_error(echo, payload, answer):
    assert echo.hears(close(payload), goodbye=False) == answer


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
)
def test_7_7_a_close_code_comes_back(echo, code):
    assert echo.hears(close(wire.close_payload(code)), goodbye=False) == [{"close": code, "reason": ""}]


@pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_7_9_a_close_code_that_nobody_may_send_is_an_error(echo, code):
    assert echo.hears(close(wire.close_payload(code)), goodbye=False) == PROTOCOL_ERROR
    assert echo.hears(close(wire.close_payload(code, "reason")), goodbye=False) == PROTOCOL_ERROR


def test_masking_is_required_of_clients(echo):
    assert echo.hears(text("Hello", mask=False)) == PROTOCOL_ERROR
    assert echo.hears(ping(mask=False)) == PROTOCOL_ERROR


# 9 and 10: limits. `slow`: megabytes each; every wait is bounded all the same.

#: Seconds for the largest of them on a busy machine.
LONG = 60


def converse(echo, data, split=None):
    socket, _ = echo.open()
    socket.send(data, split)
    item = socket.next(deadline(LONG))
    socket.connection.close()
    return item


@pytest.mark.slow
@pytest.mark.parametrize("size", [64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20, LARGEST])
def test_9_1_and_9_2_large_messages_come_back(echo, size):
    assert converse(echo, text(b"*" * size)) == {"text": "*" * size}
    payload = os.urandom(1 << 10) * (size >> 10)
    assert converse(echo, binary(payload)) == {"binary": payload}


@pytest.mark.slow
@pytest.mark.parametrize("size", [64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20])
def test_9_3_and_9_4_four_megabytes_in_fragments_come_back(echo, size):
    payload = b"*" * (4 << 20)
    assert converse(echo, fragments(wire.TEXT, pieces(payload, size))) == {"text": payload.decode()}
    assert converse(echo, fragments(wire.BINARY, pieces(payload, size))) == {"binary": payload}


@pytest.mark.slow
@pytest.mark.parametrize("split", [64, 128, 256, 512, 1024, 2048])
def test_9_5_and_9_6_a_megabyte_in_small_writes_comes_back(echo, split):
    payload = b"*" * (1 << 20)
    assert converse(echo, text(payload), split) == {"text": payload.decode()}
    assert converse(echo, binary(payload), split) == {"binary": payload}


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 16, 64, 256, 1024, 4096])
def test_9_7_and_9_8_a_thousand_messages_come_back_in_order(echo, size):
    for opcode, key in ((wire.TEXT, "text"), (wire.BINARY, "binary")):
        socket, _ = echo.open()
        for index in range(1000):
            payload = (b"%d" % index).rjust(size, b"*")
            socket.send(wire.frame(opcode, payload))
            assert socket.next(deadline()) == {key: payload.decode() if opcode == wire.TEXT else payload}
        socket.connection.close()


@pytest.mark.slow
def test_9_a_message_beyond_the_limit_closes_with_1009(echo):
    assert echo.hears(binary(b"", declare=LARGEST + 1), goodbye=False) == TOO_LARGE
    assert echo.hears(binary(b"*" * LARGEST, fin=False) + more(b"", declare=1), goodbye=False) == TOO_LARGE


def test_10_a_message_in_fragments_of_a_segment_comes_back(echo):
    payload = b"*" * 65536
    assert converse(echo, fragments(wire.TEXT, pieces(payload, 1300))) == {"text": payload.decode()}


# 12 and 13: permessage-deflate


class Codec:
    """Both directions of one agreement, with exactly the windows and the memory that it names: what goes
    beyond them does not inflate."""

    def __init__(self, extensions):
        name, *parameters = [part.strip() for part in extensions.split(";")]
        assert name == "permessage-deflate", extensions
        self.agreed = {part.partition("=")[0]: part.partition("=")[2] for part in parameters}
        self._new_deflater(), self._new_inflater()

    def _bits(self, side):
        return int(self.agreed.get(f"{side}_max_window_bits") or 15)

    def _new_deflater(self):
        # zlib has no raw window of 256 bytes; without matches there is no distance that could be too large.
        strategy = zlib.Z_DEFAULT_STRATEGY if self._bits("client") > 8 else zlib.Z_HUFFMAN_ONLY
        self._deflater = zlib.compressobj(6, zlib.DEFLATED, -max(self._bits("client"), 9), 8, strategy)

    def _new_inflater(self):
        self._inflater = zlib.decompressobj(-self._bits("server"))

    def compress(self, payload):
        data = self._deflater.compress(payload) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
        if "client_no_context_takeover" in self.agreed:
            self._new_deflater()
        return data[:-4]

    def inflate(self, payload):
        data = self._inflater.decompress(payload + b"\x00\x00\xff\xff")
        if "server_no_context_takeover" in self.agreed:
            self._new_inflater()
        return data


def compressed(echo, offer="permessage-deflate; client_max_window_bits"):
    """A WebSocket on which messages are compressed, and its codec, which the WebSocket inflates with."""
    socket, extensions = echo.open(offer)
    socket.deflate = Codec(extensions)
    return socket, socket.deflate


def says(codec, payload, opcode=wire.TEXT, size=None):
    """A compressed message, in fragments of `size` bytes of the compressed data."""
    parts = pieces(codec.compress(payload), size or 1 << 30)
    return b"".join(
        wire.frame(
            opcode if index == 0 else wire.CONTINUATION, part, fin=index == len(parts) - 1, rsv=4 if index == 0 else 0
        )
        for index, part in enumerate(parts)
    )


def prose(size, seed=1):
    """Text that repeats itself near and far, so that windows matter."""
    words, chance = (
        ["socket", "room", "namespace", "ack", "jackfield", '{"data":', "Grüße", "1234567890"],
        random.Random(seed),
    )
    return (
        " ".join(chance.choice(words) for _ in range(size // 4 + 1)).encode()[:size].decode("utf-8", "ignore").encode()
    )


_SERVER = (
    ["", "; server_no_context_takeover"],
    ["", "; server_max_window_bits=9", "; server_max_window_bits=12", "; server_max_window_bits=15"],
)
_CLIENT = (
    ["", "; client_no_context_takeover"],
    [
        "",
        "; client_max_window_bits",
        "; client_max_window_bits=8",
        "; client_max_window_bits=9",
        "; client_max_window_bits=15",
    ],
)


@pytest.mark.parametrize(
    "offer", ["permessage-deflate" + "".join(parts) for parts in itertools.product(*_SERVER, *_CLIENT)]
)
def test_13_every_combination_of_parameters_is_agreed_to_and_kept(echo, offer):
    socket, codec = compressed(echo, offer)
    for name, value in ((part.partition("=")[0].strip(), part.partition("=")[2]) for part in offer.split(";")[1:]):
        if name != "client_max_window_bits" or value:
            assert codec.agreed[name] == value
    for index, size in enumerate([16, 0, 64, 1024, 40_000, 3, 131_072, 1024]):
        payload = prose(size, index % 3)
        socket.send(says(codec, payload))
        assert socket.next(deadline()) == {"text": payload.decode(), "compressed": True}
        noise = random.Random(size).randbytes(size)
        socket.send(says(codec, noise, wire.BINARY))
        assert socket.next(deadline()) == {"binary": noise, "compressed": True}
    socket.connection.close()


@pytest.mark.parametrize(
    "offer, answer",
    [
        (
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=9, permessage-deflate",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=9",
        ),
        (
            "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_no_context_takeover",
            "permessage-deflate; server_no_context_takeover",
        ),
        ("permessage-deflate; unknown, permessage-deflate", "permessage-deflate"),
        ("x-webkit-deflate-frame", ""),
        ("permessage-deflate; server_max_window_bits=7", ""),
        ("permessage-deflate; server_max_window_bits=16", ""),
    ],
)
def test_13_of_several_offers_the_first_acceptable_is_taken(echo, offer, answer):
    socket, extensions = echo.open(offer)
    assert extensions == answer
    socket.connection.close()


@pytest.mark.parametrize("takeover", ["", "; server_no_context_takeover; client_no_context_takeover"])
@pytest.mark.parametrize(
    "size, fragment",
    [
        (16, None),
        (256, None),
        (4096, None),
        (65_536, None),
        (131_072, None),
        (8192, 256),
        (131_072, 256),
        (131_072, 4096),
    ],
)
def test_12_a_stream_of_compressed_messages_comes_back(echo, size, fragment, takeover):
    socket, codec = compressed(echo, "permessage-deflate" + takeover)
    for index in range(50):
        payload = prose(size, index)
        socket.send(says(codec, payload, size=fragment))
        assert socket.next(deadline()) == {"text": payload.decode(), "compressed": True}
    socket.connection.close()


def test_12_plain_messages_and_control_frames_may_stand_between_compressed_ones(echo):
    socket, codec = compressed(echo)
    first, *others = pieces(codec.compress(b"fragments of what is compressed"), 3)
    socket.send(text("plain") + wire.frame(wire.TEXT, first, fin=False, rsv=4))
    for part in others[:-1]:
        socket.send(more(part, fin=False) + ping(part))
    socket.send(more(others[-1]))
    assert socket.next(deadline())["text"] == "plain"
    assert [socket.next(deadline()) for _ in others[:-1]] == [{"pong": part} for part in others[:-1]]
    assert socket.next(deadline()) == {"text": "fragments of what is compressed", "compressed": True}
    socket.connection.close()


def test_12_a_message_may_end_its_deflate_stream_and_the_next_begins_anew(echo):
    socket, _ = compressed(echo, "permessage-deflate; client_no_context_takeover")
    for payload in (b"ended", b"again"):
        deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
        socket.send(wire.frame(wire.TEXT, deflater.compress(payload) + deflater.flush(zlib.Z_FINISH) + b"\x00", rsv=4))
        assert socket.next(deadline())["text"] == payload.decode()
    # The shortest empty message, and the one of RFC 7692 section 7.2.3.6.
    socket.send(wire.frame(wire.TEXT, b"\x00", rsv=4) + wire.frame(wire.TEXT, b"\x02\x00", rsv=4))
    assert [socket.next(deadline())["text"] for _ in range(2)] == ["", ""]
    socket.connection.close()


def broken(echo, data):
    socket, codec = compressed(echo)
    socket.send(data(codec))
    return rest(socket)


@pytest.mark.parametrize("frame", [more, ping, pong, close])
def test_12_the_compression_bit_belongs_to_the_first_frame_of_a_message(echo, frame):
    start = b"" if frame is not more else wire.frame(wire.TEXT, b"\xf2\x48", fin=False, rsv=4)
    assert broken(echo, lambda _: start + frame(b"", rsv=4)) == PROTOCOL_ERROR


def test_12_what_does_not_inflate_is_an_error(echo):
    assert broken(echo, lambda _: wire.frame(wire.TEXT, b"\xff" * 6, rsv=4)) == INVALID_TEXT
    assert broken(echo, lambda _: wire.frame(wire.BINARY, b"\xff" * 6, rsv=4)) == INVALID_TEXT


def test_12_text_is_validated_after_it_was_inflated(echo):
    assert broken(echo, lambda codec: says(codec, VALID + INVALID)) == INVALID_TEXT
    assert broken(echo, lambda codec: says(codec, VALID[:-1])) == INVALID_TEXT
    # Compressed bytes are no text: they may be anything, in any fragments.
    socket, codec = compressed(echo)
    socket.send(says(codec, VALID * 100, size=1))
    assert socket.next(deadline())["text"] == VALID.decode() * 100
    socket.connection.close()


def test_12_what_inflates_beyond_the_limit_closes_with_1009(echo):
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(deflater.compress(bytes(1 << 20)) for _ in range(17)) + deflater.flush(zlib.Z_SYNC_FLUSH)
    assert len(bomb) < 20_000
    assert broken(echo, lambda _: wire.frame(wire.BINARY, bomb[:-4], rsv=4)) == TOO_LARGE


@pytest.mark.parametrize(
    "offer, answer",
    [
        (
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=10; server_no_context_takeover; client_no_context_takeover; "
            "server_max_window_bits=11",
        ),
        (
            "permessage-deflate; client_max_window_bits=9; server_max_window_bits=9",
            "permessage-deflate; client_max_window_bits=9; server_max_window_bits=9; server_no_context_takeover; "
            "client_no_context_takeover",
        ),
        # If a client does not offer a window size, its messages are not compressed.
        ("permessage-deflate", ""),
    ],
)
def test_13_the_configuration_bounds_what_compression_may_keep(serve, offer, answer):
    settings = {
        "threshold": 0,
        "serverNoContextTakeover": True,
        "clientNoContextTakeover": True,
        "serverMaxWindowBits": 11,
        "clientMaxWindowBits": 10,
    }
    echo = Echo(serve(auth=False, perMessageDeflate=settings, conformance=CONFORMANCE).port)
    socket, extensions = echo.open(offer)
    assert extensions == answer
    if extensions:
        socket.deflate = Codec(extensions)
        for size in (100, 5000, 100):
            socket.send(says(socket.deflate, prose(size)))
            assert socket.next(deadline()) == {"text": prose(size).decode(), "compressed": True}
    socket.connection.close()
