"""The operator finds each refusal in a counter by reason and in a line of the log. Neither a flood nor a long text
makes the log much longer."""

import re
import time

import pytest

import wire
from harness.tab import PATIENCE, Refused
from harness.tokens import token
from harness.wireclient import deadline

#: log.repeatInterval in milliseconds.
REPEAT = 600


@pytest.fixture
def noisy(serve, compiled):
    """The plugin that logs, fails and joins many rooms."""
    return lambda **settings: serve(
        plugins=[{"path": compiled("storm/storm.c"), "required": True}],
        **{"log": {"repeatInterval": REPEAT}, **settings},
    )


def refused(daemon, at, reason):
    """The value of the counter in the metrics."""
    found = re.search(
        rf'^jackfield_refusals_total{{at="{at}",(?:plugin="[^"]*",)?reason="{reason}"}} (\d+)$',
        daemon.get("/metrics").text,
        re.MULTILINE,
    )
    return int(found.group(1)) if found else 0


def lines(daemon, *words):
    return [line for line in daemon.log.splitlines() if all(word in line for word in words)]


def wait_for_lines(daemon, count, *words):
    until = time.monotonic() + PATIENCE
    while len(found := lines(daemon, *words)) < count:
        assert time.monotonic() < until, f"no {count} lines with {words} in\n{daemon.log}"
        time.sleep(0.02)
    return found


def open_websocket(daemon, **headers):
    """The answer to a WebSocket's handshake with these headers."""
    connection = wire.Connection("127.0.0.1", daemon.port)
    try:
        lines = [f"{name}: {value}" for name, value in headers.items()]
        connection.send(
            "\r\n".join(
                [
                    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1",
                    f"Host: 127.0.0.1:{daemon.port}",
                    "Connection: Upgrade",
                    "Upgrade: websocket",
                    "Sec-WebSocket-Version: 13",
                    f"Sec-WebSocket-Key: {wire.WEBSOCKET_KEY}",
                    *lines,
                    "",
                    "",
                ]
            ).encode(),
            deadline(),
        )
        return wire.read_answer(connection, "GET", deadline())
    finally:
        connection.close()


def test_refused_tokens_are_one_line_at_once_and_one_for_the_rest_without_the_token(noisy):
    daemon = noisy()
    expired = token("alice", exp=1)
    for _ in range(20):
        with pytest.raises(Refused):
            daemon.tab(expired)
    with pytest.raises(Refused):
        daemon.tab(None)
    line = lines(daemon, "a socket was refused", "reason=token_expired")[0]
    assert "INFO" in line and "address=127.0.0.1" in line
    last = wait_for_lines(daemon, 1, "a socket was refused (repeated", "reason=token_expired")
    assert len(lines(daemon, "a socket was refused", "reason=token_expired")) < 20 / 2, "the lines are not folded"
    assert re.search(r"\(repeated \d+ times?\)", last[0])
    assert len(lines(daemon, "reason=token_missing")) == 1
    assert refused(daemon, "connect", "token_expired") == 20
    assert refused(daemon, "connect", "token_missing") == 1
    assert expired not in daemon.log and expired.split(".")[2] not in daemon.log


def test_a_foreign_origin_reads_what_to_set_and_the_operator_reads_who_it_was(noisy):
    daemon = noisy()
    answer = open_websocket(daemon, Origin="https://elsewhere.example")
    assert answer.status == 400
    assert "cors.origin" in answer.text() and "elsewhere" not in answer.text()
    line = lines(daemon, "a request was refused", "reason=origin")[0]
    assert "https://elsewhere.example" in line and "address=127.0.0.1" in line
    assert refused(daemon, "http", "origin") == 1


def test_refused_requests_are_logged_and_counted_by_reason(noisy):
    daemon = noisy()
    secret = "eyJhbGciOiJIUzI1NiJ9.e30.c2VjcmV0"
    assert daemon.get("/v1/presence").status_code == 401
    assert daemon.get("/v1/presence", headers={"Authorization": f"Bearer {secret}"}).status_code == 401
    assert daemon.get("/nowhere?token=hidden").status_code == 404
    assert lines(daemon, "a request was refused", "reason=token_missing", "GET /v1/presence")
    assert lines(daemon, "a request was refused", "reason=not_found", "GET /nowhere")
    assert refused(daemon, "http", "token_missing") == 1
    assert refused(daemon, "http", "not_found") == 1
    assert secret not in daemon.log and "hidden" not in daemon.log


def test_what_is_no_http_and_what_is_no_session_is_counted(noisy):
    daemon = noisy()
    assert daemon.get("/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA").status_code == 400
    connection = wire.Connection("127.0.0.1", daemon.port)
    connection.send(b"NONSENSE\r\n\r\n", deadline())
    assert wire.read_answer(connection, "GET", deadline()).status == 400
    connection.close()
    assert refused(daemon, "http", "unknown_session") == 1
    assert refused(daemon, "http", "bad_request") == 1


def test_the_errors_of_a_handler_are_logged(noisy):
    daemon = noisy()
    tab = daemon.person("alice").open_tab()
    assert tab.call("fail")["error"]["code"] == "no_luck"
    line = lines(daemon, "a handler answered with an error")[0]
    assert "reason=no_luck" in line and "plugin=storm" in line and "it did not work" in line
    assert refused(daemon, "handler", "no_luck") == 1


def test_each_request_is_a_line_at_debug_only_and_without_its_query(noisy, serve):
    quiet = noisy()
    quiet.get("/healthz")
    assert not lines(quiet, "/healthz")
    daemon = serve(log={"level": "debug"})
    for _ in range(3):
        daemon.get("/healthz?token=hidden")
    daemon.person("alice").open_tab()
    assert len(lines(daemon, "request", "path=/healthz", "method=GET", "status=200", "address=127.0.0.1")) == 3
    assert lines(daemon, "request", "path=/socket.io/", "status=101")
    assert "hidden" not in daemon.log


def test_a_line_of_a_plugin_is_cut_and_lines_that_repeat_are_folded(noisy):
    daemon = noisy()
    tab = daemon.person("alice").open_tab()
    tab.call("log", 1, 10_000_000)
    tab.call("log", 50, 10)
    wait_for_lines(daemon, 1, "(repeated 49 times)")
    assert len(lines(daemon, "xxxx")) == 3
    assert max(map(len, daemon.log.splitlines())) < 5_000
    assert lines(daemon, "cut; 10000007 bytes")


def test_a_join_beyond_the_limit_is_told_to_the_plugin_and_costs_no_line(noisy):
    daemon = noisy(limits={"roomsPerSocket": 10})
    tab = daemon.person("alice").open_tab()
    # The room of the user is one of the ten.
    assert tab.call("joins", 1000) == [9, 991]
    assert tab.call("leaves", 5) == [5, 0]
    # The fetch is answered after the sockets have left; until then they are counted.
    assert tab.call("fetches", 1) == [1, 1]
    assert tab.call("joins", 5) == [5, 0]
    assert not lines(daemon, "room")
    assert 'jackfield_plugin_joins_refused_total{plugin="storm"} ' in daemon.get("/metrics").text
