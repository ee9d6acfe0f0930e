"""samples/wrap-c: a plain C library becomes a service, and a plugin wraps it without touching it."""

import pytest

from server import ROOT, compile_plugin

SAMPLE = ROOT / "samples/wrap-c"
FUNCTIONS = {
    "note:store": "create_notification(user: cstring, title: cstring) -> i64",
    "note:count": "count_notifications(user: cstring) -> i64",
}


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wrap")
    return {name: str(compile_plugin(SAMPLE / f"{name}.c", folder)) for name in ("notes", "wrap")}


@pytest.fixture
def wrapped(serve, libraries):
    bind = [{"library": libraries["notes"], "service": "notes", "functions": FUNCTIONS}]
    return serve(plugins=[{"path": libraries["wrap"]}], bind=bind, contracts="strict")


def test_the_library_knows_nothing_of_jackfield():
    assert "jackfield" not in (SAMPLE / "notes.c").read_text().split("*/", 1)[1].lower()


def test_a_note_is_stored_by_the_library_and_then_emitted(wrapped):
    alice, bob = wrapped.person("alice").open_tab(), wrapped.person("bob").open_tab()
    assert alice.call("note:create", "bob", "Lunch at noon") == {"id": 1, "total": 1}
    assert bob.expect("note:new") == ("bob", "Lunch at noon")
    # Stored for a user who is offline, too.
    assert alice.call("note:create", "carol", "Later") == {"id": 2, "total": 1}
    assert alice.call("note:count", "bob") == 1
    assert wrapped.person("alice").post("/v1/call/note:count", ["carol"]).json() == {"result": 1}


def test_what_breaks_the_signature_reaches_neither_plugin_nor_library(wrapped):
    alice = wrapped.person("alice").open_tab()
    error = alice.call("note:create", "bob", "a\0b")["error"]
    assert error["code"] == "invalid_arguments" and "argument 2 'title'" in error["message"]
    assert alice.call("note:count", "bob") == 0


def test_without_the_library_the_plugin_says_unavailable(serve, libraries):
    daemon = serve(plugins=[{"path": libraries["wrap"]}])
    error = daemon.person("alice").open_tab().call("note:create", "bob", "x")["error"]
    assert error["code"] == "unavailable"
    assert "the function 'create_notification' of service 'notes' returned 0" in daemon.log
