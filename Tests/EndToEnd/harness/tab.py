"""A python-socketio client that records what it receives. To the server it is like a browser tab."""

import socket
import threading
import time

import socketio

#: Seconds that a test waits for the host at most; long enough for slow machines.
PATIENCE = 10


class Refused(Exception):
    """CONNECT_ERROR; `data` is its payload, `{"message", "data"}`."""

    def __init__(self, data):
        super().__init__(data)
        self.data = data
        self.code = ((data or {}).get("data") or {}).get("code") if isinstance(data, dict) else None


class Tab:
    """One connection with the synchronous client, in one or more namespaces. `transports` as the client's option."""

    def __init__(self, address, token, transports=("websocket",), namespaces=("/",), auth=None, **options):
        self.client = socketio.Client(**{"reconnection": False, **options})
        self._arrived, self._changed = [], threading.Condition()
        self.disconnects = []
        refusals = []
        for namespace in namespaces:
            self.client.on("*", self._remember, namespace=namespace)
            self.client.on("connect_error", refusals.append, namespace=namespace)
            self.client.on("disconnect", self.disconnects.append, namespace=namespace)
        if auth is None:
            auth = {"token": token} if token is not None else {}
        try:
            self.client.connect(
                address, auth=auth, transports=list(transports), namespaces=list(namespaces), wait_timeout=PATIENCE
            )
        except socketio.exceptions.ConnectionError as error:
            self.client.disconnect()
            raise Refused(refusals[0] if refusals else str(error)) from error

    def _remember(self, event, *arguments):
        with self._changed:
            self._arrived.append((event, arguments))
            self._changed.notify_all()

    @property
    def sid(self):
        return self.client.get_sid()

    @property
    def transport(self):
        return self.client.transport()

    @property
    def connected(self):
        return self.client.connected

    def emit(self, event, *arguments, namespace=None):
        self.client.emit(event, arguments, namespace=namespace)

    def call(self, event, *arguments, namespace=None, timeout=PATIENCE):
        """Emits, and returns the ack: its argument if there is one, else the list of them."""
        return self.client.call(event, arguments, namespace=namespace, timeout=timeout)

    def expect(self, event, where=lambda *_: True, timeout=PATIENCE):
        """The first argument of the next such event, received already or in future. The event is removed from the
        record."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                for index, (name, arguments) in enumerate(self._arrived):
                    if name == event and where(*arguments):
                        del self._arrived[index]
                        return arguments[0] if len(arguments) == 1 else arguments
                if not self._changed.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                    raise AssertionError(f"no {event} came within {timeout} s; there were {self._arrived}")

    def expect_none(self, event, seconds):
        """Checks that no such event has come, and that none comes for this time."""
        time.sleep(seconds)
        assert [arguments for name, arguments in self._arrived if name == event] == []

    def forget(self, event):
        """The events of that name that have come so far."""
        with self._changed:
            self._arrived = [(name, arguments) for name, arguments in self._arrived if name != event]

    def wait_until_disconnected(self, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        while self.client.connected:
            assert time.monotonic() < deadline, f"still connected after {timeout} s"
            time.sleep(0.01)

    def close(self):
        """The client disconnects: it sends DISCONNECT, then closes the transport."""
        if self.client.connected and self.transport == "polling":
            # Between two polls this client would close its connections without a packet, which the server cannot
            # detect: let it poll first.
            time.sleep(0.1)
        self.client.disconnect()

    def lose(self):
        """The connection breaks, without a packet, as by a failure of the network."""
        self.client.eio.ws.sock.shutdown(socket.SHUT_RDWR)
