"""The ways in which a socket ends, and for each the reason that the plugin Tests/Fixtures/rows gets and logs."""

import re
import threading
import time

import wire

from .wireclient import deadline


def break_a_rule(session, daemon):
    """Polling: the client aborts its poll. WebSocket: the client sends a frame without a mask."""
    if not session.polling:
        return session.way.send_raw(wire.frame(wire.TEXT, b"4", mask=False))
    connection = wire.Connection("127.0.0.1", daemon.port)
    connection.send(
        f"GET /socket.io/?EIO=4&transport=polling&sid={session.eio} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), deadline()
    )
    connection.close()


def sends(*packets):
    """The client sends this. The answer to a polling client is tested elsewhere."""

    def cause(session, daemon):
        if session.polling:
            session.way.post("\x1e".join(packets))
        else:
            session.send(*packets)

    return cause


def is_silent(session, daemon):
    """No pong is ever sent."""


def stops(session, daemon):
    """The operator's SIGTERM. A WebSocket answers the close frame, as every client does; otherwise the
    daemon would wait for it."""
    stopping = threading.Thread(target=daemon.stop)
    stopping.start()
    if not session.polling:
        session.way.closed()
    stopping.join()


#: The way in which a socket ends, and the reason that its hooks must get.
CAUSES = {
    "a broken rule of the transport": (break_a_rule, "transport error"),
    "a ping of the client": (sends("2"), "transport error"),
    "a close packet": (sends("1"), "transport close"),
    "no Socket.IO packet": (sends("42{}"), "forced close"),
    "no pong": (is_silent, "ping timeout"),
    "no Engine.IO packet": (sends("x"), "parse error"),
    "SIGTERM": (stops, "server shutting down"),
    "a second CONNECT": (sends("40"), "forced server close"),
    "an event to a namespace it is not in": (sends('42/nowhere,["ask"]'), "forced server close"),
    "DISCONNECT": (sends("41"), "client namespace disconnect"),
    "the plugin disconnects the socket": (sends('42["leave",false]'), "server namespace disconnect"),
    "the plugin disconnects the client": (sends('42["leave",true]'), "server namespace disconnect"),
}


def settings_for(cause):
    """Settings of the daemon with which this end takes less than a minute."""
    return {"pingInterval": 200, "pingTimeout": 100} if CAUSES[cause][0] is is_silent else {}


def going(daemon, sid):
    """The calls of the hooks for a socket, after its end: [(hook, namespace, its first room, reason), ...]."""
    until = deadline()
    while (
        not (found := re.findall(rf"(disconnecting|disconnected) {sid} of (\S+) in (\S+): (.+?)\.", daemon.log))
        or found[-1][0] != "disconnected"
    ):
        assert time.monotonic() < until, f"the hooks were told {found} of {sid}\n{daemon.log}"
        time.sleep(0.01)
    return found
