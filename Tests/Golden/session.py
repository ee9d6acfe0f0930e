"""Replays one recorded session with a server, and reports where the server differs. The rules are those of
README.md."""

import time
from dataclasses import dataclass

import wire
from match import (
    SessionFault,
    Template,
    counts,
    match_frames,
    match_header,
    match_packets,
    match_text,
    payload,
    without_noops,
)

#: The keys of a frame that is described by its payload, and the opcode of each.
FRAME_KINDS = {"text": wire.TEXT, "binary": wire.BINARY, "ping": wire.PING, "pong": wire.PONG}

#: Seconds for an answer or the expected frames; multiplied by `Player.patience` on a slow machine.
PATIENCE = 4.0
#: Seconds of silence after the last expected frame, unless a step says otherwise.
QUIET = 0.1
#: Seconds after the first half of a request, so that it has arrived before the next step.
ARRIVAL = 0.03


class Difference(Exception):
    """A step whose answer is not the recorded one."""

    def __init__(self, expected, got, about=""):
        super().__init__(about)
        self.about, self.expected, self.got = about, expected, got


@dataclass
class Outcome:
    """`step` counts from 1. All fields are empty for a session that passed, except that `otherwise` says whether one
    of its answers was in `alsoFine`."""

    id: str
    step: int = 0
    doing: str = ""
    about: str = ""
    expected: object = None
    got: object = None
    otherwise: bool = False

    @property
    def passed(self):
        return self.step == 0

    def __str__(self):
        return (
            f"{self.id}: step {self.step} ({self.doing}): {self.about}\n"
            f"    expected {shorten(self.expected)}\n    got      {shorten(self.got)}"
        )


def shorten(value, limit=600):
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else f"{text[: limit // 2]} … {text[-limit // 2 :]} ({len(text)} characters)"


class HTTPClient:
    """One keep-alive connection by name; `pending` is the request whose answer was not read yet."""

    def __init__(self):
        self.connection = None
        self.pending = None


class Player:
    """Plays sessions, one after the other, against `host:port`."""

    def __init__(self, host, port, patience=1.0):
        self.host, self.port, self.patience = host, port, patience

    def play(self, session):
        """Runs all steps. Never raises because of an answer of the server."""
        self.cors = "cors" in session.get("options", {})
        self.variables, self.connections, self.otherwise = {}, {}, False
        number, step = 0, {"do": "start"}
        try:
            for number, step in enumerate(session["steps"], 1):  # noqa: B007 (used after the loop)
                self.began = time.monotonic()
                if getattr(self, "_" + step["do"].replace("-", "_"))(step) == "end":
                    break
            return Outcome(session["id"], otherwise=self.otherwise)
        except Difference as difference:
            return Outcome(session["id"], number, step["do"], difference.about, difference.expected, difference.got)
        except (wire.NoAnswer, wire.Garbled, TimeoutError, OSError, ValueError) as error:
            return Outcome(
                session["id"], number, step["do"], "", step.get("expect"), f"{type(error).__name__}: {error}"
            )
        finally:
            for client in self.connections.values():
                if client.connection is not None:
                    client.connection.close()

    def _deadline(self, seconds=PATIENCE):
        return time.monotonic() + seconds * self.patience

    def _wait(self, step):
        time.sleep(step["ms"] / 1000)

    def _abort(self, step):
        client = self.connections.pop(step["conn"])
        if client.connection is not None:
            client.connection.close()

    def _half_close(self, step):
        self.connections[step["conn"]].connection.half_close()

    # HTTP

    def _http(self, step):
        self._start(step)
        return self._judge(step, self._answer(step))

    def _http_start(self, step):
        self._start(step)
        time.sleep(ARRIVAL)

    def _http_end(self, step):
        if "pendingFor" in step:
            return self._pending(step)
        return self._judge(step, self._answer(step))

    def _poll(self, step):
        self._start(step)
        return self._judge_poll(step)

    _poll_start = _http_start

    def _poll_end(self, step):
        if "pendingFor" in step:
            return self._pending(step)
        return self._judge_poll(step)

    def _pending(self, step):
        connection = self.connections[step["conn"]].connection
        if connection.buffer:
            raise Difference(step["expect"], bytes(connection.buffer), "an answer came at once")
        try:
            connection.fill(time.monotonic() + step["pendingFor"] / 1000)
        except TimeoutError:
            return
        raise Difference(step["expect"], bytes(connection.buffer), "an answer came too early, or the connection ended")

    def _request(self, step, fixed):
        """The bytes of a request; `fixed` are the headers it has unless the step changes them."""
        headers = {name.lower(): (name, value) for name, value in fixed}
        for name, value in step.get("headers", {}).items():
            headers.pop(name.lower(), None)
            if value is not None:
                headers[name.lower()] = (name, Template(value).fill(self.variables))
        target = Template(step.get("path", "/socket.io/")).fill(self.variables)
        if step.get("query"):
            target += "?" + Template(step["query"]).fill(self.variables)
        lines = [f"{step.get('method', 'GET')} {target} HTTP/1.1"] + [
            f"{name}: {value}" for name, value in headers.values()
        ]
        return "\r\n".join(lines + ["", ""]).encode("latin-1")

    def _start(self, step):
        client = self.connections.setdefault(step["conn"], HTTPClient())
        if client.connection is None or client.connection.closed_by_peer:
            client.connection = wire.Connection(self.host, self.port)
        body = payload(step.get("body"), self.variables)
        fixed = [("Host", f"127.0.0.1:{self.port}"), ("Connection", "keep-alive")]
        if "body" in step:
            fixed.append(("Content-Type", "text/plain;charset=UTF-8"))
            if "chunks" in step:
                fixed.append(("Transfer-Encoding", "chunked"))
            else:
                fixed.append(("Content-Length", str(step.get("contentLength", len(body)))))
        elif "contentLength" in step:
            fixed.append(("Content-Length", str(step["contentLength"])))
        client.pending = step
        client.connection.send(self._request(step, fixed) + _chunked(body, step.get("chunks")), self._deadline(30))

    def _answer(self, step):
        client = self.connections[step["conn"]]
        try:
            answer = wire.read_answer(client.connection, client.pending.get("method", "GET"), self._deadline())
        except wire.NoAnswer:
            answer = None
        except TimeoutError:
            raise Difference(step["expect"], None, f"no answer within {PATIENCE * self.patience:g} s") from None
        self._check_time(step)
        return answer

    def _check_time(self, step):
        if "within" in step:
            earliest, latest = step["within"]
            took = (time.monotonic() - self.began) * 1000
            if not earliest <= took <= latest * self.patience:
                raise Difference(f"within {earliest} to {latest} ms", f"{took:.0f} ms", "the time of the answer")

    def _judge(self, step, answer):
        """Compares with the recorded answer, then with each other answer that is accepted."""
        expected = step["expect"]
        why = self._compare(expected, answer, step.get("only"))
        if not isinstance(why, str):
            self.variables = why
            return None
        for other in step.get("alsoFine", []):
            variables = self._compare(other, answer, other.keys())
            if not isinstance(variables, str):
                self.variables, self.otherwise = variables, True
                return other.get("then")
        raise Difference(expected, _describe(answer), why)

    def _compare(self, expected, answer, only=None):
        """The variables afterwards, or a text that says which part differs."""
        variables = self.variables
        if answer is None or expected.get("noAnswer"):
            return (
                variables if answer is None and expected.get("noAnswer") else "the connection ended without an answer"
            )
        wanted = lambda part: part in expected and (only is None or part in only)  # noqa: E731
        if wanted("status") and expected["status"] != answer.status:
            return "status"
        if wanted("headers"):
            variables = self._compare_headers(
                expected["headers"], answer, variables, complete="status" in expected and only is None
            )
            if isinstance(variables, str):
                return variables
        if wanted("body"):
            variables = match_text(expected["body"], answer.text(), variables)
            if variables is None:
                return "body"
        return variables

    def _compare_headers(self, expected, answer, variables, complete):
        if complete:
            for name in {name for name, _ in answer.headers} - expected.keys():
                if counts(name, self.cors):
                    return f"header {name} should be absent"
        for name, value in expected.items():
            values = answer.values(name)
            if (value is None) == bool(values):
                return f"header {name} should be {'absent' if value is None else 'there'}"
            if value is not None:
                variables = match_header(name, value, values, variables)
                if variables is None:
                    return f"header {name}"
        return variables

    def _judge_poll(self, step):
        """Packets may be spread over several answers; status and headers are those of the first."""
        first = self._answer(step)
        candidates = [step["expect"]] + step.get("alsoFine", [])
        heads, why = [], None
        for index, candidate in enumerate(candidates):
            result = self._compare(candidate, first, step.get("only") if index == 0 else candidate.keys())
            if isinstance(result, str):
                why = why or result
            else:
                heads.append((candidate, result))
        if not heads:
            raise Difference(step["expect"], _describe(first), why)
        packets = _packets(first)
        deadline = self._deadline()
        while True:
            for candidate, variables in heads:
                if "packets" in candidate:
                    variables = match_packets(candidate["packets"], packets, variables, step.get("order") == "any")
                if variables is not None:
                    self.variables = variables
                    self.otherwise |= candidate is not step["expect"]
                    return candidate.get("then")
            longest = max(len(without_noops(c.get("packets", []))) for c, _ in heads)
            if len(without_noops(packets, keep_single=False)) >= longest or packets[-1:] == ["1"]:
                raise Difference([c.get("packets") for c, _ in heads], packets, "packets")
            packets += self._poll_again(step, packets, heads, deadline)

    def _poll_again(self, step, packets, heads, deadline):
        again = dict(self.connections[step["conn"]].pending)
        self._start(again)
        try:
            answer = wire.read_answer(self.connections[step["conn"]].connection, "GET", deadline)
        except (wire.NoAnswer, TimeoutError):
            answer = None
        if answer is None or answer.status != 200:
            raise Difference(
                [c.get("packets") for c, _ in heads], packets, f"packets; the poll after that: {_describe(answer)}"
            )
        return _packets(answer)

    # WebSocket

    def _ws_open(self, step):
        if (old := self.connections.get(step["conn"])) is not None and old.connection is not None:
            old.connection.close()
        connection = wire.Connection(self.host, self.port)
        client = self.connections[step["conn"]] = HTTPClient()
        client.connection, client.pending = connection, step
        fixed = [
            ("Host", f"127.0.0.1:{self.port}"),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", wire.WEBSOCKET_KEY),
        ]
        early = b"".join(self._frame(frame, None) for frame in step.get("early", []))
        connection.send(self._request(step, fixed) + early, self._deadline())
        answer = self._answer(step)
        if answer is not None and answer.status == 101:
            deflate = wire.Deflate.negotiated(", ".join(answer.values("sec-websocket-extensions")))
            self.connections[step["conn"]] = wire.WebSocket(connection, deflate)
        return self._judge(step, answer)

    def _socket(self, step):
        socket = self.connections.get(step["conn"])
        if not isinstance(socket, wire.WebSocket):
            raise SessionFault(f"{step['conn']} is no websocket")
        return socket

    def _ws_send(self, step):
        socket = self._socket(step)
        data = b"".join(self._frame(frame, socket.deflate) for frame in step["frames"])
        socket.close_sent = socket.close_sent or any("close" in frame for frame in step["frames"])
        socket.send(data, step.get("split"))

    def _frame(self, spec, deflate):
        """The bytes of one frame (or, with `cut`, of a message in two)."""
        if "raw" in spec:
            return bytes.fromhex(spec["raw"])
        for kind, opcode in FRAME_KINDS.items():  # noqa: B007 (used after the loop)
            if kind in spec:
                data = payload(spec[kind], self.variables)
                break
        else:
            if "close" in spec:
                opcode, data = wire.CLOSE, wire.close_payload(spec["close"], spec.get("reason", ""))
            else:
                opcode, data = spec["opcode"], payload(spec.get("payload"), self.variables)
        rsv = spec.get("rsv", 0)
        if spec.get("compress"):
            if deflate is None:
                raise Difference("permessage-deflate", None, "the server did not agree to compression")
            data, rsv = deflate.compress(data), rsv | 4
        mask, fin = spec.get("mask", True), spec.get("fin", True)
        if "cut" in spec:
            return wire.frame(opcode, data[: spec["cut"]], fin=False, rsv=rsv, mask=mask) + wire.frame(
                wire.CONTINUATION, data[spec["cut"] :], fin=fin, mask=mask
            )
        return wire.frame(opcode, data, fin=fin, rsv=rsv, mask=mask, declare=spec.get("declare"))

    def _ws_expect(self, step):
        socket = self._socket(step)
        quiet = step["quiet"] / 1000 if "quiet" in step else QUIET
        got, deadline = [], self._deadline()
        while True:
            complete, variables, alive = self._candidate(step, got)
            if not alive:
                raise Difference(step["expect"]["frames"], got, "frames")
            if complete is not None and got[-1:] == [{"end": True}]:
                break
            try:
                got.append(socket.next(deadline if complete is None else time.monotonic() + quiet))
            except TimeoutError:
                if complete is None:
                    about = f"nothing more within {PATIENCE * self.patience:g} s"
                    raise Difference(step["expect"]["frames"], got, about) from None
                break
            if len(got) == 1:
                self._check_time(step)
        self.variables = variables
        self.otherwise |= complete is not step["expect"]
        return complete.get("then")

    def _candidate(self, step, got):
        """The alternative that `got` completes with its variables, if any, and whether `got` is the
        beginning of one at all."""
        alive = False
        for candidate in [step["expect"]] + step.get("alsoFine", []):
            variables, missing = match_frames(candidate["frames"], got, self.variables, step)
            if variables is not None and missing == 0:
                return candidate, variables, True
            alive = alive or variables is not None
        return None, None, alive


def _chunked(body, sizes):
    if sizes is None:
        return body
    out, start = bytearray(), 0
    for size in [*sizes, max(0, len(body) - sum(sizes))]:
        if chunk := body[start : start + size]:
            out += b"%x\r\n%s\r\n" % (len(chunk), chunk)
        start += size
    return bytes(out) + b"0\r\n\r\n"


def _describe(answer):
    if answer is None:
        return "no answer"
    return {"status": answer.status, "headers": dict(answer.headers), "body": answer.text()}


def _packets(answer):
    return answer.text().split("\x1e") if answer.body else []
