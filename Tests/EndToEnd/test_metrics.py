"""/metrics, as Prometheus reads it."""

import re
import subprocess
from pathlib import Path

import pytest

from harness.tab import Refused

DOCUMENTED = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"


@pytest.fixture
def page(serve, services, compiled):
    """The page of a daemon in which everything that has a metric has happened."""
    daemon = serve(
        plugins=[*services("notifications", "rooms"), {"path": compiled("storm/storm.c")}], connectionStateRecovery=True
    )
    alice = daemon.person("alice").open_tab()
    alice.call("fail")
    with pytest.raises(Refused):
        daemon.tab(None)
    daemon.get("/nowhere")
    assert daemon.person("alice").get("/v1/notifications").status_code == 200
    page = daemon.get("/metrics")
    assert page.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return page.text


def test_promtool_finds_nothing_to_say_about_the_page(page):
    done = subprocess.run(["promtool", "check", "metrics"], input=page.encode(), capture_output=True, timeout=60)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    assert not done.stdout + done.stderr


def test_the_documentation_names_what_is_on_the_page_with_its_type(page):
    documented = re.findall(r"^\| `(\w+)` \| (\w+) \|", DOCUMENTED.read_text(), re.MULTILINE)
    assert len(documented) == len(dict(documented))
    assert dict(documented) == dict(re.findall(r"^# TYPE (\w+) (\w+)$", page, re.MULTILINE))


def test_a_request_that_a_plugin_answers_on_a_strand_is_measured_by_its_route(page):
    labels = 'method="GET",plugin="notifications",route="/v1/notifications",status="2xx"'
    assert f"jackfield_http_request_duration_seconds_count{{{labels}}} 1\n" in page
    assert f'jackfield_http_request_duration_seconds_bucket{{{labels},le="10"}} 1\n' in page


def test_how_long_a_plugin_took_to_load_is_on_the_page(page):
    loads = dict(re.findall(r'^jackfield_plugin_load_seconds{plugin="(.+)"} (.+)$', page, re.MULTILINE))
    assert set(loads) == {"notifications", "rooms", "storm"}
    assert all(0 < float(seconds) < 30 for seconds in loads.values())


def test_the_process_is_described_as_by_other_clients_of_prometheus(page):
    values = dict(re.findall(r"^(process_\w+) (\S+)$", page, re.MULTILINE))
    assert float(values["process_resident_memory_bytes"]) > 1 << 20
    assert 10 < float(values["process_open_fds"]) < float(values["process_max_fds"])
    assert float(values["process_cpu_seconds_total"]) > 0
