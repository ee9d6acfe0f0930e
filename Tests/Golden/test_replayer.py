"""The replayer accepts the answers of a correct server, and reports each of them when the recording differs."""

import contextlib
import copy
import io
import json
import socket
import threading

import pytest

import wire
from match import match_header, match_text
from replay import DIFFERENCES, load, report, shards
from session import Outcome, Player

OPEN = '0{"sid":"%s","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
OPENED = OPEN % "${eio1}"


class Peer:
    """A small correct server: one polling handshake with an echo, one websocket with an echo."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.queued = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        # A session that differs is closed while this server still sends, and a poll without an answer is closed, too.
        with contextlib.suppress(OSError, IndexError), client:
            stream = client.makefile("rb")
            while line := stream.readline():
                method, target, _ = line.decode().split(" ")
                headers = {}
                while header := stream.readline().strip():
                    name, _, value = header.decode().partition(": ")
                    headers[name.lower()] = value
                body = stream.read(int(headers.get("content-length", 0))).decode()
                if "upgrade" in headers:
                    return self._websocket(client, stream)
                client.sendall(self._answer(method, target, body))

    def _answer(self, method, target, body):
        if "transport=nothing" in target:
            return answer(400, "application/json", '{"code":0,"message":"Transport unknown"}')
        if "sid=" not in target:
            self.queued.clear()
            return answer(200, "text/plain; charset=UTF-8", OPEN % "first-Sid_1", "Cache-Control: no-store\r\n")
        if method == "POST":
            self.queued += body.split("\x1e")
            return answer(200, "text/html", "ok", "Cache-Control: no-store\r\n")
        # One packet in each answer, because packets may be spread over answers in any way.
        return answer(200, "text/plain;charset=utf-8", self.queued.pop(0), "Cache-Control: no-store\r\n")

    def _websocket(self, client, stream):
        client.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        )
        client.sendall(wire.frame(wire.TEXT, (OPEN % "second-Sid").encode(), mask=False))
        while head := stream.read(2):
            length = head[1] & 127
            if length > 125:
                length = int.from_bytes(stream.read(2 if length == 126 else 8), "big")
            stream.read(4)
            payload = wire.masked(stream.read(length))
            client.sendall(wire.frame(head[0] & 15, payload, mask=False))
            if head[0] & 15 == wire.CLOSE:
                return


def answer(status, content_type, body, headers=""):
    body = body.encode()
    return (
        f"HTTP/1.1 {status} Whatever\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
    ).encode() + body


@pytest.fixture(scope="module")
def player():
    peer = Peer()
    yield Player("127.0.0.1", peer.port, patience=0.1)
    peer.listener.close()


TEXT_HEADERS = {"content-type": "text/plain; charset=UTF-8", "cache-control": "no-store"}

SESSION = {
    "id": "self-test",
    "group": "self",
    "title": "Everything that can be compared.",
    "steps": [
        {
            "do": "http",
            "conn": "h",
            "method": "GET",
            "query": "EIO=4&transport=nothing",
            "expect": {
                "status": 400,
                "headers": {"content-type": "application/json"},
                "body": '{"code":0,"message":"Transport unknown"}',
            },
        },
        {
            "do": "poll",
            "conn": "h",
            "method": "GET",
            "query": "EIO=4&transport=polling",
            "expect": {"status": 200, "headers": TEXT_HEADERS, "packets": [OPENED]},
        },
        {
            "do": "http",
            "conn": "p",
            "method": "POST",
            "query": "EIO=4&transport=polling&sid=${eio1}",
            "body": '42["echo",1]\x1e43007["two"]',
            "expect": {
                "status": 200,
                "headers": {"content-type": "text/html", "cache-control": "no-store"},
                "body": "ok",
            },
        },
        {
            "do": "poll",
            "conn": "h",
            "method": "GET",
            "query": "EIO=4&transport=polling&sid=${eio1}",
            "expect": {"status": 200, "headers": TEXT_HEADERS, "packets": ['42["echo",1.0]', '43007["two"]']},
        },
        {
            "do": "ws-open",
            "conn": "w",
            "query": "EIO=4&transport=websocket",
            "expect": {
                "status": 101,
                "headers": {"upgrade": "websocket", "sec-websocket-accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
            },
        },
        {"do": "ws-expect", "conn": "w", "expect": {"frames": [{"text": OPENED.replace("eio1", "eio2")}]}},
        {
            "do": "ws-send",
            "conn": "w",
            "frames": [{"text": '42["echo",${"x"*300}]'}, {"binary": {"blob": 300}}, {"ping": "p"}],
        },
        {
            "do": "ws-expect",
            "conn": "w",
            "quiet": 20,
            "within": [0, 1000],
            "expect": {"frames": [{"text": '42["echo",${"x"*300}]'}, {"binary": {"blob": 300}}]},
        },
        {"do": "ws-send", "conn": "w", "frames": [{"close": 1001}]},
        {"do": "ws-expect", "conn": "w", "expect": {"frames": [{"close": 1001, "reason": ""}, {"end": True}]}},
    ],
}
# The ping of step 7 is answered as a frame of its own: an echo of opcode 9.
SESSION["steps"][7]["expect"]["frames"].append({"ping": "p"})


def frames(session, step):
    return session["steps"][step - 1]["expect"]["frames"]


#: The change to the recording, the step that must then differ, and the reported difference.
ALTERATIONS = {
    "another status": (1, lambda s: s["steps"][0]["expect"].update(status=404)),
    "another body": (1, lambda s: s["steps"][0]["expect"].update(body='{"code":1,"message":"Transport unknown"}')),
    "a body with a member more": (
        1,
        lambda s: s["steps"][0]["expect"].update(body='{"code":0,"message":"Transport unknown","x":1}'),
    ),
    "a text where a number came": (
        1,
        lambda s: s["steps"][0]["expect"].update(body='{"code":"0","message":"Transport unknown"}'),
    ),
    "another header": (1, lambda s: s["steps"][0]["expect"]["headers"].update({"content-type": "text/html"})),
    "a header that did not come": (
        1,
        lambda s: s["steps"][0]["expect"]["headers"].update({"cache-control": "no-store"}),
    ),
    "a header that should not have come": (
        2,
        lambda s: s["steps"][1]["expect"].update(headers={"content-type": "text/plain;charset=UTF-8"}),
    ),
    "an answer that should not have come": (1, lambda s: s["steps"][0].update(expect={"noAnswer": True})),
    "another packet": (4, lambda s: s["steps"][3]["expect"].update(packets=['42["echo",2]', '43007["two"]'])),
    "a front that is equal only as a number": (
        4,
        lambda s: s["steps"][3]["expect"].update(packets=['42["echo",1]', '437["two"]']),
    ),
    "packets in another order": (4, lambda s: s["steps"][3]["expect"].update(packets=['43007["two"]', '42["echo",1]'])),
    "a packet less": (4, lambda s: s["steps"][3]["expect"].update(packets=[])),
    "a packet more": (4, lambda s: s["steps"][3]["expect"].update(packets=['42["echo",1]', '43007["two"]', "2"])),
    "no websocket": (5, lambda s: s["steps"][4]["expect"].update(status=400)),
    "one id in two places": (6, lambda s: frames(s, 6)[0].update(text=OPENED)),
    "another frame text": (8, lambda s: frames(s, 8)[0].update(text='42["echo",${"x"*299}]')),
    "another blob": (8, lambda s: frames(s, 8)[1].update(binary={"blob": 301})),
    "another kind of frame": (8, lambda s: frames(s, 8).__setitem__(1, {"text": "x"})),
    "frames in another order": (8, lambda s: frames(s, 8).reverse()),
    "a frame less": (8, lambda s: frames(s, 8).pop()),
    "a frame more": (8, lambda s: frames(s, 8).append({"text": "2"})),
    "silence": (8, lambda s: frames(s, 8).clear()),
    "an end": (8, lambda s: frames(s, 8).append({"end": True})),
    "a time that had not yet come": (8, lambda s: s["steps"][7].update(within=[500, 1000])),
    "another close code": (10, lambda s: frames(s, 10)[0].update(close=1002)),
    "a close without an end": (10, lambda s: frames(s, 10).pop()),
}


def test_a_server_that_does_as_recorded_passes(player):
    outcome = player.play(SESSION)
    assert outcome.passed, str(outcome)


@pytest.mark.parametrize("name", ALTERATIONS)
def test_an_altered_expectation_is_a_difference(player, name):
    step, change = ALTERATIONS[name]
    session = copy.deepcopy(SESSION)
    change(session)
    outcome = player.play(session)
    assert outcome.step == step, str(outcome)


def test_an_answer_listed_as_also_fine_is_accepted_and_may_end_the_session(player):
    session = copy.deepcopy(SESSION)
    session["steps"][0].update(expect={"status": 500}, alsoFine=[{"status": 404}, {"status": 400, "then": "end"}])
    session["steps"][1]["expect"]["status"] = 500
    outcome = player.play(session)
    assert outcome.passed and outcome.otherwise
    assert not player.play(SESSION).otherwise


def test_frames_in_any_order_pass_where_the_step_allows_it(player):
    session = copy.deepcopy(SESSION)
    frames(session, 8).reverse()
    session["steps"][7]["order"] = "any"
    assert player.play(session).passed


def test_a_server_that_is_not_there_is_a_difference():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert not Player("127.0.0.1", port).play(SESSION).passed


@pytest.mark.parametrize(
    "expected, got, same",
    [
        ('42["a",1]', '42["a",1.0]', True),
        ('42["a",{"x":1,"y":2}]', '42["a",{"y":2,"x":1}]', True),
        ('42["\\u20ac"]', '42["€"]', True),
        ('42["a",1]', '43["a",1]', False),
        ('42["a",1]', '42["a",true]', False),
        ('42["a",1]', '42["a",1', False),
        ('42["a",null]', '42["a",NaN]', False),
        ("3probe", "3probe ", False),
        ('40{"sid":"${sio1}"}', '40{"sid":"abc"}', True),
        ('40{"sid":"${sio1}"}', '40{"sid":"a b"}', False),
        ('40{"sid":"${sio1}","pid":"${pid1}"}', '40{"pid":"p","sid":"s"}', True),
        ('40{"sid":"${sio1}","pid":"${pid1}"}', '40{"sid":"s","pid":"s"}', False),
        ('42${ack1}["q"]', '4217["q"]', True),
        ('42${ack1}["q"]', '42["q"]', False),
    ],
)
def test_text_is_compared_exactly_and_then_as_json(expected, got, same):
    assert (match_text(expected, got, {}) is not None) == same


def test_a_known_variable_must_come_again_as_it_was():
    assert match_text('["${sio1}"]', '["one"]', {"sio1": "one"}) == {"sio1": "one"}
    assert match_text('["${sio1}"]', '["two"]', {"sio1": "one"}) is None


@pytest.mark.parametrize(
    "name, expected, got, same",
    [
        ("content-type", "text/plain; charset=UTF-8", "text/plain;charset=utf-8", True),
        ("content-type", "text/plain", "text/html", False),
        ("access-control-allow-methods", "GET,POST", "post, get", True),
        ("access-control-allow-methods", "GET,POST", "GET", False),
        ("vary", "Origin", "Accept-Encoding, origin", True),
        ("vary", "Origin", "Accept-Encoding", False),
        ("set-cookie", "io=x; Path=/; HttpOnly", "io=x; HttpOnly; Path=/", True),
        ("set-cookie", "io=x; Path=/; HttpOnly", "io=x; Path=/", False),
        ("set-cookie", "io=x; Path=/", "io=y; Path=/", False),
        ("sec-websocket-extensions", "permessage-deflate; a; b", "permessage-deflate; b; a", True),
        ("sec-websocket-extensions", "permessage-deflate; a", "permessage-deflate", False),
    ],
)
def test_headers_are_compared_by_their_own_rules(name, expected, got, same):
    assert (match_header(name, expected, [got], {}) is not None) == same


def test_a_listed_difference_is_accepted_only_as_long_as_it_differs():
    sessions = [{"id": "one", "group": "g", "title": "One."}]
    failed, passed = [Outcome("one", 1, "http", "status", 200, 400)], [Outcome("one")]
    assert report(sessions, passed, {}, out=io.StringIO())
    assert not report(sessions, failed, {}, out=io.StringIO())
    assert report(sessions, failed, {"one": "stricter"}, out=io.StringIO())
    assert not report(sessions, passed, {"one": "stricter"}, out=io.StringIO())
    assert report(sessions, [Outcome("one", otherwise=True)], {"one": "stricter"}, out=io.StringIO())
    sessions[0]["optional"] = True
    assert report(sessions, failed, {}, out=io.StringIO())


def test_all_recorded_sessions_are_there_and_every_listed_difference_has_a_reason():
    sessions = load()
    assert len(sessions) == 530
    assert sum(len(group) for _, group in shards(sessions)) == 530
    ids = {session["id"] for session in sessions}
    for name, reason in json.loads(DIFFERENCES.read_text()).items():
        assert name in ids and len(reason) > 20
