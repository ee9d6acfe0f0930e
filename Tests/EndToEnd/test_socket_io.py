"""The rules of Socket.IO, one test for each, on both transports.

The recorded sessions in Tests/Golden check the same byte for byte; here each rule has a test with its name.
"""

import json
import re
import time

import pytest
import requests

import wire
from harness.daemon import Daemon
from harness.session import Session, request, upgrade_request
from harness.tab import PATIENCE
from harness.wireclient import deadline

both = pytest.mark.parametrize("transport", ["polling", "websocket"])


@pytest.fixture(scope="module")
def golden_once(tmp_path_factory, compiled):
    """One server for all bad packets, because none of them may damage it."""
    daemon = Daemon(
        tmp_path_factory.mktemp("golden"), auth=False, plugins=[{"path": compiled("golden/golden.c"), "required": True}]
    ).start()
    yield daemon
    daemon.close()


@both
def test_row_16_connect_is_answered_with_the_id_alone_and_an_unknown_namespace_refused(golden, transport):
    session = Session(golden().port, transport)
    assert re.fullmatch(r'40\{"sid":"[A-Za-z0-9_-]{20}"\}', session.connected)
    session.send("40/nowhere")
    assert session.receive() == '44/nowhere,{"message":"Invalid namespace"}'
    session.send("40/chat,{}")
    assert session.receive() == '44/chat,{"message":"unauthorized","data":{"code":"missing_token"}}'
    assert session.alive()


@both
def test_row_17_the_comma_after_a_namespace_may_be_missing_and_leaving_keeps_the_transport(golden, transport):
    session = Session(golden().port, transport, connect="40/public")
    assert session.connected.startswith('40/public,{"sid":"')
    session.send("41/public")
    session.send("40")
    assert session.receive().startswith("40{")
    assert session.alive()


@both
def test_row_17_after_the_last_namespace_was_left_the_next_thing_is_a_ping(golden, transport):
    session = Session(golden(pingInterval=300, pingTimeout=5000).port, transport)
    session.send("41")
    assert session.receive() == "2"


@both
@pytest.mark.parametrize(
    "packet",
    ['42["echo"]', '42/public,["echo"]', "41", "430[]", '451-["echo",{"_placeholder":true,"num":0}]', "4", "x"],
)
def test_row_18_a_first_packet_that_is_no_connect_closes_the_client(golden_once, transport, packet):
    session = Session(golden_once.port, transport, connect=None)
    if transport == "polling":
        session.way.post(packet + "\x1ebeA==" if packet.startswith("45") else packet)
    else:
        session.send(packet)
        if packet.startswith("45"):
            session.way.send_raw(wire.frame(wire.BINARY, b"x"))
    assert session.ended()


@both
def test_row_18_text_where_an_attachment_is_due_closes_the_client(golden_once, transport):
    session, packets = (
        Session(golden_once.port, transport),
        ['451-["echo",{"_placeholder":true,"num":0}]', '42["echo"]'],
    )
    if transport == "polling":
        session.way.post("\x1e".join(packets))
    else:
        session.send(*packets)
    assert session.ended()


@both
@pytest.mark.parametrize(
    "packet",
    [
        "40",
        "42{}",
        '42"x"',
        '42["echo"',
        '42-1["echo"]',
        '42["connect"]',
        '42["connect_error"]',
        '42["disconnect"]',
        '42["disconnecting"]',
        '42["newListener"]',
        '42["removeListener"]',
        "41{}",
        "47",
        '4511-["echo"]',
        '451-["echo",{"_placeholder":true,"num":1}]',
    ],
)
def test_row_18_a_bad_packet_closes_the_whole_client(golden_once, transport, packet):
    session = Session(golden_once.port, transport)
    if packet.startswith("451-") and transport == "websocket":
        session.send(packet)
        session.way.send_raw(wire.frame(wire.BINARY, b"x"))
    elif packet.startswith("451-"):
        session.way.post(packet + "\x1ebeA==")
    elif transport == "polling":
        assert session.way.post(packet)[0] in (200, 400)
    else:
        session.send(packet)
    assert session.ended()


@both
def test_row_18_who_joins_no_namespace_in_time_is_closed(golden, transport):
    began = time.monotonic()
    session = Session(golden(connectTimeout=400).port, transport, connect=None)
    assert session.ended()
    assert 0.3 < time.monotonic() - began < 2


@both
def test_row_19_the_hosts_own_json_has_no_spaces_and_arguments_are_passed_on_in_their_order(golden, transport):
    session = Session(golden().port, transport)
    assert re.fullmatch(r'40\{"sid":"[^" ]+"\}', session.connected)
    session.send("40/nowhere", '42["echo","x",2]', '42["echo", {"b" : 1, "a" : [1.50, "\\u20ac"]} ]')
    assert session.receive() == '44/nowhere,{"message":"Invalid namespace"}'
    assert session.receive() == '42["echo","x",2]'
    # JSON that a client wrote with spaces may keep them. The reference parses and writes it anew, which
    # makes no difference after parsing.
    text = session.receive()
    assert json.loads(text[2:]) == ["echo", {"b": 1, "a": [1.5, "€"]}]
    assert text.startswith('42["echo",{"b"') and text.index('"b"') < text.index('"a"')


@both
def test_row_19_a_placeholder_names_itself_before_its_number(golden, transport):
    session = Session(golden().port, transport)
    session.send('42["blob",2]')
    assert session.receive() == '451-["blob",{"_placeholder":true,"num":0}]'
    attachment = session.receive() if transport == "polling" else session.way.socket.next(deadline())
    assert attachment == ("bAAE=" if transport == "polling" else {"binary": b"\x00\x01"})


@pytest.mark.parametrize("path", ["/socket.io/?EIO=4&transport=polling", "/v1/presence"])
def test_row_27_a_preflight_is_answered_by_the_http_layer_alone(golden, path):
    daemon = golden(cors={"origin": ["https://app.example"], "credentials": True})
    answer = requests.options(
        daemon.address + path,
        timeout=PATIENCE,
        headers={
            "Origin": "https://app.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-custom",
        },
    )
    assert (answer.status_code, answer.text, answer.headers["access-control-allow-origin"]) == (
        204,
        "",
        "https://app.example",
    )
    assert (
        answer.headers["access-control-allow-credentials"] == "true"
        and answer.headers["access-control-allow-headers"] == "x-custom"
    )


def test_row_27_credentials_need_an_origin_that_is_named(golden):
    for cors, origin, credentials in (
        ({"origin": "*"}, "*", None),
        ({"origin": True, "credentials": True}, "https://app.example", "true"),
    ):
        answer = request(golden(cors=cors).port, headers=["Origin: https://app.example"])
        assert answer.values("access-control-allow-origin") == [origin]
        assert answer.values("access-control-allow-credentials") == ([credentials] if credentials else [])


def test_row_27_a_websocket_of_a_foreign_origin_is_refused_and_the_hosts_own_allowed(golden):
    daemon = golden(cors={"origin": ["https://app.example"], "credentials": True})
    for origin, allowed in (("https://app.example", True), (daemon.address, True), ("https://evil.example", False)):
        answer = upgrade_request(daemon.port, "EIO=4&transport=websocket", f"Origin: {origin}")
        assert answer.status == 101 if allowed else 400 <= answer.status < 500, origin
