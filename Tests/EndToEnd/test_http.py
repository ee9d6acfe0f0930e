"""The HTTP side: health, metrics, problems, CORS, and that REST needs no socket."""

import pytest
import requests

import wire
from harness.tab import PATIENCE

ORIGIN = "http://localhost:3000"


def test_alive_and_ready(daemon):
    assert daemon.get("/healthz").status_code == 200
    assert daemon.get("/readyz").status_code == 200


def test_metrics_are_prometheus_text(daemon):
    daemon.person("alice").open_tab()
    answer = daemon.get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    for line in answer.text.splitlines():
        assert line.startswith("#") or len(line.rsplit(" ", 1)) == 2 and float(line.rsplit(" ", 1)[1]) >= 0
    assert "jackfield_" in answer.text


def test_an_unknown_path_is_a_problem(daemon):
    answer = daemon.get("/v1/nothing", headers={"Authorization": f"Bearer {daemon.person('alice').token}"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["status"] == 404


def test_another_method_is_405_and_names_those_there_are(daemon):
    answer = requests.delete(
        daemon.address + "/v1/notifications",
        timeout=PATIENCE,
        headers={"Authorization": f"Bearer {daemon.person('alice').token}"},
    )
    assert answer.status_code == 405
    assert set(answer.headers["allow"].replace(" ", "").split(",")) >= {"GET", "POST"}


def test_the_default_origin_may_read_answers_with_credentials(daemon):
    for path in ("/v1/presence", "/socket.io/?EIO=4&transport=polling"):
        answer = daemon.get(path, headers={"Origin": ORIGIN})
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["access-control-allow-credentials"] == "true"


def test_a_preflight_is_answered_before_any_token_is_asked_for(daemon):
    answer = requests.options(
        daemon.address + "/v1/notifications",
        timeout=PATIENCE,
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()


def test_a_list_of_origins_reflects_those_on_it_and_no_other(serve):
    daemon = serve(cors={"origin": ["https://one.example", "https://two.example"], "credentials": True})
    for origin in ("https://one.example", "https://two.example"):
        assert daemon.get("/v1/presence", headers={"Origin": origin}).headers["access-control-allow-origin"] == origin
    foreign = daemon.get("/v1/presence", headers={"Origin": "https://evil.example"})
    assert foreign.headers.get("access-control-allow-origin") != "https://evil.example"


@pytest.mark.parametrize(
    "origin, allowed", [("https://one.example", True), ("https://evil.example", False), (None, True), ("own", True)]
)
def test_a_websocket_of_a_foreign_origin_is_refused(serve, origin, allowed):
    daemon = serve(cors={"origin": ["https://one.example"], "credentials": True})
    origin = daemon.address if origin == "own" else origin
    connection = wire.Connection("127.0.0.1", daemon.port)
    connection.send(
        (
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{daemon.port}\r\nConnection: "
            "Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {wire.WEBSOCKET_KEY}\r\n"
            + (f"Origin: {origin}\r\n" if origin else "")
            + "\r\n"
        ).encode(),
        wire.time.monotonic() + PATIENCE,
    )
    status = wire.read_answer(connection, "GET", wire.time.monotonic() + PATIENCE).status
    assert (status == 101) == allowed
    connection.close()


def test_a_body_beyond_the_limit_is_413(serve, services):
    daemon = serve(plugins=services("notifications"), limits={"httpBody": 1000})
    ops = daemon.person("ops", scope="notifications:write")
    refused = ops.post("/v1/notifications", {"user_id": "a", "type": "t", "title": "x", "body": "x" * 2000})
    assert refused.status_code == 413 and refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] == "too_large" and "1000 bytes" in refused.json()["detail"]
    assert ops.post("/v1/notifications", {"user_id": "a", "type": "t", "title": "x"}).status_code == 201


def test_rest_works_for_people_who_never_opened_a_socket(daemon):
    alice = daemon.person("alice", scope="notifications:write")
    assert (
        alice.post("/v1/notifications", {"user_id": "alice", "type": "t", "title": "to myself"}).json()["delivered"]
        is False
    )
    assert [row["title"] for row in alice.get("/v1/notifications").json()["items"]] == ["to myself"]


@pytest.mark.parametrize("path, word", [("/", "/socket.io/"), ("/socket.io", "/socket.io/"), ("/nowhere", None)])
def test_where_nothing_is_served_one_is_told_what_is(serve, path, word):
    answer = serve().get(path)
    assert answer.status_code == 404 and answer.json()["code"] == "not_found"
    assert word is None or word in answer.json()["detail"]
