"""/metrics, as Prometheus reads it."""

import subprocess

import pytest

from harness.tab import Refused


def test_promtool_finds_nothing_to_say_about_the_page(serve, services, compiled):
    daemon = serve(
        plugins=[*services("notifications", "rooms"), {"path": compiled("storm/storm.c")}], connectionStateRecovery=True
    )
    alice = daemon.person("alice").open_tab()
    alice.call("fail")
    with pytest.raises(Refused):
        daemon.tab(None)
    daemon.get("/nowhere")
    page = daemon.get("/metrics")
    assert page.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    for name in ("jackfield_refusals_total", "jackfield_loop_lag_seconds_bucket", "jackfield_recovery_sessions"):
        assert name in page.text
    done = subprocess.run(["promtool", "check", "metrics"], input=page.content, capture_output=True, timeout=60)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
