"""What /metrics, `jackfield plugin list` and the log say about the callbacks of one plugin."""

import re
import time

import pytest

from harness.session import Session
from harness.tab import PATIENCE


@pytest.fixture
def accounts(serve, compiled):
    """A daemon with the plugin Tests/Fixtures/accounts, in which callbacks are slow from 250 ms on."""
    return serve(
        plugins=[{"path": compiled("accounts/accounts.c"), "required": True}],
        auth=False,
        limits={"slowCallback": 250},
        # The log has every line.
        log={"repeatInterval": 0},
    )


def listed(daemon):
    (plugin,) = daemon.operate("plugin", "list")["plugins"]
    return plugin


def metrics(daemon, name):
    """{labels without the plugin: value} of a metric of the plugin."""
    found = re.findall(rf'^{name}\{{plugin="accounts"(?:,(.*?))?\}} (\S+)$', daemon.get("/metrics").text, re.MULTILINE)
    return {labels: float(value) for labels, value in found}


def until(condition):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it does not come true")


def acked(session, packet):
    """Sends an event with the ack id 0 and waits for its ack."""
    session.send(packet)
    while not (answer := session.receive()).startswith("430"):
        if answer == "2":
            session.send("3")
    return answer


def test_errors_are_counted_by_what_they_answer(accounts):
    session = Session(accounts.port, "websocket")
    for _ in range(3):
        assert "not_found" in acked(session, '420["fails"]')
    assert accounts.get("/v1/fails").status_code == 503
    assert accounts.get("/v1/silent").status_code == 500
    Session(accounts.port, "websocket", connect="40/closed,")
    expected = {"event": 3, "request": 2, "decision": 1, "call": 0}
    until(lambda: listed(accounts)["errors"] == expected)
    assert metrics(accounts, "jackfield_plugin_errors_total") == {f'to="{kind}"': n for kind, n in expected.items()}


def test_refusals_are_counted_by_reason(accounts):
    session = Session(accounts.port, "websocket")
    assert "invalid_arguments" in acked(session, '420["typed","no number"]')
    plugin = listed(accounts)
    assert plugin["refusals"].pop("invalid_arguments") == 1
    assert set(plugin["refusals"].values()) == {0} and plugin["refused"] == 0


def test_each_callback_is_in_the_histogram_and_its_time_in_the_sum(accounts):
    session = Session(accounts.port, "websocket")
    for _ in range(20):
        acked(session, '420["quick"]')
    acked(session, '420["slow",120]')
    # The time of a callback is recorded after its ack is sent.
    count = until(
        lambda: (
            metrics(accounts, "jackfield_plugin_callback_seconds_bucket").get('le="0.5"', 0) >= 21
            and metrics(accounts, "jackfield_plugin_callback_seconds_count")[""]
        )
    )
    buckets = metrics(accounts, "jackfield_plugin_callback_seconds_bucket")
    assert buckets['le="0.5"'] - buckets['le="0.1"'] >= 1
    assert buckets['le="+Inf"'] == count
    assert list(buckets.values()) == sorted(buckets.values())
    assert metrics(accounts, "jackfield_plugin_callback_seconds_sum")[""] >= 0.12
    times = listed(accounts)["callback_times"]
    assert sum(bucket["count"] for bucket in times if bucket["le_seconds"] == 0.5) >= 1


def test_the_age_of_the_queue_grows_while_a_callback_runs(accounts):
    session, operator = Session(accounts.port, "websocket"), accounts
    session.send('42["slow",1500]')
    until(lambda: listed(operator)["queued"] == 0 and listed(operator)["handled"] >= 0)
    session.send('42["quick"]')
    until(lambda: listed(operator)["queued"] == 1)
    until(lambda: listed(operator)["queue_age_ms"] >= 400)
    assert metrics(operator, "jackfield_plugin_queue_age_seconds")[""] >= 0.4
    code, table, _ = operator.control("plugin", "list")
    assert code == 0 and re.search(r"AGE .*ERRORS +SLOW", table) and re.search(r" (\d{3} ms|1\.\d s) ", table), table
    until(lambda: listed(operator)["queue_age_ms"] == 0)
    assert metrics(operator, "jackfield_plugin_queue_age_seconds")[""] == 0


def test_a_slow_callback_is_logged_once_for_each_doubling_of_its_number(accounts):
    session = Session(accounts.port, "websocket")
    for _ in range(4):
        acked(session, '420["slow",300]')
    line = (
        r"WARNING the handler of 'slow' of '/' took \d{3,4} ms on thread jf:accounts, more than "
        r"limits.slowCallback, 250 ms \((\d) such calls seen\)"
    )
    until(lambda: listed(accounts)["slow_callbacks"] == 4)
    assert re.findall(line, accounts.log) == ["1", "2", "4"]
    assert metrics(accounts, "jackfield_plugin_slow_callbacks_total") == {"": 4}


def test_reloads_are_counted_and_what_only_a_worker_has_is_empty(accounts):
    assert (listed(accounts)["reloads"], listed(accounts)["restarts"]) == (0, 0)
    assert listed(accounts)["memory_bytes"] is None
    for count in (1, 2):
        accounts.operate("plugin", "unload", "accounts")
        accounts.operate("plugin", "load", "accounts")
        assert listed(accounts)["reloads"] == count
    assert metrics(accounts, "jackfield_plugin_reloads_total") == {"": 2}
