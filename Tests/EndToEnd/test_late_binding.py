"""A plugin can be missing, late or broken, and every socket stays connected."""

import shutil

import pytest

from server import ServerFault


def works_without_services(daemon):
    """Sockets connect and presence works, whatever the state of the plugins."""
    bob = daemon.person("bob").open_tab()
    bob.call("presence:watch", ["alice"])
    alice = daemon.person("alice").open_tab(transports=["polling"])
    assert bob.expect("presence:online")["user"] == "alice"
    assert alice.call("nobody:knows")["error"]["code"] == "unknown_event"
    alice.close()
    assert bob.expect("presence:offline")["user"] == "alice"
    assert daemon.get("/healthz").status_code == 200


def works_with(daemon, *names):
    works_without_services(daemon)
    alice = daemon.person("alice", scope="notifications:write")
    tab = alice.open_tab()
    if "notifications" in names:
        row = alice.post("/v1/notifications", {"user_id": "alice", "type": "t", "title": "x"}).json()
        assert tab.expect("notification:new")["id"] == row["id"]
    else:
        assert tab.call("notification:list", {})["error"]["code"] == "unknown_event"
        assert alice.get("/v1/notifications").status_code == 404
    if "rooms" in names:
        assert tab.call("room:create", {"name": "x"})["id"]
    else:
        assert tab.call("room:create", {"name": "x"})["error"]["code"] == "unknown_event"


def test_without_any_plugin(serve):
    works_with(serve())


def test_with_plugins_that_are_missing(serve, tmp_path):
    daemon = serve(plugins=[{"path": "no-such-plugin"}, {"path": str(tmp_path / "nothing.so")}])
    works_with(daemon)
    assert "no-such-plugin" in daemon.log and "nothing.so" in daemon.log


@pytest.mark.parametrize(
    "order", [("notifications", "rooms"), ("rooms", "notifications"), ("rooms",), ("notifications",)], ids=" then ".join
)
def test_with_the_plugins_in_any_order(serve, services, order):
    works_with(serve(plugins=services(*order)), *order)


#: The broken plugin, and a word of the log line about it.
BROKEN = {
    "a text file": (None, ""),
    "a library without jf_plugin_main": ("broken/no_main.c", "jf_plugin_main"),
    "a library of another ABI": ("broken/other_abi.c", "JF_ABI 43, this host needs 2"),
    "a plugin whose create fails": ("broken/create_fails.c", "the moon is not full"),
}


@pytest.fixture
def broken(compiled, tmp_path):
    def library(name):
        source, _ = BROKEN[name]
        if source is not None:
            return compiled(source)
        (tmp_path / "text.so").write_text("I am no library.\n")
        return str(tmp_path / "text.so")

    return library


@pytest.mark.parametrize("name", BROKEN)
def test_one_broken_library_among_good_ones_gives_one_line_and_stops_nobody(serve, services, broken, name):
    first, second = services("notifications", "rooms")
    path = broken(name)
    daemon = serve(plugins=[first, {"path": path}, second])
    works_with(daemon, "notifications", "rooms")
    about = [
        line
        for line in daemon.log.splitlines()
        if path in line or path.rsplit("/", 1)[1] in line or BROKEN[name][1] and BROKEN[name][1] in line
    ]
    errors = [line for line in about if "error" in line.lower()]
    assert len(errors) == 1, daemon.log
    assert BROKEN[name][1] in errors[0]


@pytest.mark.parametrize("name", [*BROKEN, "a file that is missing"])
def test_a_required_plugin_that_cannot_be_loaded_is_fatal_and_says_why(serve, services, broken, tmp_path, name):
    path = broken(name) if name in BROKEN else str(tmp_path / "nothing.so")
    with pytest.raises(ServerFault) as fault:
        serve(plugins=[*services("notifications"), {"path": path, "required": True}])
    assert path.rsplit("/", 1)[1] in str(fault.value)
    assert BROKEN.get(name, (None, "nothing.so"))[1] in str(fault.value)


def test_a_plugin_whose_store_cannot_be_opened_stops_nobody(serve, services, tmp_path):
    (tmp_path / "not-a-folder").write_text("")
    [rooms] = services("rooms")
    lost = {"path": "notifications", "config": {"store": f"sqlite:{tmp_path}/not-a-folder/n.db"}}
    works_with(serve(plugins=[lost, rooms]), "rooms")


def test_two_plugins_that_claim_one_event_the_first_has_it_and_the_second_is_not_loaded(serve, compiled, tmp_path):
    copy = tmp_path / "the_other.so"
    shutil.copy(compiled("late-ack/late_ack.c"), copy)
    daemon = serve(plugins=[{"path": compiled("late-ack/late_ack.c")}, {"path": str(copy)}])
    assert daemon.person("alice").open_tab().call("late", 0) == 0
    assert "the_other" in daemon.log


def test_a_library_that_is_deleted_while_it_runs_goes_on(serve, compiled, tmp_path):
    copy = tmp_path / "ours.so"
    shutil.copy(compiled("late-ack/late_ack.c"), copy)
    daemon = serve(plugins=[{"path": str(copy)}])
    copy.write_bytes(b"overwritten in place")
    copy.unlink()
    assert daemon.person("alice").open_tab().call("late", 10) == 10
