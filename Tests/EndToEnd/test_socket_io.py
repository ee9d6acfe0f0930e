"""The rows of the wire's description for Socket.IO, one test each and on both transports, where a few lines show them.

The recorded sessions in Tests/Golden hold the same path byte for byte; here each rule has its name.
"""

import json
import re
import time

import pytest
import wire

from harness.daemon import Daemon
from harness.session import Session, upgrade_request

both = pytest.mark.parametrize("transport", ["polling", "websocket"])


@pytest.fixture(scope="module")
def golden_once(tmp_path_factory, compiled):
    """One server for all bad packets: none of them may harm it."""
    daemon = Daemon(tmp_path_factory.mktemp("golden"), auth=False, plugins=[{"path": compiled("golden/golden.c"), "required": True}]).start()
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
@pytest.mark.parametrize("packet", [
    "40", '42{}', '42"x"', '42["echo"', '42-1["echo"]', '42["connect"]', '42["connect_error"]', '42["disconnect"]', '42["disconnecting"]',
    '42["newListener"]', '42["removeListener"]', "41{}", "47", '4511-["echo"]', '451-["echo",{"_placeholder":true,"num":1}]'])
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
def test_row_19_json_goes_out_without_spaces_and_in_its_own_order(golden, transport):
    session = Session(golden().port, transport)
    session.send('42["echo", {"b" : 1, "a" : [1.50, "\\u20ac"]} ]')
    text = session.receive()
    assert json.loads(text[2:]) == ["echo", {"b": 1, "a": [1.5, "€"]}]
    assert text.index('"b"') < text.index('"a"')


@both
def test_row_24_a_lost_session_comes_back_with_what_it_missed_before_the_answer(golden, transport):
    port = golden(connectionStateRecovery=True).port
    other = Session(port, "websocket")
    lost = Session(port, transport)
    sid, pid = (json.loads(lost.connected[2:])[key] for key in ("sid", "pid"))
    lost.send('421["join","room"]')
    assert lost.receive() == "431[true]"
    lost.send('42["echo","x"]')
    offset = json.loads(lost.receive()[2:])[-1]
    if transport == "polling":
        lost.way.post("1")
    else:
        lost.way.close()
    time.sleep(0.1)
    other.send('42["to-room","room","missed"]')
    time.sleep(0.05)
    back = Session(port, transport, connect=None)
    back.send("40" + json.dumps({"pid": pid, "offset": offset}))
    missed = json.loads(back.receive()[2:])
    assert missed[:2] == ["room-msg", "missed"]
    assert json.loads(back.receive()[2:]) == {"sid": sid, "pid": pid}


def test_row_25_a_pid_without_an_offset_is_enough_where_nothing_was_received(golden):
    port = golden(connectionStateRecovery=True).port
    lost = Session(port, "websocket")
    ids = json.loads(lost.connected[2:])
    lost.way.close()
    time.sleep(0.1)
    back = Session(port, "websocket", connect=None)
    back.send("40" + json.dumps({"pid": ids["pid"]}))
    assert json.loads(back.receive()[2:]) == ids


def test_row_27_a_websocket_of_a_foreign_origin_is_refused_and_the_hosts_own_allowed(golden):
    daemon = golden(cors={"origin": ["https://app.example"], "credentials": True})
    for origin, allowed in (("https://app.example", True), (daemon.address, True), ("https://evil.example", False)):
        answer = upgrade_request(daemon.port, "EIO=4&transport=websocket", f"Origin: {origin}")
        assert answer.status == 101 if allowed else 400 <= answer.status < 500, origin
