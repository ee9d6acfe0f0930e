"""Compares an answer with the recorded one: text with masked variables, JSON, headers.

A comparison never changes the variables that it is given. It returns the new variables if it matches, None if not. So
several alternatives can be tried, and only the one that matches sets variables.
"""

import json
import re
import sys

#: JSON of a session nests up to a thousand deep, and json.loads counts every level as a call.
sys.setrecursionlimit(20_000)

_PLACEHOLDER = re.compile(r'\$\{(?:(?P<text>"(?:[^"\\]|\\.)*")\*(?P<count>[0-9]+)|(?P<name>[a-z]+[0-9]+))\}')

#: In a template a variable is one character of a private plane, so that splitting and JSON parsing see no braces.
_FIRST_MARK = 0xF0000
_MARK = re.compile("[\U000f0000-\U000ffffd]")

_SHAPES = {
    "eio": re.compile(r"[A-Za-z0-9_-]+"),
    "sio": re.compile(r"[A-Za-z0-9_-]+"),
    "pid": re.compile(r"[A-Za-z0-9_-]+"),
    "off": re.compile(r'[^"\\]*'),
    "ack": re.compile(r"[0-9]+"),
}


class SessionFault(Exception):
    """The session file contains something that the rules do not define."""


class Template:
    """A recorded text: literals, repetitions already written out, and named variables."""

    def __init__(self, source):
        self.names = []

        def replace(match):
            if match["name"] is None:
                return json.loads(match["text"]) * int(match["count"])
            self.names.append(match["name"])
            return chr(_FIRST_MARK + len(self.names) - 1)

        self.text = _PLACEHOLDER.sub(replace, source)

    def fill(self, variables):
        """The text with the values of its variables; an unknown one is an error in the session file."""
        return _MARK.sub(lambda mark: variables[self.names[ord(mark[0]) - _FIRST_MARK]], self.text)

    def match(self, got, variables, part=None):
        """Compares exactly. `part` is a piece of this template's text, where only that is to be compared."""
        position, text = 0, self.text if part is None else part
        for index, piece in enumerate(_split(text)):
            if index % 2 == 0:
                if not got.startswith(piece, position):
                    return None
                position += len(piece)
                continue
            name = self.names[ord(piece) - _FIRST_MARK]
            if name in variables:
                value = variables[name]
                if not got.startswith(value, position):
                    return None
            else:
                value = _SHAPES[name.rstrip("0123456789")].match(got, position)
                if value is None:
                    return None
                value = value[0]
                variables = bind(variables, name, value)
                if variables is None:
                    return None
            position += len(value)
        return variables if position == len(got) else None


def _split(text):
    """Literals at even indexes, marks at odd ones."""
    pieces, start = [], 0
    for mark in _MARK.finditer(text):
        pieces += [text[start : mark.start()], mark[0]]
        start = mark.end()
    return pieces + [text[start:]]


def bind(variables, name, value):
    """The variables with one more; None if another name already has this value, for ids are
    unique (ack ids are not)."""
    others = [known for other, known in variables.items() if not other.startswith("ack")]
    if not name.startswith("ack") and value in others:
        return None
    return {**variables, name: value}


def match_text(expected, got, variables):
    """Compares exactly; if that fails, compares the part before the first `[`, `{` or `"` exactly, and the rest as
    JSON."""
    template = Template(expected)
    exact = template.match(got, variables)
    if exact is not None:
        return exact
    front, rest = _cut(template.text)
    got_front, got_rest = _cut(got)
    variables = template.match(got_front, variables, part=front)
    if variables is None:
        return None
    try:
        return _match_json(_parse(rest), _parse(got_rest), template, variables)
    except ValueError:
        return None


def _cut(text):
    start = re.search(r'[\[{"]', text)
    return (text, "") if start is None else (text[: start.start()], text[start.start() :])


def _parse(text):
    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_int=float, parse_constant=refuse)


def _match_json(expected, got, template, variables):
    if type(expected) is not type(got):
        return None
    if isinstance(expected, str):
        return template.match(got, variables, part=expected)
    if isinstance(expected, list):
        if len(expected) != len(got):
            return None
        pairs = zip(expected, got, strict=True)
    elif isinstance(expected, dict):
        if expected.keys() != got.keys():
            return None
        pairs = ((value, got[key]) for key, value in expected.items())
    else:
        return variables if expected == got else None
    for one, other in pairs:
        variables = _match_json(one, other, template, variables)
        if variables is None:
            return None
    return variables


#: The headers that count: those that were recorded must be present, the others must be absent.
COUNTED = frozenset(
    [
        "content-type",
        "cache-control",
        "content-encoding",
        "set-cookie",
        "x-xss-protection",
        "upgrade",
        "sec-websocket-accept",
        "sec-websocket-extensions",
        "sec-websocket-protocol",
        "sec-websocket-version",
    ]
)


def counts(name, cors):
    return name in COUNTED or cors and (name == "vary" or name.startswith("access-control-"))


def match_header(name, expected, values, variables):
    """One header as recorded against all lines of that name. Returns the variables, or None."""
    got = ", ".join(values)
    if name == "set-cookie":
        return _match_cookies([expected] if isinstance(expected, str) else expected, values, variables)
    if name in ("content-type", "content-encoding", "cache-control", "upgrade"):
        same = _plain(expected) == _plain(got)
    elif name == "vary":
        same = _members(expected) <= _members(got)
    elif name.startswith("access-control-") or name == "sec-websocket-version":
        same = _members(expected) == _members(got)
    elif name == "sec-websocket-extensions":
        same = _extensions(expected) == _extensions(got)
    else:
        return match_text(expected, got, variables)
    return variables if same else None


def _match_cookies(expected, got, variables):
    if len(expected) != len(got):
        return None
    for one, other in zip(expected, got, strict=True):
        pair, *attributes = [part.strip() for part in one.split(";")]
        got_pair, *got_attributes = [part.strip() for part in other.split(";")]
        if {a.lower() for a in attributes} != {a.lower() for a in got_attributes}:
            return None
        variables = Template(pair).match(got_pair, variables)
        if variables is None:
            return None
    return variables


def _plain(value):
    return re.sub(r"\s", "", value).lower()


def _members(value):
    return {member.strip().lower() for member in value.split(",")}


def _extensions(value):
    return [
        (parts[0], frozenset(parts[1:]))
        for parts in ([_plain(part) for part in extension.split(";")] for extension in value.split(","))
    ]


def payload(value, variables):
    """The bytes of a body or payload: text, `{"hex"}` or `{"blob"}`."""
    if value is None:
        return b""
    if isinstance(value, str):
        return Template(value).fill(variables).encode("utf-8", "surrogatepass")
    if "hex" in value:
        return bytes.fromhex(value["hex"])
    if "blob" in value:
        return bytes(i % 251 for i in range(value["blob"]))
    raise SessionFault(f"no such payload: {value}")


def without_noops(packets, keep_single=True):
    """A noop (`6`) counts only where it is alone in its list."""
    return packets if keep_single and packets == ["6"] else [packet for packet in packets if packet != "6"]


def match_packets(expected, got, variables, any_order):
    expected = without_noops(expected)
    got = without_noops(got, keep_single=expected == ["6"])
    if len(expected) != len(got):
        return None
    return _match_all(expected, got, variables, any_order, match_text)


def _match_all(expected, got, variables, any_order, match):
    """Matches lists: in order, or each of `got` with the first of `expected` it fits."""
    left = list(expected)
    for item in got:
        for index, candidate in enumerate(left if any_order else left[:1]):
            bound = match(candidate, item, variables)
            if bound is not None:
                variables = bound
                del left[index]
                break
        else:
            return None
    return variables


def match_frames(expected, got, variables, step):
    """The variables if `got` is the beginning of `expected` (None if not), and how many frames are missing."""
    # Where only the end of the connection is expected, a close frame before it is accepted.
    if {"end": True} in expected and not any("close" in frame for frame in expected):
        got = [frame for frame in got if "close" not in frame]
    if len(got) > len(expected):
        return None, 0
    strict = step.get("strict", [])
    variables = _match_all(
        expected if step.get("order") == "any" else expected[: len(got)],
        got,
        variables,
        step.get("order") == "any",
        lambda e, g, v: _match_frame(e, g, v, strict),
    )
    return variables, len(expected) - len(got)


def _match_frame(expected, got, variables, strict):
    kind = next(k for k in ("text", "binary", "ping", "pong", "close", "end", "raw") if k in expected)
    if kind not in got:
        return None
    if "compressed" in strict and expected.get("compressed", False) != got.get("compressed", False):
        return None
    if kind == "text":
        return match_text(expected["text"], got["text"], variables)
    if kind in ("binary", "ping", "pong"):
        return variables if payload(expected[kind], variables) == got[kind] else None
    if kind == "close" and expected["close"] is None:
        return variables if got["close"] in (None, 1000, 1001, 1005) else None
    return variables if expected[kind] == got[kind] else None
