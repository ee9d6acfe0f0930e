"""What an operator does to a running daemon over its control socket, while clients stay connected."""

import json
import os
import shutil
import socket
import stat

import pytest

from harness.tab import PATIENCE


def names(daemon):
    return {plugin["name"]: plugin for plugin in daemon.operate("plugin", "list")["plugins"]}


class Raw:
    """A connection to the control socket, without the command line."""

    def __init__(self, daemon):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(2 * PATIENCE)
        # A path relative to the working directory would be that of the test, and an absolute one is too long.
        folder = os.open(daemon.folder, os.O_PATH)
        try:
            self.socket.connect(f"/proc/self/fd/{folder}/{daemon.settings['control']}")
        finally:
            os.close(folder)

    def send(self, data):
        self.socket.sendall(data)
        return self

    def answer(self):
        with self.socket, self.socket.makefile() as lines:
            text = lines.read()
        assert text.endswith("\n")
        return json.loads(text)


def test_the_plugins_are_listed_with_what_they_do(daemon):
    tab = daemon.person("alice").open_tab()
    tab.call("room:create", {"name": "x"})
    plugins = names(daemon)
    assert list(plugins) == ["notifications", "rooms"]
    assert plugins["notifications"]["provides"] == ["notifications/1"]
    rooms = plugins["rooms"]
    assert (rooms["state"], rooms["generation"], rooms["queued"], rooms["refused"]) == ("running", 2, 0, 0)
    assert rooms["handled"] > 0 and rooms["path"].endswith("rooms.so")
    assert rooms["binds"] == [{"service": "notifications/1", "provider": "notifications"}]
    code, table, _ = daemon.control("plugin", "list")
    assert code == 0
    assert [line.split()[:3] for line in table.splitlines()] == [
        ["NAME", "VERSION", "STATE"],
        ["notifications", plugins["notifications"]["version"], "running"],
        ["rooms", rooms["version"], "running"],
    ]


def test_a_plugin_is_unloaded_and_loaded_while_sockets_stay_connected(daemon):
    alice, polling = daemon.person("alice").open_tab(), daemon.person("bob").open_tab(transports=["polling"])
    room = alice.call("room:create", {"name": "x"})
    assert daemon.operate("plugin", "unload", "rooms")["name"] == "rooms"
    assert alice.call("room:create", {"name": "y"})["error"]["code"] == "unknown_event"
    assert names(daemon)["rooms"]["state"] == "unloaded"
    assert daemon.get("/readyz").status_code == 503
    answer = daemon.operate("plugin", "load", "rooms")
    assert (answer["plugin"]["name"], answer["plugin"]["generation"]) == ("rooms", 3)
    # Its configuration is that of the file, so its rooms are still there.
    assert polling.call("room:join", {"room": room["id"]})["id"] == room["id"]
    assert daemon.get("/readyz").status_code == 200
    assert alice.connected and polling.connected and not alice.disconnects and not polling.disconnects


def test_a_library_that_the_configuration_does_not_have_is_loaded_from_its_path(serve, compiled, tmp_path):
    daemon = serve()
    tab = daemon.person("alice").open_tab()
    assert tab.call("late", 0)["error"]["code"] == "unknown_event"
    shutil.copy(compiled("late-ack/late_ack.c"), daemon.folder / "mine.so")
    # Relative to the working directory of the command.
    code, output, _ = daemon.control("plugin", "load", "./mine.so", "--name", "mine")
    assert code == 0 and output.startswith("loaded mine") and str(daemon.folder / "mine.so") in output
    assert tab.call("late", 0) == 0
    code, output, _ = daemon.control("plugin", "unload", "mine")
    assert code == 0 and output.startswith("unloaded mine in ")
    assert tab.call("late", 0)["error"]["code"] == "unknown_event"
    assert names(daemon) == {}
    assert tab.connected and not tab.disconnects


def test_a_configuration_given_with_load_replaces_that_of_the_file(daemon, tmp_path):
    daemon.operate("plugin", "unload", "rooms")
    daemon.operate("plugin", "load", "rooms", "--config", json.dumps({"store": f"sqlite:{tmp_path}/other.db"}))
    daemon.person("alice").open_tab().call("room:create", {"name": "x"})
    assert (tmp_path / "other.db").exists()


@pytest.mark.parametrize(
    "command, problem",
    [
        (["unload", "romos"], "plugin 'romos' is not loaded; did you mean 'rooms'?"),
        (["unload", "x"], "plugin 'x' is not loaded; loaded: notifications, rooms"),
        (["load", "rooms"], "plugin 'rooms' is loaded from "),
        (["load", "no-such-plugin"], "there is no no-such-plugin.so or libno-such-plugin.so; looked in "),
        (["load", "./gone.so"], "gone.so): there is no such file"),
        (["load", "x", "--name", "A"], "'A' is no name of a plugin"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_says_why_and_changes_nothing(daemon, command, problem):
    before = list(names(daemon))
    code, output, errors = daemon.control("plugin", *command)
    assert (code, output) == (1, "")
    assert problem in errors
    assert list(names(daemon)) == before


def test_a_plugin_that_cannot_be_loaded_gives_the_error_of_the_log(serve, compiled):
    daemon = serve()
    code, _, errors = daemon.control("plugin", "load", compiled("broken/create_fails.c"))
    assert code == 1 and "the moon is not full" in errors
    assert errors.removeprefix("Error: ").strip() in daemon.log


def test_an_unload_that_is_held_up_names_the_callback(serve, compiled):
    daemon = serve(plugins=[{"path": compiled("slow/slow.c")}], limits={"shutdownDeadline": 1_000})
    tab = daemon.person("alice").open_tab()
    tab.client.emit("sleep", 4_000)
    tab.call("presence:watch", [])
    code, _, errors = daemon.control("plugin", "unload", "slow")
    assert code == 1
    assert "did not end within" in errors and "has been running for" in errors and "its thread is given up" in errors
    [plugin] = daemon.operate("plugin", "list")["plugins"]
    assert (plugin["name"], plugin["state"]) == ("slow", "stuck")
    assert tab.connected
    # The daemon ends with 1 as long as the thread runs, so this test ends it.
    daemon.kill()


def test_the_socket_is_for_its_owner_only_and_is_gone_after_the_end(serve):
    daemon = serve(control="run/control.sock")
    file = daemon.folder / "run/control.sock"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    daemon.stop()
    assert not file.exists()
    code, _, errors = daemon.control("plugin", "list")
    assert code == 1 and "no daemon listens at run/control.sock, there is no such file" in errors


def test_the_socket_of_a_daemon_that_was_killed_is_replaced(serve):
    daemon = serve()
    daemon.kill()
    code, _, errors = daemon.control("plugin", "list")
    assert code == 1 and "the one that made it has ended" in errors
    daemon.start()
    assert names(daemon) == {}


def test_a_second_daemon_in_one_folder_serves_without_a_socket_and_names_the_first(serve):
    first = serve()
    second = serve(control=f"../{first.folder.name}/control.sock")
    assert f"it is in use by process {first.server.process.pid}" in second.log
    second.person("alice").open_tab().call("presence:watch", [])
    second.stop()
    assert names(first) == {}


@pytest.mark.parametrize("off", [None, False])
def test_without_a_control_socket_there_is_none(serve, off):
    daemon = serve(control=off)
    assert daemon.get("/healthz").status_code == 200
    assert not [file for file in daemon.folder.rglob("*") if file.is_socket()]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user")
def test_another_user_is_refused_even_where_the_mode_lets_it_in(serve):
    daemon = serve()
    (daemon.folder / "control.sock").chmod(0o666)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        # The kernel records the user at the time of the connection.
        try:
            os.chdir(daemon.folder)
            os.setuid(65534)
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.settimeout(PATIENCE)
                stranger.connect("control.sock")
                os.write(writer, stranger.makefile("rb").read())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as answer:
        assert json.loads(answer.read())["error"]["code"] == "forbidden"
    os.waitpid(child, 0)
    assert names(daemon) == {}


def test_the_protocol_is_a_line_of_json_each_way(daemon):
    assert set(Raw(daemon).send(b'{"command":"plugin.list"}\n').answer()) == {"ok"}

    def code(data):
        return Raw(daemon).send(data).answer()["error"]["code"]

    assert code(b"hello\n") == "invalid_arguments"
    assert code(b'{"command":"plugin.lst"}\n') == "unknown_command"
    assert code(b'{"command":"plugin.unload"}\n') == "invalid_arguments"
    assert code(b'{"command":"plugin.unload","name":"rooms","force":true}\n') == "invalid_arguments"
    assert set(names(daemon)) == {"notifications", "rooms"}


def test_connections_are_bounded_and_a_request_that_never_ends_is_given_up(serve):
    daemon = serve()
    silent = [Raw(daemon) for _ in range(16)]
    assert Raw(daemon).answer()["error"]["code"] == "overloaded"
    assert all(raw.answer()["error"]["code"] == "timeout" for raw in silent)
    assert names(daemon) == {}


def test_presence_is_that_of_the_http_route(daemon):
    assert daemon.operate("presence") == {"online": 0}
    tab = daemon.person("alice").open_tab()
    assert daemon.operate("presence") == {"online": 1}
    alice = daemon.operate("presence", "alice")
    assert alice == daemon.person("bob").get("/v1/presence/alice").json()
    assert daemon.control("presence", "alice")[1] == "alice online, connections: 1\n"
    tab.close()
    assert daemon.control("presence", "nobody")[1] == "nobody offline, connections: 0\n"
    code, _, errors = daemon.control("presence", "a\nb")
    assert code == 2 and "The user id holds a control character." in errors


def test_rooms_are_listed_with_their_sizes_over_all_loops(serve, services):
    daemon = serve(plugins=services("rooms"), eventLoops=2)
    tabs = [daemon.person(user).open_tab() for user in ("alice", "alice", "bob", "carol")]
    room = tabs[0].call("room:create", {"name": "x"})["id"]
    for tab in tabs[1:]:
        tab.call("room:join", {"room": room})
    answer = daemon.operate("rooms")
    sizes = {item["room"]: item["sockets"] for item in answer["rooms"]}
    assert {name: sizes[f"user:{name}"] for name in ("alice", "bob", "carol")} == {"alice": 2, "bob": 1, "carol": 1}
    [name] = [name for name in sizes if room in name]
    # Alice's first tab has only created it.
    assert answer["rooms"][0] == {"nsp": "/", "room": name, "sockets": 3}
    assert answer["total"] == len(sizes) == 4 and answer["incomplete"] is False
    code, text, _ = daemon.control("rooms", "--nsp", "/", "--limit", "1")
    assert code == 0
    assert text.splitlines() == ["NAMESPACE  SOCKETS  ROOM", f"/          3        {name}", "and 3 more"]
    assert daemon.operate("sockets", "--room", name)["total"] == 3
    assert daemon.operate("sockets", "--room", name, "--user", "bob")["total"] == 1
    code, _, errors = daemon.control("rooms", "--nsp", "chat")
    assert code == 1 and "there is no namespace 'chat'; its name begins with a slash" in errors


def test_sockets_are_listed_with_their_users_and_the_answer_is_bounded(serve):
    daemon = serve(namespaces=["/", "/chat"], eventLoops=2)
    assert daemon.control("sockets") == (0, "none\n", "")
    tab = daemon.person("alice").open_tab(namespaces=["/", "/chat"])
    polling = daemon.person("bob").open_tab(transports=["polling"])
    answer = daemon.operate("sockets")
    assert answer["total"] == 3 and answer["incomplete"] is False
    [bob] = [item for item in answer["sockets"] if item["user"] == "bob"]
    assert bob["id"] == polling.sid
    assert (bob["nsp"], bob["transport"], bob["address"], bob["rooms"]) == ("/", "polling", "127.0.0.1", 1)
    assert daemon.operate("sockets", "--nsp", "/chat")["total"] == 1
    assert daemon.operate("sockets", "--user", "alice")["total"] == 2
    assert [item["user"] for item in daemon.operate("sockets", "--room", tab.sid)["sockets"]] == ["alice"]
    assert daemon.operate("sockets", "--room", "nothing")["sockets"] == []
    limited = daemon.operate("sockets", "--limit", "1")
    assert len(limited["sockets"]) == 1 and limited["total"] == 3
    assert daemon.control("sockets", "--limit", "1")[1].splitlines()[-1] == "and 2 more"
    assert daemon.control("sockets", "--limit", "0")[0] == 2


def test_drain_stops_the_daemon_as_sigterm_does_and_waits_for_its_end(daemon):
    tab = daemon.person("alice").open_tab()
    process = daemon.server.process
    code, output, errors = daemon.control("drain")
    assert (code, errors) == (0, "")
    assert output == f"process {process.pid} stops, with 1 users online, within 10000 ms\nstopped\n"
    assert process.wait(PATIENCE) == 0
    tab.wait_until_disconnected()
    assert "stopped" in daemon.log
    assert not (daemon.folder / "control.sock").exists()


def test_drain_names_the_plugin_that_did_not_stop(serve, compiled):
    daemon = serve(plugins=[{"path": compiled("slow/slow.c")}], limits={"shutdownDeadline": 1_000})
    tab = daemon.person("alice").open_tab()
    tab.client.emit("sleep", 10_000)
    tab.call("presence:watch", [])
    code, _, errors = daemon.control("drain")
    assert code == 1 and "gave up slow" in errors
    assert daemon.server.process.wait(PATIENCE) == 1
    daemon.killed = True
