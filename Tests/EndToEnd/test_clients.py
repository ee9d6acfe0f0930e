"""The clients of python-socketio, unchanged, over each transport."""

import asyncio
import time

import pytest
import socketio

from harness.tab import PATIENCE, Refused
from harness.tokens import token

WAYS = {
    "polling only": (["polling"], "polling"),
    "websocket only": (["websocket"], "websocket"),
    "polling and then an upgrade": (["polling", "websocket"], "websocket"),
}

#: Text and bytes that must arrive unchanged: beyond ASCII, beyond the BMP, separators of the payload, empty.
VALUES = [
    "",
    "plain",
    "øß€",
    "🔌",
    "a\x1eb",
    0,
    -1.5,
    True,
    None,
    [],
    {},
    {"nested": [1, {"deep": None}]},
    b"",
    b"\x00\xff",
    {"binary": b"inside", "twice": [b"one", b"two"]},
]


@pytest.fixture
def echo(serve, compiled):
    """A daemon with the golden application: it echoes, and acks."""
    return serve(plugins=[{"path": compiled("golden/golden.c"), "required": True}], namespaces=["/", "/public"])


@pytest.mark.parametrize("way", WAYS)
def test_the_synchronous_client_connects_echoes_and_is_acked(echo, way):
    transports, final = WAYS[way]
    tab = echo.person("alice").open_tab(transports=transports)
    assert tab.transport == final
    for value in VALUES:
        tab.emit("echo", value)
        assert tab.expect("echo") == value
        assert tab.call("ack", value) == value
    assert tab.call("ack", 1, "two", [3]) == (1, "two", [3])
    assert tab.call("blob", 100_000) == bytes(i % 251 for i in range(100_000))
    tab.emit("big", 900_000)
    assert tab.expect("big") == "x" * 900_000


@pytest.mark.parametrize("way", WAYS)
def test_the_asyncio_client_connects_echoes_and_is_acked(echo, way):
    transports, final = WAYS[way]

    async def talk():
        client, echoes = socketio.AsyncClient(reconnection=False), asyncio.Queue()
        client.on("echo", echoes.put)
        await client.connect(echo.address, auth={"token": token("alice")}, transports=transports, wait_timeout=PATIENCE)
        assert client.transport() == final
        for value in VALUES:
            await client.emit("echo", (value,))
            assert await asyncio.wait_for(echoes.get(), PATIENCE) == value
            assert await client.call("ack", (value,), timeout=PATIENCE) == value
        # While a POST of its own is in flight, this client disconnects without sending its queue, and
        # then waits for its poll.
        await asyncio.sleep(0.1)
        await client.disconnect()

    asyncio.run(talk())


@pytest.mark.parametrize("way", WAYS)
def test_two_hundred_events_in_a_row_arrive_in_order(echo, way):
    tab = echo.person("alice").open_tab(transports=WAYS[way][0])
    tab.emit("burst", 200)
    assert [tab.expect("item") for _ in range(200)] == list(range(200))
    for number in range(200):
        tab.emit("echo", number)
    assert [tab.expect("echo") for _ in range(200)] == list(range(200))


def test_one_connection_carries_several_namespaces(echo):
    tab = echo.person("alice").open_tab(namespaces=["/", "/public"])
    assert tab.client.get_sid("/") != tab.client.get_sid("/public")
    assert tab.call("ack", "here", namespace="/public") == "here"
    assert tab.call("ack", "there") == "there"


def test_the_server_may_ask_and_the_client_answers(echo):
    tab = echo.person("alice").open_tab()
    tab.client.on("question", lambda payload: ("answered", payload))
    tab.emit("ask", {"what": 1})
    assert tab.expect("answer") == ("answered", {"what": 1})


def test_a_broadcast_reaches_everyone_but_its_sender_once(echo):
    alice, bob = echo.person("alice").open_tab(), echo.person("bob").open_tab(transports=["polling"])
    assert alice.call("broadcast", "hello") is True
    assert bob.expect("broadcast-msg") == "hello"
    alice.expect_none("broadcast-msg", 0.2)
    bob.expect_none("broadcast-msg", 0)


def test_an_event_nobody_registered_is_acked_as_unknown_and_otherwise_dropped(daemon):
    tab = daemon.person("alice").open_tab()
    tab.emit("nobody:knows", 1)
    answer = tab.call("nobody:knows", 1)
    assert answer["error"]["code"] == "unknown_event"
    assert tab.connected


def test_a_client_comes_back_by_itself_after_the_daemon_was_killed(echo):
    tab = echo.person("alice").open_tab(reconnection=True, reconnection_delay=0.05, reconnection_delay_max=0.2)
    first = tab.sid
    echo.kill()
    echo.start()
    deadline = time.monotonic() + PATIENCE
    while not (tab.connected and tab.sid not in (None, first)):
        assert time.monotonic() < deadline, "the client did not reconnect"
        time.sleep(0.02)
    assert tab.call("ack", "again") == "again"


class Asked:
    """An auth function that counts its calls."""

    def __init__(self, **auth):
        self.auth, self.times = auth, 0

    def __call__(self):
        self.times += 1
        return self.auth


@pytest.mark.parametrize("way", ["polling only", "websocket only"])
def test_row_26_after_disconnect_or_a_refusal_the_client_stays_away_and_after_a_transport_close_it_comes_back(
    rows, way
):
    daemon = rows()

    def open_tab(auth):
        return daemon.tab(
            None,
            auth=auth,
            transports=WAYS[way][0],
            reconnection=True,
            reconnection_delay=0.02,
            reconnection_delay_max=0.02,
            randomization_factor=0,
        )

    staying, refused, lost = Asked(), Asked(refuse=True), Asked()
    left = open_tab(staying)
    left.emit("leave", False)
    left.wait_until_disconnected()
    with pytest.raises(Refused) as refusal:
        open_tab(refused)
    assert refusal.value.code == "not_today"
    tab, until = open_tab(lost), time.monotonic() + PATIENCE
    for times in (2, 3, 4):
        # Over polling this client does not reconnect after the close packet of any server, so the daemon is killed
        # and sends none.
        daemon.kill()
        daemon.start()
        while not (lost.times == times and tab.connected and tab.sid):
            assert time.monotonic() < until, f"the client came back {lost.times - 1} times"
            time.sleep(0.01)
    # In the time in which one client reconnected, the others could have reconnected, too.
    assert (staying.times, left.connected, refused.times) == (1, False, 1)
    assert left.disconnects == ["server disconnect"]
    assert tab.disconnects[0].startswith("transport ")
