#!/usr/bin/env python3
"""Writes the seeds of the fuzzers' corpora: recorded sessions of the reference server (Tests/Golden), and
inputs at the limits of each format."""

import json
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
SESSIONS = HERE.parent / "Tests" / "Golden" / "sessions"
MAX_SIZE = 256


def write(target, name, data):
    if 0 < len(data) <= MAX_SIZE:
        folder = HERE / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def sessions(*groups):
    for file in sorted(SESSIONS.glob("*.json")):
        session = json.loads(file.read_text())
        if session["group"] in groups:
            yield session["id"], session["steps"]


def content(value):
    if isinstance(value, str):
        return re.sub(r'\$\{"(.)"\*(\d+)\}', lambda found: found[1] * int(found[2]), value).encode()
    if isinstance(value, dict) and "hex" in value:
        return bytes.fromhex(value["hex"])
    return bytes(index % 251 for index in range(value.get("blob", 0))) if isinstance(value, dict) else b""


def counted(data):
    return bytes([len(data)]) + data if len(data) < 256 else None


def socketio():
    """Actions as in SocketIOFuzz: 0 opens, 1 sends a text, 6 sends a binary message, 7 closes the connection."""
    for name, steps in sessions("socketio", "recovery"):
        connections, script = [], b"\1" if name.startswith("recovery") else b"\0"
        for step in steps:
            connection = step.get("conn")
            if step["do"] == "ws-open" and len(connections) < 6:
                connections.append(connection)
                script += b"\0"
            elif step["do"] == "abort" and connection in connections:
                script += bytes([7, connections.index(connection), 0])
                connections.remove(connection)
            elif step["do"] == "ws-send" and connection in connections:
                for frame in step["frames"]:
                    data = counted(content(frame["text"])[1:] if "text" in frame else content(frame.get("binary")))
                    if data:
                        script += bytes([1 if "text" in frame else 6]) + data + bytes([connections.index(connection)])
        write("socketio", name, script)


def engineio():
    """Actions as in EngineIOFuzz: 0 opens polling, 1 a WebSocket, 4 polls, 7 and 8 post, 10 to 13 upgrade and send."""
    for name, steps in sessions("polling", "upgrade", "heartbeat"):
        script = b""
        for step in steps:
            query = step.get("query", "")
            if step["do"].startswith("poll") and "sid=" not in query:
                script += b"\0"
            elif step["do"] in ("poll", "poll-start"):
                script += b"\4\0"
            elif step["do"] in ("http", "http-start") and step.get("method") == "POST":
                body = counted(content(step.get("body", "")))
                script += b"\7\0\0" + b"\x08\0" + body if body else b""
            elif step["do"] == "ws-open":
                script += b"\x0a\0" if "sid=" in query else b"\1\0"
            elif step["do"] == "ws-send":
                for frame in step["frames"]:
                    text = counted(content(frame["text"])) if "text" in frame else None
                    script += b"\x0b\0" + text if text else b""
            elif step["do"] == "wait":
                script += b"\2\3"
        write("engineio", name, script)


def frame(first, payload):
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else bytes([0xFE]) + len(payload).to_bytes(2, "big")
    return bytes([first]) + size + bytes(4) + payload


def frame_bytes(spec):
    opcodes = {"text": 1, "binary": 2, "ping": 9, "pong": 10}
    for kind, opcode in opcodes.items():  # noqa: B007 (used after the loop)
        if kind in spec:
            payload = content(spec[kind])
            break
    else:
        if "raw" in spec:
            return bytes.fromhex(spec["raw"]) if isinstance(spec["raw"], str) else b""
        if "close" in spec:
            opcode, payload = (
                8,
                (spec["close"].to_bytes(2, "big") if spec["close"] else b"") + content(spec.get("reason", "")),
            )
        else:
            opcode, payload = spec.get("opcode", 1), content(spec.get("payload", ""))
    first = (0 if spec.get("fin") is False else 0x80) | spec.get("rsv", 0) << 4 | opcode
    return frame(first & 0xFF, payload) if len(payload) < 65536 else b""


def websocket():
    for name, steps in sessions("websocket"):
        stream = b"".join(frame_bytes(spec) for step in steps if step["do"] == "ws-send" for spec in step["frames"])
        write("websocket", name, b"r\7" + stream if stream else b"")
    hello = bytes.fromhex("f248cdc9c90700")
    write("websocket", "inflate-hello-twice", b"i\0\7" + counted(hello) + counted(bytes.fromhex("f200110000")))
    write("websocket", "inflate-final-block", b"i\0\7" + counted(bytes.fromhex("f348cdc9c9070000")) + counted(hello))
    write("websocket", "inflate-stored", b"i\1\0" + counted(bytes.fromhex("000500faff48656c6c6f00")))
    write(
        "websocket", "inflate-bomb", b"i\0\7" + counted(bytes.fromhex("eac1010d000000c2a0f74f6d0f07140000000000") * 6)
    )
    write("websocket", "deflate-takeover", b"d\1\6" + counted(b"hello hello") * 3)
    write("websocket", "deflate-small-window", b"d\0\0" + counted(b"ab") + counted(b"\1\2"))
    write("websocket", "deflate-empty-twice", b"d\1\2\0\0\0")
    write(
        "websocket",
        "offer",
        b'opermessage-deflate; client_max_window_bits; server_max_window_bits="10", permessage-deflate',
    )
    write("websocket", "frames-fragments", b"f\3\1\2\xc3\xa9\x09\1p\0\1x\x80\0\x82\2ab\x88\2\3\xe8")
    write("websocket", "frames-long", b"f\3\x91\1x\x92\2yz\xc1\2\xf2\x48")


def http():
    """FF n: selects connection n. FE: delivers the bytes so far. FD n: advances the time. FC: closes the connection.
    `{sid}`: the last session's id."""
    get = "GET /socket.io/?EIO=4&transport=polling%s HTTP/1.1\r\nHost: a\r\n\r\n"
    post = "POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s"
    upgrade = (
        "GET /socket.io/?EIO=4&transport=websocket%s HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: "
        "websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n"
    )
    poll = get % "&sid={sid}"
    write("http", "handshake-poll", ((get % "") + poll).encode() + b"\xfe")
    for name, body in {
        "connect": "40",
        "two": '40\x1e42["echo",1]',
        "ping": "2",
        "close": "1",
        "binary": "bAAEC",
        "empty": "",
    }.items():
        write("http", f"post-{name}", (get % "").encode() + b"\xfe" + (post % (len(body), body)).encode() + b"\xfe")
    write(
        "http",
        "websocket",
        (upgrade % ("", "")).encode() + b"\xfe" + frame(0x81, b"40") + frame(0x81, b'42["echo",1]') + b"\xfe",
    )
    write("http", "deflate", (upgrade % ("", "Sec-WebSocket-Extensions: permessage-deflate\r\n")).encode()[:250])
    write("http", "websocket-early", ((upgrade % ("", "")).encode() + frame(0x81, b"40"))[:MAX_SIZE])
    write(
        "http", "probe", (upgrade % ("&sid={sid}", "")).encode() + b"\xfe" + frame(0x81, b"2probe") + frame(0x81, b"5")
    )
    write(
        "http",
        "chunked",
        b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n\xfe",
    )
    write(
        "http",
        "pipelined",
        b"GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET /stream HTTP/1.1\r\nHost: a\r\n\r\n\xfe\xfd\x05GET /x HTTP/1.0\r\n"
        b"\r\n\xfe\xfc",
    )
    write(
        "http",
        "cors",
        b"OPTIONS /socket.io/ HTTP/1.1\r\nHost: a\r\nOrigin: http://localhost:3000\r\nAccess-Control-Request-Method: "
        b"POST\r\n\r\n\xfe",
    )
    write("http", "two-polls", (get % "").encode() + b"\xfe" + b"\xff\1" + (poll.encode() + b"\xfe"))
    write("http", "garbage", b"\x16\x03\x01\x02\0\1\0\1\xfe")
    write(
        "http",
        "expect",
        b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n\xfeabc\xfe",
    )


def rawjson():
    documents = [
        '{"a":[1,2,{"b":"\\u00e9x"}]}',
        '[1.5e3,-0,"é\\ud83d\\ude00",true,false,null,{}]',
        '"\\ud800\\u0000\\/"',
        " [ ] ",
        "-12.5E-3",
        "9223372036854775808",
        '{"a":1,"a":{"~/":2}}',
        '["' + "x" * 30 + '\\n"]',
        "[" * 60 + "]" * 60,
        "[1,]",
        "01",
        "tru",
        '"\\u12"',
        "1e999",
    ]
    pointers = ["", "/a/2/b", "/0", "/-", "/a/~0~1", "/6/x", "/a", "x", "/~", "/7"]
    for index, document in enumerate(documents):
        pointer = pointers[index % len(pointers)]
        write("rawjson", f"document-{index}", document.encode() + b"\xff" + pointer.encode() + b"\xff" + b'"new"')
    write("rawjson", "not-utf8", b'["\xc0\xaf","\xed\xa0\x80"]\xff/0\xff[1]')
    write("rawjson", "oracle-minus-zero", b"[1]\xff/-0\xff\0[")


SIGNATURES = [
    "()",
    "add(a: f64, b: f64) -> f64",
    "(room: string, limit: i64?) -> {items: json[], next: string?}",
    "divide(f64, f64) throws -> f64",
    "({a: {b: {}[]}?[]?, ...})",
    "f(a: bool, b: i32, c: u32, d: u64, e: f32, f: cstring, g: bytes) throws",
    "({..., a: i64})",
    "(i64??)",
    "(a: i64, a: i64)",
    "({" * 20,
    "(float64)",
]


def signatures():
    for index, signature in enumerate(SIGNATURES):
        other = SIGNATURES[(index + 1) % len(SIGNATURES)]
        write("signatures", f"signature-{index}", signature.encode() + b"\xff" + other.encode())
    write("signatures", "field-order", b"({a: i64, b: bool?})\xfff({b: bool?, a: i64})")
    write("signatures", "not-ascii", "(é: i64)".encode())


def contracts():
    """Bit 0 of the first byte: bytes are base64. The bits above: the number of attachments."""
    inputs = [
        (0, "({room: string, limit: i64, unread: bool})", '[{"room":"lobby","limit":20,"unread":true}]'),
        (0, "(i32, u32, i64, u64)", "[-2147483648,4294967295,9223372036854775807,1.8446744073709551615e19]"),
        (0, "(i64?, i64?)", "[1e400]"),
        (0, "(f32, f64)", "[3.4028235677973366e38,1.7976931348623159e308]"),
        (0, "({a: i64, b: i64?})", '[{"b":"x","a":"x","\\u0061":1,"b":null}]'),
        (0, "({limit: i64, ...}[])", '[[{"lmit":[{"x":"]}"}],"limit":1}]]'),
        (0, "({limit: i64?})", '[{"lmit":1}]'),
        (2, "(bytes, bytes?[])", '[{"_placeholder":true,"num":0},[null]]'),
        (1, "(bytes)", '["A\\/\\u002B="]'),
        (0, "(cstring, string)", '["\\u0001","\\ud800\\u0000"]'),
        (0, "() -> {items: json[], next: string?}", '{"items":[1,{}],"next":null}'),
        (0, "(seventeen: {seventeen_bytes_x: i64, seventeen_bytes_y: i64})", '[{"seventeen_bytes_y":1}]'),
        (0, "(a: bool, b: bool)", "[true,false,null]"),
        (0, "(a: bool, b: json)", "[tru"),
    ]
    for index, (options, signature, document) in enumerate(inputs):
        write("contracts", f"contract-{index}", bytes([options]) + signature.encode() + b"\xff" + document.encode())


def identity():
    token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSJ9.d5HSBEd-bHuQzM0HxkF76l9wGxvH0ghfBpRPzJz0pT0"
    write("identity", "token", b"t" + token.encode())
    write("identity", "token-bearer", b"tbEaReR  " + token.encode() + b"  ")
    write("identity", "token-none", b"teyJhbGciOiJub25lIn0.e30.")
    write("identity", "token-parts", b"t....")
    for index, claims in enumerate(
        [
            '{"sub":"alice","exp":1900000000,"scope":"a b"}',
            '{"sub":7,"nbf":1.7e9}',
            '{"exp":1e400}',
            '{"sub":"a","exp":-9223372036854775808}',
            '{"sub":"","aud":["x",1]}',
            "[]",
            '{"sub":"a","sub":"b","exp":"soon"}',
            '{"sub":"\\ud800"}',
            '{"sub":"a","nbf":9223372036854775}',
        ]
    ):
        write("identity", f"claims-{index}", b"s" + bytes([0, 40 + index, 65 + index, index % 3]) + claims.encode())
    write(
        "identity",
        "key-ed25519",
        b"k-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAL72vug2ZU1fa2+tKVl5PwZtZ8J16fp101ygI10/ZFo4=\n-----END PUBLIC "
        b"KEY-----\n",
    )
    write(
        "identity",
        "key-set-ec",
        b'k{"keys":[{"kty":"EC","crv":"P-256","x":"ZhFeY9M_iggtzUPKGQ2xz0HPctVYjJlAvnhW9AA1iUw","y":"7XfM6TOIXQJ9_X6cRCWuh-lqRwxQuIN_0GyPTe83lzU"}]}',
    )
    write(
        "identity",
        "key-set-rsa",
        b'k{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"a","use":"sig"},{"kty":"oct","k":"AAAA"}]}',
    )


def isolation():
    """Steps as in IsolationFuzz: 0 writes a record, 1 one with flags and an id, 8 reads."""
    write("isolation", "records", (b"\0" + counted(b"hello") + b"\0" + counted(b"x" * 200)) + b"\10")
    write("isolation", "around-the-end", (b"\0" + counted(b"y" * 150) + b"\10") + b"\0" + counted(b"z" * 90))
    part = b"\1%c\0\0" + b"%s"
    first = counted(bytes([20, 0, 0, 0, 0, 0, 0, 0]) + b"a" * 8)
    write("isolation", "parts", part % (1, first) + part % (2, counted(b"b" * 12)) + b"\10")
    write("isolation", "parts-beyond", part % (1, first) + part % (2, counted(b"b" * 13)) + b"\10")
    call = b"\1\4\1\2" + counted(b"call")
    write("isolation", "call-reply", call + b"\10\7\7" + call + b"\10")
    write("isolation", "call-twice", call + call + b"\10")
    write("isolation", "full", b"\6\175\6\175\6\175\6\175\6\175\6\175\4\1\13\6\175")
    write("isolation", "bad-tail", b"\0" + counted(b"a") + b"\3\1\77\10\0" + counted(b"b") + b"\10\6\1")
    write("isolation", "bad-size", b"\0" + counted(b"a") + b"\2\0\0" + counted(b"\377" * 8) + b"\10\10")


for make in (rawjson, signatures, contracts, identity, engineio, socketio, websocket, http, isolation):
    make()
