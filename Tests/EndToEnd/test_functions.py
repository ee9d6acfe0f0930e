"""C functions that know nothing of Jackfield answer events and HTTP requests, from three lines of the configuration."""

import asyncio
import math
import re
import subprocess
import time

import aiohttp
import pytest
import requests

from harness.tab import PATIENCE
from server import BINARY

#: As in the README: the functions of the system's libm.
LIBM = {
    "library": "libm.so.6",
    "functions": {"math:cos": "cos(x: f64) -> f64", "math:pow": "pow(x: f64, y: f64) -> f64"},
}

#: A function that takes long: `usleep` of the C library.
NAP = {"library": "libc.so.6", "functions": {"nap": "usleep(us: u32)"}}


@pytest.fixture
def libm(serve):
    return serve(bind=[LIBM])


def problem(answer):
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"], answer.json()["detail"]


def test_libm_answers_events_without_a_plugin(libm):
    tab = libm.person("alice").open_tab()
    assert tab.call("math:cos", 0) == 1
    assert tab.call("math:cos", 1.0) == math.cos(1)
    assert tab.call("math:pow", 2, 50) == 2**50
    infinite = "'pow' returned inf, which JSON does not have"
    assert refusal(tab, "math:pow", (0, -1)) == {"code": "failed", "message": infinite}
    assert problem(libm.person("alice").post("/v1/call/math:pow", [0, -1])) == (422, "failed", infinite)
    assert libm.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    "args, message",
    [
        ((1, "2"), "argument 2 'y': expected f64, got string"),
        ((1,), "argument 2 'y' is missing: expected f64"),
        ((1, 2, 3), "expected 2 arguments, got 3"),
        (([1], 2), "argument 1 'x': expected f64, got array"),
        ((None, 2), "argument 1 'x': expected f64, got null"),
    ],
)
def test_wrong_arguments_are_refused_with_the_same_words_over_both(libm, args, message):
    alice = libm.person("alice")
    assert refusal(alice.open_tab(), "math:pow", args) == {"code": "invalid_arguments", "message": message}
    assert problem(alice.post("/v1/call/math:pow", list(args))) == (400, "invalid_arguments", message)


def refusal(tab, event, args):
    return tab.call(event, *args)["error"]


def test_a_number_outside_the_type_is_refused_and_not_wrapped(serve):
    tab = serve(bind=[NAP]).person("alice").open_tab()
    for number, words in [(-1, "-1 is outside u32"), (2**32, "4294967296 is outside u32")]:
        assert refusal(tab, "nap", (number,))["message"] == f"argument 1 'us': {words}"


def test_a_function_is_called_over_http_with_a_token(libm):
    alice = libm.person("alice")
    answer = alice.post("/v1/call/math:cos", [0])
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    assert answer.text == '{"result":1}'
    assert alice.post("/v1/call/math%3Acos", [0]).json() == {"result": 1}
    without = requests.post(libm.address + "/v1/call/math:cos", json=[0], timeout=PATIENCE)
    assert without.status_code == 401 and without.json()["code"] == "token_missing"
    assert problem(alice.post("/v1/call/math:sine", [0])) == (
        404,
        "not_found",
        "no function is bound to the event 'math:sine'",
    )
    assert problem(alice.post("/v1/call/math:coz", [0]))[2].endswith("did you mean 'math:cos'?")
    expected = "the body must be a JSON array of the arguments"
    assert problem(alice.post("/v1/call/math:cos", {"x": 0}))[2] == expected
    assert alice.get("/v1/call/math:cos").status_code == 405


def test_the_default_run_does_not_block_the_event_loop(serve):
    daemon = serve(bind=[NAP, LIBM], eventLoops=1)
    alice = daemon.person("alice")

    async def nap_and_ask():
        headers = {"Authorization": f"Bearer {alice.token}"}
        async with aiohttp.ClientSession(daemon.address, headers=headers) as session:
            nap = asyncio.create_task(session.post("/v1/call/nap", json=[1_500_000]))
            await asyncio.sleep(0.3)
            start = time.monotonic()
            async with session.get("/healthz") as health, session.post("/v1/call/math:cos", json=[0]) as cos:
                assert health.status == 200 and await cos.json() == {"result": 1}
            assert time.monotonic() - start < 1 and not nap.done()
            async with await nap as answer:
                assert answer.status == 200 and await answer.json() == {"result": None}

    asyncio.run(nap_and_ask())


def test_what_does_not_fit_into_the_queue_is_refused_with_503(serve):
    shares = {"pluginQueueSocketShare": 100, "pluginQueueUserShare": 100}
    daemon = serve(bind=[NAP], limits={"pluginQueueCallbacks": 4, **shares})
    alice = daemon.person("alice")

    async def flood():
        headers = {"Authorization": f"Bearer {alice.token}"}
        async with aiohttp.ClientSession(daemon.address, headers=headers) as session:

            async def call(microseconds):
                async with session.post("/v1/call/nap", json=[microseconds]) as answer:
                    return answer.status, (await answer.json()).get("code")

            first = asyncio.create_task(call(1_000_000))
            await asyncio.sleep(0.2)
            return [*await asyncio.gather(*(call(0) for _ in range(20))), await first]

    answers = asyncio.run(flood())
    assert set(answers) == {(200, None), (503, "overloaded")}
    assert answers[-1] == (200, None)
    refused = re.findall(r'jackfield_plugin_refused_total\{plugin="libc",[^}]*\} (\d+)', daemon.get("/metrics").text)
    assert sum(map(int, refused)) == answers.count((503, "overloaded"))


def test_the_metrics_of_plugins_have_the_library(libm):
    libm.person("alice").open_tab().call("math:cos", 0)
    assert libm.person("alice").post("/v1/call/math:cos", [0]).status_code == 200
    metrics = libm.get("/metrics").text
    assert 'plugin="libm"' in metrics
    counts = re.findall(r"jackfield_http_request_duration_seconds_count\{(.*)\} (\d+)", metrics)
    labels = [{'method="POST"', 'plugin="libm"', 'route="/v1/call/{event}"', 'status="2xx"'}]
    assert [set(label.split(",")) for label, count in counts if count == "1"] == labels


def test_a_library_that_cannot_be_loaded_leaves_the_others_running(serve):
    daemon = serve(bind=[{"library": "libnowhere.so.9", "functions": {"f": "f()"}}, LIBM])
    assert daemon.person("alice").open_tab().call("math:cos", 0) == 1
    reasons = daemon.get("/readyz").json()["reasons"]
    assert len(reasons) == 1 and "library 'libnowhere.so.9': there is no such library" in reasons[0]


def check(tmp_path, text):
    file = tmp_path / "jackfield.yaml"
    file.write_text("auth: false\n" + text)
    done = subprocess.run(
        [BINARY, "serve", "--config", file, "--check"], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE
    )
    return done.returncode, done.stdout + done.stderr


def test_check_finds_a_wrong_signature_a_missing_library_and_a_missing_symbol(tmp_path):
    code, output = check(
        tmp_path, 'bind:\n  - library: libm.so.6\n    functions: { "math:cos": "cos(x: double) -> f64" }\n'
    )
    assert code == 78 and "jackfield.yaml:4:30: bind[0].functions.math:cos: " in output
    assert "column 8: expected a type" in output and "did you mean 'f64'?" in output
    code, output = check(tmp_path, 'bind: [{ library: libnowhere.so.9, functions: { f: "f()" } }]\n')
    assert code == 78 and "bind[0]: library 'libnowhere.so.9': there is no such library" in output
    code, output = check(tmp_path, 'bind: [{ library: ./none.so, functions: { f: "f()" } }]\n')
    assert code == 78 and "bind[0]: library './none.so': there is no such file\n" in output
    code, output = check(tmp_path, 'bind: [{ library: libm.so.6, functions: { f: "cosinus()" } }]\n')
    assert code == 78 and "function 1: 'f': the library has no function 'cosinus'" in output
    code, output = check(tmp_path, 'bind: [{ library: libm.so.6, functions: { f: "cos(x: f64) -> f64" } }]\n')
    assert code == 0 and '"signature":"cos(x: f64) -> f64"' in output
