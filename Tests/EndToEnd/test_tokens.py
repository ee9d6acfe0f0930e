"""Without a valid token there is no socket, and the refusal has the documented code."""

import base64
import json
import time

import pytest
import requests

from harness.daemon import Daemon
from harness.tab import PATIENCE, Refused, Tab
from harness.tokens import SECRET, token, unsigned

#: The wrong token, and the code of its refusal.
WRONG = {
    "no auth at all": ("token_missing", lambda: None),
    "no text": ("token_malformed", lambda: "no.token.at.all"),
    "two parts": ("token_malformed", lambda: ".".join(token().split(".")[:2])),
    "a header that is no base64": ("token_malformed", lambda: "***." + token().split(".", 1)[1]),
    "an expired token": ("token_expired", lambda: token(expires_in=-60)),
    "another secret": ("token_signature", lambda: token(secret="somebody-elses-secret-of-many-bytes")),
    "a changed payload": ("token_signature", lambda: splice(token("alice"), token("mallory"))),
    "another algorithm": ("token_algorithm", lambda: token(algorithm="HS512", secret="x" * 64)),
    "the right secret but another algorithm": ("token_algorithm", lambda: token(algorithm="HS384", secret="x" * 48)),
    "no signature": ("token_algorithm", unsigned),
    "nobody as user": ("token_claims", lambda: token(None)),
    "a future beginning": ("token_claims", lambda: token(nbf=int(time.time()) + 3600)),
    "no end": ("token_claims", lambda: token(exp=None)),
    "a user that ends at a zero byte elsewhere": ("token_claims", lambda: token("alice\0x")),
    "a user of two lines": ("token_claims", lambda: token("alice\nbob")),
    "a user of 257 bytes": ("token_claims", lambda: token("x" * 257)),
    "a thousand combining marks as its algorithm": ("token_algorithm", lambda: with_header(alg="H" + HOSTILE)),
}

WAYS = [["polling"], ["websocket"], ["polling", "websocket"]]


#: Text that Swift's String compares in quadratic time.
HOSTILE = "\u0301" * 1400 + "\u0316" * 1400


def with_header(**header):
    """A token without a signature."""
    encoded = base64.urlsafe_b64encode(json.dumps(header, ensure_ascii=False).encode()).rstrip(b"=").decode()
    return ".".join((encoded, *token().split(".")[1:]))


def splice(signed, wanted):
    """The signature of one token under the payload of another."""
    header, _, signature = signed.split(".")
    return ".".join((header, wanted.split(".")[1], signature))


@pytest.mark.parametrize("way", WAYS, ids=" and ".join)
@pytest.mark.parametrize("prefix", ["", "Bearer ", "bearer "])
def test_a_good_token_connects_with_or_without_bearer(daemon, way, prefix):
    assert daemon.tab(prefix + token(), transports=way).connected


@pytest.mark.parametrize("way", WAYS, ids=" and ".join)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_token_is_refused_with_its_code(module_daemon, wrong, way):
    code, make = WRONG[wrong]
    with pytest.raises(Refused) as refused:
        Tab(module_daemon.address, make(), transports=way)
    assert refused.value.data["data"]["code"] == code
    assert refused.value.data["message"]


@pytest.mark.parametrize("wrong", WRONG)
def test_the_same_token_is_401_over_http(module_daemon, wrong):
    code, make = WRONG[wrong]
    bad = make()
    answer = requests.get(
        module_daemon.address + "/v1/presence",
        headers={"Authorization": f"Bearer {bad}"} if bad else {},
        timeout=PATIENCE,
    )
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["code"] == code
    assert answer.json()["status"] == 401


@pytest.fixture(scope="module")
def module_daemon(tmp_path_factory):
    """One daemon for all wrong tokens, because none of them may damage it."""
    daemon = Daemon(tmp_path_factory.mktemp("tokens")).start()
    yield daemon
    daemon.close()


def test_issuer_and_audience_are_checked_where_they_are_configured(serve):
    daemon = serve(auth={"secret": SECRET, "issuer": "https://id.example", "audience": "jackfield"})
    assert daemon.tab(token(iss="https://id.example", aud=["other", "jackfield"])).connected
    for claims in (
        {"iss": "https://id.example"},
        {"aud": "jackfield"},
        {"iss": "https://evil.example", "aud": "jackfield"},
    ):
        with pytest.raises(Refused) as refused:
            daemon.tab(token(**claims))
        assert refused.value.code == "token_claims"


def test_where_no_token_is_required_a_wrong_one_is_refused_all_the_same(serve):
    daemon = serve(auth={"secret": SECRET, "required": False})
    assert daemon.tab(None).connected
    with pytest.raises(Refused) as refused:
        daemon.tab(token(expires_in=-60))
    assert refused.value.code == "token_expired"


@pytest.fixture
def strict(serve, services):
    """Tokens expire at their `exp`, without leeway."""
    return serve(auth={"secret": SECRET, "leeway": 0}, plugins=services("notifications"))


def test_a_token_that_expires_closes_the_transport_so_that_clients_come_back(strict):
    began = time.time()
    tab = strict.tab(token(expires_in=2))
    assert tab.expect("auth:expiring") is not None
    tab.wait_until_disconnected()
    assert 1.5 < time.time() - began < 5
    # After a DISCONNECT packet ("server disconnect") clients do not reconnect, so the server must close the transport.
    assert tab.disconnects and tab.disconnects[0].startswith("transport ")


def test_a_refreshed_token_keeps_the_connection(strict):
    tab = strict.tab(token(expires_in=2))
    answer = tab.call("auth:refresh", token(expires_in=3600))
    assert answer["ok"] is True and answer["expires_at"]
    time.sleep(3)
    assert tab.connected
    assert tab.call("notification:list", {})["items"] == []


def test_a_refresh_with_a_wrong_token_fails_and_changes_nothing(strict):
    tab = strict.tab(token("alice"))
    assert (
        tab.call("auth:refresh", token("alice", secret="somebody-elses-secret-of-many-bytes"))["error"]["code"]
        == "token_signature"
    )
    assert "error" in tab.call("auth:refresh", token("mallory")), "the user of a socket must not change"
    assert "error" in tab.call("auth:refresh")
    assert tab.connected


def test_tokens_without_an_end_are_accepted_where_the_configuration_says_so(serve):
    assert serve(auth={"secret": SECRET, "requireExpiry": False}).tab(token(exp=None)).connected


def test_a_token_is_refused_at_its_longest_age_and_its_socket_is_closed(serve):
    daemon = serve(auth={"secret": SECRET, "leeway": 0, "maxAge": 3000})
    tab = daemon.tab(token(expires_in=3600))
    tab.wait_until_disconnected()
    for claims, code in (
        ({"iat": int(time.time()) - 4}, "token_expired"),
        ({"iat": None}, "token_claims"),
        ({"iat": int(time.time()) + 60}, "token_claims"),
    ):
        with pytest.raises(Refused) as refused:
            daemon.tab(token(**claims))
        assert refused.value.code == code


def test_hostile_text_in_tokens_costs_others_nothing(serve):
    daemon = serve(eventLoops=1)
    hostile = with_header(alg="H" + HOSTILE)
    began = time.monotonic()
    with requests.Session() as session:
        # A hundred took 9 seconds of the one loop.
        for _ in range(100):
            assert (
                session.get(
                    daemon.address + "/v1/presence", headers={"Authorization": f"Bearer {hostile}"}, timeout=PATIENCE
                ).status_code
                == 401
            )
    assert time.monotonic() - began < 3
