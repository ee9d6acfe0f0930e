"""The official JavaScript client 4.8.1 in a real browser, from another origin, with credentials."""

import json
from pathlib import Path

import pytest

from harness.chromium import Browser
from harness.official import Origin, client_script
from harness.tokens import SECRET, token

KEPT = Path(__file__).resolve().parents[2] / ".venv/downloads"

WAYS = {"polling": ["polling"], "websocket": ["websocket"], "an upgrade": ["polling", "websocket"]}


@pytest.fixture(scope="module")
def origin():
    KEPT.mkdir(parents=True, exist_ok=True)
    origin = Origin(client_script(KEPT))
    yield origin
    origin.close()


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


@pytest.fixture
def page(browser, origin):
    page = browser.open(origin.address)
    # Functions of the scripts below: promises of the next event and of a connection.
    page.do("""
        window.next = (emitter, event) => new Promise((done) => emitter.once(event, (...args) => done(args)));
        window.connected = (socket) => new Promise((done, fail) => {
            socket.once('connect', done);
            socket.once('connect_error', fail);
        });
        window.upgraded = async (engine) => {
            while (engine.upgrading || engine.transport.name !== 'websocket') {
                await new Promise((go) => setTimeout(go, 10));
            }
        };
        window.hex = (buffer) => [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, '0')).join('');
    """)
    yield page
    page.do("window.socket?.disconnect()")
    page.close()


@pytest.fixture
def echo(serve, compiled, origin):
    """The golden application, for that origin: `echo(connectionStateRecovery=...)`."""

    def start(**settings):
        return serve(
            plugins=[{"path": compiled("golden/golden.c"), "required": True}],
            cors={"origin": [origin.address], "credentials": True},
            cookie=True,
            **settings,
        )

    return start


def connect(page, daemon, bearer=None, **options):
    """Connects `window.socket`, and waits for it."""
    options = {
        "withCredentials": True,
        "auth": {"token": bearer or token()},
        "reconnectionDelay": 50,
        "reconnectionDelayMax": 200,
        **options,
    }
    page.do(f"window.socket = io({json.dumps(daemon.address)}, {json.dumps(options)}); await connected(socket)")


@pytest.mark.parametrize("way", WAYS)
def test_it_connects_across_origins_echoes_and_is_acked(page, echo, way):
    connect(page, echo(), transports=WAYS[way])
    page.wait(f"socket.io.engine.transport.name === '{WAYS[way][-1]}'")
    assert page.run(
        "(async () => { socket.emit('echo', 1, 'ü🔌', {deep: [null]}); return next(socket, 'echo'); })()"
    ) == [1, "ü🔌", {"deep": [None]}]
    assert page.run("socket.timeout(5000).emitWithAck('ack', 'one')") == "one"
    assert page.run(
        "(async () => { socket.emit('burst', 100); const got = []; await new Promise((done) => socket.on('item', (n) "
        "=> { got.push(n); if (n === 99) done(); })); return got; })()"
    ) == list(range(100))


@pytest.mark.parametrize("way", WAYS)
def test_binary_goes_both_ways_as_array_buffers_and_blobs(page, echo, way):
    connect(page, echo(), transports=WAYS[way])
    assert (
        page.run(
            "(async () => { const back = await socket.timeout(5000).emitWithAck('ack', new Uint8Array([0, 1, 254, "
            "255]).buffer); return hex(back); })()"
        )
        == "0001feff"
    )
    assert (
        page.run(
            "(async () => { const back = await socket.timeout(5000).emitWithAck('ack', {deep: [new Blob(['blob'])]}); "
            "return hex(back.deep[0]); })()"
        )
        == b"blob".hex()
    )
    assert (
        page.run("(async () => hex(await socket.timeout(5000).emitWithAck('blob', 300)))()")
        == bytes(i % 251 for i in range(300)).hex()
    )


def test_an_ack_that_does_not_come_times_out(page, echo):
    connect(page, echo())
    assert (
        page.run("socket.timeout(300).emitWithAck('echo', 'an echo has no ack').catch((error) => error.message)")
        == "operation has timed out"
    )


def test_a_client_with_retries_delivers_each_event_once_and_in_order(page, echo):
    connect(page, echo(), retries=3, ackTimeout=2000)
    assert page.run(
        "(async () => { const got = []; for (let n = 0; n < 20; n++) socket.emit('ack', n, (error, value) => "
        "got.push(error ? String(error) : value));"
        " while (got.length < 20) await new Promise((go) => setTimeout(go, 10)); return got; })()"
    ) == list(range(20))


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_comes_with_its_code(page, echo, way):
    daemon = echo()
    data = page.run(f"""(async () => {{
        window.socket = io({json.dumps(daemon.address)}, {{
            transports: {json.dumps(WAYS[way])}, auth: {{ token: {json.dumps(token(expires_in=-60))} }},
        }});
        const [error] = await next(socket, 'connect_error');
        return {{ message: error.message, data: error.data, active: socket.active }};
    }})()""")
    assert data["data"] == {"code": "token_expired"} and data["message"]
    assert data["active"] is False, "after a refusal the client does not try again by itself"


@pytest.mark.parametrize("way", WAYS)
def test_it_reconnects_after_the_daemon_was_killed(page, echo, way):
    daemon = echo()
    connect(page, daemon, transports=WAYS[way])
    if way == "an upgrade":
        # A client whose server ends between two transports detects it only at the next heartbeat.
        page.wait("socket.io.engine.transport.name === 'websocket' && !socket.io.engine.upgrading")
    page.do(
        "window.first = socket.id; window.reason = null; socket.on('disconnect', (reason) => { window.reason = "
        "reason; })"
    )
    daemon.kill()
    page.wait("window.reason !== null")
    assert page.run("window.reason") in ("transport close", "transport error")
    daemon.start()
    page.wait("socket.connected && socket.id !== window.first")
    assert page.run("socket.timeout(5000).emitWithAck('ack', 'again')") == "again"


@pytest.mark.parametrize("way", WAYS)
def test_a_recovered_connection_has_its_id_its_rooms_and_what_it_missed(page, echo, way):
    daemon = echo(connectionStateRecovery=True)
    connect(page, daemon, transports=WAYS[way], reconnectionDelay=600, reconnectionDelayMax=600)
    other = daemon.person("bob").open_tab()
    page.do("await socket.timeout(5000).emitWithAck('join', 'lounge')")
    page.do("socket.emit('echo', 'an offset'); await next(socket, 'echo')")
    page.do(
        "window.missed = []; window.first = socket.id; socket.on('room-msg', (text) => missed.push(text)); "
        "socket.io.engine.close()"
    )
    assert other.call("to-room", "lounge", "while you were away") is True
    page.wait("socket.connected")
    assert page.run("[socket.recovered, socket.id === window.first, missed]") == [True, True, ["while you were away"]]
    assert other.call("to-room", "lounge", "and now") is True
    page.wait("missed.length === 2")


@pytest.mark.parametrize("way", WAYS)
def test_row_26_an_expiring_token_closes_the_transport_and_is_renewed_through_the_auth_function(
    page, serve, compiled, origin, way
):
    daemon = serve(
        plugins=[{"path": compiled("golden/golden.c")}],
        cors={"origin": [origin.address], "credentials": True},
        auth={"secret": SECRET, "leeway": 0},
    )
    page.do(f"""
        const tokens = {json.dumps([token(expires_in=2), token(expires_in=3600)])};
        window.asked = 0;
        window.socket = io({json.dumps(daemon.address)}, {{
            transports: {json.dumps(WAYS[way])}, reconnectionDelay: 50, reconnectionDelayMax: 200,
            auth: (use) => use({{ token: tokens[Math.min(asked++, 1)] }}),
        }});
        socket.on('disconnect', (reason) => {{ window.reason = reason; }});
        await connected(socket);
        window.first = socket.id;
    """)
    page.wait("asked === 2 && socket.connected && socket.id !== window.first")
    assert page.run("window.reason") == "transport close"
    assert page.run("socket.timeout(5000).emitWithAck('ack', 'renewed')") == "renewed"


@pytest.mark.parametrize("way", ["polling", "websocket"])
def test_row_26_a_daemon_that_stops_closes_the_transport_and_the_client_comes_back_with_its_auth_function(
    page, echo, way
):
    daemon = echo()
    page.do(f"""
        window.asked = 0;
        window.socket = io({json.dumps(daemon.address)}, {{
            transports: {json.dumps(WAYS[way])}, reconnectionDelay: 50, reconnectionDelayMax: 200,
            auth: (use) => {{ asked++; use({{ token: {json.dumps(token())} }}); }},
        }});
        socket.on('disconnect', (reason) => {{ window.reason = reason; }});
        await connected(socket);
    """)
    daemon.restart()
    page.wait("socket.connected && asked === 2")
    assert page.run("window.reason") == "transport close"


@pytest.mark.parametrize("way", ["polling", "websocket"])
def test_row_26_after_disconnect_or_a_refusal_the_client_stays_away_and_after_a_transport_close_it_comes_back(
    page, rows, origin, way
):
    daemon = rows(cors={"origin": [origin.address]})
    page.do(f"""
        window.open = (auth) => {{
            const socket = io({json.dumps(daemon.address)}, {{
                forceNew: true, transports: {json.dumps(WAYS[way])}, reconnectionDelay: 20, reconnectionDelayMax: 20,
                auth: (use) => {{ socket.asked++; use(auth); }},
            }});
            socket.asked = 0;
            socket.why = [];
            for (const event of ['disconnect', 'connect_error']) {{
                socket.on(event, (reason) => socket.why.push(reason.message ?? reason));
            }}
            return socket;
        }};
        window.left = open({{}}); window.refused = open({{ refuse: true }}); window.lost = open({{}});
        left.on('connect', () => left.emit('leave', false));
        // What is no packet has the server close the transport, three times.
        lost.on('connect', () => {{ if (lost.asked < 4) lost.io.engine.write('9'); }});
    """)
    # All clients wait for the same time before they reconnect, so in the time of one the others could have reconnected.
    page.wait("lost.connected && lost.asked === 4")
    assert page.run("lost.why") == ["transport close"] * 3
    assert page.run("[left.asked, left.connected, left.active, left.why]") == [
        1,
        False,
        False,
        ["io server disconnect"],
    ]
    assert page.run("[refused.asked, refused.connected, refused.active, refused.why]") == [
        1,
        False,
        False,
        ["not today"],
    ]
    # An application can make them reconnect.
    page.do(
        "left.off('connect'); left.connect(); refused.auth = (use) => { refused.asked++; use({}); }; refused.connect()"
    )
    page.wait("left.connected && refused.connected && left.asked === 2 && refused.asked === 2")
    page.do("for (const socket of [left, refused, lost]) socket.disconnect()")


@pytest.mark.parametrize("told", [0, 1, 20])
@pytest.mark.parametrize("way", [*WAYS, "an upgrade under way"])
def test_row_11_a_close_from_the_server_is_an_io_server_disconnect_behind_every_event(page, rows, origin, way, told):
    daemon = rows(cors={"origin": [origin.address]})
    # Twenty clients, one after the other, because a failure depends on which of two answers is handled first.
    assert page.run(f"""(async () => {{
        const outcomes = new Set();
        for (let round = 0; round < 20; round++) {{
            window.socket = io({json.dumps(daemon.address)}, {{
                forceNew: true, transports: {json.dumps(WAYS[way.removesuffix(" under way")])},
            }});
            const got = [], why = [];
            socket.on('told', (n) => got.push(n));
            socket.on('disconnect', (reason) => why.push(reason));
            await connected(socket);
            if ({json.dumps(way == "an upgrade")}) await upgraded(socket.io.engine);
            const gone = new Promise((done) => socket.io.engine.once('close', done));
            for (let n = 0; n < {told}; n++) socket.emit('tell', 'one', false, n);
            socket.emit('leave', true);
            await gone;
            await new Promise((go) => setTimeout(go, 50));
            outcomes.add(JSON.stringify([got.length, got.every((n, index) => n === index), why, socket.active]));
        }}
        return [...outcomes].map((outcome) => JSON.parse(outcome));
    }})()""") == [[told, True, ["io server disconnect"], False]]


@pytest.mark.parametrize("way", WAYS)
def test_row_11_a_transport_that_the_server_closes_brings_every_event_first_and_the_client_comes_back(
    page, rows, origin, way
):
    daemon = rows(cors={"origin": [origin.address]})
    assert page.run(f"""(async () => {{
        const outcomes = new Set();
        for (let round = 0; round < 20; round++) {{
            window.socket = io({json.dumps(daemon.address)}, {{
                forceNew: true, transports: {json.dumps(WAYS[way])}, reconnectionDelay: 10, reconnectionDelayMax: 10,
            }});
            const got = [], why = [];
            socket.on('told', (n) => got.push(n));
            socket.on('disconnect', (reason) => why.push(reason));
            await connected(socket);
            if ({json.dumps(way == "an upgrade")}) await upgraded(socket.io.engine);
            for (let n = 0; n < 20; n++) socket.emit('tell', 'one', false, n);
            // A second CONNECT is an error, for which the whole client is closed.
            socket.io.engine.write('0');
            await connected(socket);
            outcomes.add(JSON.stringify([got.length, got.every((n, index) => n === index), why]));
            socket.disconnect();
        }}
        return [...outcomes].map((outcome) => JSON.parse(outcome));
    }})()""") == [[20, True, ["transport close"]]]
