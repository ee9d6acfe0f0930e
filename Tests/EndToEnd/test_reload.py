"""The configuration is put in force while the daemon runs: by `jackfield reload`, and by SIGHUP."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
import requests

from harness.tab import PATIENCE, Refused
from harness.tokens import SECRET, token
from server import ROOT

SMALL = ROOT / "Tests/Fixtures/host/small.c"
OTHER = "another-secret-of-the-end-to-end-tests"


def build(library, **macros):
    """Compiles Tests/Fixtures/host/small.c: its event EVENT acks with ANSWER, or else with NAME."""
    texts = [f'-D{key}="{value}"' if isinstance(value, str) else f"-D{key}={value}" for key, value in macros.items()]
    subprocess.run(
        ["cc", "-std=c99", "-shared", "-fPIC", *texts, "-I", str(ROOT / "include"), str(SMALL), "-o", str(library)],
        check=True,
    )
    return str(library)


def generations(daemon):
    """The running plugins in the order of their hooks, with the number of each load."""
    return {
        plugin["name"]: plugin["generation"]
        for plugin in daemon.operate("plugin", "list")["plugins"]
        if plugin["state"] == "running"
    }


def changed(answer, part="applied"):
    return {change["key"]: (change["old"], change["new"]) for change in answer[part]}


def nothing_changed(daemon, text):
    """Whether the daemon has in force what its file said when it contained `text`."""
    daemon.file.write_text(text)
    answer = daemon.operate("reload", "--check")
    return not any(answer[part] for part in ("applied", "plugins", "restart", "notes"))


# What is live: each effect is seen by a client that stays connected


def test_a_file_that_has_not_changed_changes_nothing(daemon):
    before = generations(daemon)
    assert daemon.control("reload") == (0, "the configuration has not changed\n", "")
    answer = daemon.reload()
    assert answer.pop("milliseconds") >= 0
    assert answer == {"applied": [], "plugins": [], "restart": [], "notes": []}
    assert generations(daemon) == before
    assert nothing_changed(daemon, daemon.file.read_text())


def test_keys_and_rules_for_tokens_hold_for_the_next_verification(daemon):
    tab = daemon.person("alice").open_tab()
    path = "/v1/notifications/count"
    assert daemon.person("alice").get(path).status_code == 200
    daemon.configure(auth={"secret": OTHER, "audience": "chat"})
    answer = daemon.reload()
    sizes = (f"{len(SECRET)} bytes", f"{len(OTHER)} bytes")
    assert changed(answer) == {"auth.audience": ([], ["chat"]), "auth.secret": sizes}
    assert OTHER not in json.dumps(answer) and SECRET not in json.dumps(answer)
    # The old token was verified before, and is refused all the same.
    assert daemon.person("alice").get(path).json()["code"] == "token_signature"
    with pytest.raises(Refused) as refused:
        daemon.person("alice").open_tab()
    assert refused.value.code == "token_signature"
    with pytest.raises(Refused) as refused:
        daemon.tab(token("alice", secret=OTHER))
    assert refused.value.code == "token_claims"
    new = token("alice", secret=OTHER, aud="chat")
    other = daemon.tab(new)
    assert tab.call("room:create", {"name": "x"})["name"] == "x"
    assert tab.call("auth:refresh", daemon.person("alice").token)["error"]["code"] == "token_signature"
    assert tab.call("auth:refresh", new)["ok"] is True
    assert tab.connected and other.connected and not tab.disconnects
    daemon.configure(auth=False)
    assert changed(daemon.reload()) == {"auth": (True, False)}
    assert daemon.tab(None).connected


def test_a_key_file_is_read_again(serve, tmp_path):
    key = tmp_path / "key"
    key.write_text(SECRET)
    daemon = serve(auth={"secretFile": str(key)})
    tab = daemon.person("alice").open_tab()
    key.write_text(OTHER)
    assert list(changed(daemon.reload())) == ["auth.secret"]
    assert daemon.tab(token("alice", secret=OTHER)).connected and tab.connected
    text = daemon.file.read_text()
    key.unlink()
    code, _, errors = daemon.control("reload")
    assert code == 78 and f"auth.secretFile: there is no file '{key}'" in errors
    assert errors.endswith("nothing was changed\n")
    assert daemon.tab(token("alice", secret=OTHER)).connected
    key.write_text(OTHER)
    assert nothing_changed(daemon, text)


def test_cors_holds_for_the_next_request_and_the_next_websocket(serve):
    daemon = serve(cors={"origin": ["https://a.example"]})
    tab = daemon.person("alice").open_tab()

    def allowed(origin):
        return daemon.get("/healthz", headers={"Origin": origin}).headers.get("Access-Control-Allow-Origin")

    def websocket(origin):
        headers = {
            "Origin": origin,
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        with requests.get(
            f"{daemon.address}/socket.io/?EIO=4&transport=websocket", headers=headers, stream=True, timeout=PATIENCE
        ) as response:
            return response.status_code

    assert (allowed("https://a.example"), allowed("https://b.example")) == ("https://a.example", None)
    assert (websocket("https://a.example"), websocket("https://b.example")) == (101, 400)
    daemon.configure(cors={"origin": ["https://b.example"]})
    assert changed(daemon.reload()) == {"cors.origin": (["https://a.example"], ["https://b.example"])}
    assert (allowed("https://a.example"), allowed("https://b.example")) == (None, "https://b.example")
    assert (websocket("https://a.example"), websocket("https://b.example")) == (400, 101)
    # An answer that is the same for all requests.
    daemon.configure(cors={"origin": "*"})
    daemon.reload()
    assert allowed("https://c.example") == "*"
    daemon.configure(cors=False)
    daemon.reload()
    assert allowed("https://b.example") is None and websocket("https://c.example") == 101
    assert tab.connected and not tab.disconnects


def test_the_level_of_the_log_changes(serve):
    daemon = serve()
    tab = daemon.person("alice").open_tab()
    daemon.get("/healthz?before")
    assert "DEBUG" not in daemon.log
    daemon.configure(log={"level": "debug"})
    assert changed(daemon.reload()) == {"log.level": ("info", "debug")}
    daemon.get("/healthz")
    assert "path=/healthz" in daemon.logged("DEBUG   request")
    daemon.configure(log={"level": "error"})
    daemon.reload()
    count = daemon.log.count("DEBUG")
    daemon.get("/healthz")
    with pytest.raises(Refused):
        daemon.tab("no token")
    assert daemon.log.count("DEBUG") == count and "token_malformed" not in daemon.log
    assert tab.connected and not tab.disconnects


def test_limits_of_sockets_and_plugins_change(serve, services, compiled):
    daemon = serve(
        plugins=services("rooms") + [{"path": compiled("slow/slow.c")}, {"path": compiled("host/contracts.c")}],
        eventLoops=2,
        namespaces=["/", "/a", "/b"],
    )
    alice, bob = daemon.person("alice").open_tab(), daemon.person("bob").open_tab()
    rooms = [alice.call("room:create", {"name": name})["id"] for name in ("x", "y", "z")]
    assert bob.call("room:join", {"room": rooms[0]})["id"] == rooms[0]
    assert bob.call("presence:watch", ["a", "b"])[1]["user"] == "b"
    daemon.configure(
        limits={
            "roomsPerSocket": 2,
            "namespacesPerConnection": 2,
            "presenceWatchesPerSocket": 1,
            "httpBody": 100,
            "pluginQueueCallbacks": 2,
            "pluginQueueSocketShare": 100,
            "pluginQueueUserShare": 100,
            "shutdownDeadline": 7_000,
        }
    )
    answer = daemon.reload()
    assert len(changed(answer)) == 8 and answer["restart"] == []
    # With bob's own room, the first one was the second.
    bob.call("room:join", {"room": rooms[1]})
    assert bob.call("room:join", {"room": rooms[1]})["error"]["code"] == "overloaded"
    for tab in (alice, bob):
        assert tab.call("presence:watch", ["c", "d"])["error"]["code"] == "overloaded"
    with pytest.raises(Refused):
        daemon.person("carol").open_tab(namespaces=["/", "/a", "/b"])
    assert daemon.person("alice").post("/v1/rooms", {"name": "x" * 200}).status_code == 413
    alice.emit("sleep", 1_000)
    answers = []
    for _ in range(4):
        bob.client.emit("quick", [1], callback=lambda *a: answers.append(a))
    until = time.monotonic() + PATIENCE
    while len(answers) < 4:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert [a for a in answers if isinstance(a[0], dict) and a[0]["error"]["code"] == "overloaded"]
    daemon.configure(limits={"httpBody": 1_000})
    daemon.reload()
    assert daemon.person("alice").post("/v1/rooms", {"name": "y" * 200}).status_code != 413
    assert bob.call("room:join", {"room": rooms[1]})["id"] == rooms[1]
    assert alice.connected and bob.connected and not alice.disconnects and not bob.disconnects
    daemon.configure(limits={"shutdownDeadline": 7_000})
    daemon.reload()
    assert "within 7000 ms" in daemon.control("drain")[1]


def test_limits_of_connections_and_sessions_change(serve):
    daemon = serve(eventLoops=2)
    tabs = [daemon.person("alice").open_tab() for _ in range(3)]
    daemon.configure(limits={"sessions": 3, "messageBeforeConnect": 20})
    daemon.reload()
    with pytest.raises(Refused):
        daemon.person("bob").open_tab()
    daemon.configure(limits={"messageBeforeConnect": 20})
    daemon.reload()
    # The CONNECT packet with the token is larger.
    with pytest.raises(Refused):
        daemon.person("bob").open_tab()
    daemon.configure(limits={"connections": 3})
    daemon.reload()
    with pytest.raises(requests.ConnectionError):
        daemon.get("/healthz")
    daemon.configure(limits={"connections": 100})
    daemon.reload()
    assert daemon.get("/healthz").status_code == 200
    assert daemon.person("bob").open_tab().connected
    assert all(tab.connected and not tab.disconnects for tab in tabs)


def test_the_checks_of_what_plugins_emit_change(serve, compiled):
    daemon = serve(plugins=[{"path": compiled("host/contracts.c")}], auth=False)
    tab = daemon.tab(None)

    def emit():
        return tab.call("tell", "emit", "news", [{"title": "rain", "count": "one"}])

    assert emit() == 0
    tab.expect("news")
    daemon.configure(contracts="strict")
    assert changed(daemon.reload()) == {"contracts": ("count", "strict")}
    assert emit() == -2
    tab.expect_none("news", 0.1)
    daemon.configure(contracts="off")
    daemon.reload()
    assert emit() == 0
    tab.expect("news")
    metrics = daemon.get("/metrics").text
    assert 'jackfield_contract_violations_total{plugin="contracts",event="news"}' not in metrics
    daemon.configure(contracts="count")
    daemon.reload()
    metrics = daemon.get("/metrics").text
    assert 'jackfield_contract_violations_total{plugin="contracts",event="news"} 2' in metrics
    assert tab.connected


# Plugins and bound libraries


def test_plugins_are_added_removed_and_ordered_as_the_file_says(serve, tmp_path):
    one, two = (build(tmp_path / f"{name}.so", NAME=name, EVENT=name) for name in ("one", "two"))
    daemon = serve(plugins=[{"path": one}])
    tab = daemon.person("alice").open_tab()
    assert tab.call("two")["error"]["code"] == "unknown_event"
    daemon.configure(plugins=[{"path": two}, {"path": one}])
    code, output, _ = daemon.control("reload")
    assert code == 0 and re.fullmatch(r"in force, after \d+ ms:\n  plugin two: loaded\n", output)
    assert list(generations(daemon)) == ["two", "one"]
    assert generations(daemon)["one"] == 1
    assert (tab.call("one"), tab.call("two")) == ("one", "two")
    assert daemon.get("/readyz").status_code == 200
    daemon.configure(plugins=[{"path": two}])
    assert daemon.reload()["plugins"] == [{"name": "one", "change": "unloaded"}]
    assert tab.call("one")["error"]["code"] == "unknown_event"
    assert daemon.get("/readyz").status_code == 200
    # Now a part of the configuration: it is listed, and loaded again as one.
    daemon.operate("plugin", "unload", "two")
    assert daemon.get("/readyz").status_code == 503
    assert "plugin 'two' is in the configuration and does not run" in daemon.reload()["notes"][0]
    daemon.operate("plugin", "load", "two")
    assert tab.call("two") == "two" and tab.connected and not tab.disconnects


def test_a_plugin_whose_configuration_changed_is_loaded_again_and_the_others_are_not(daemon, services, tmp_path):
    before = generations(daemon)
    tab = daemon.person("alice").open_tab()
    assert tab.call("room:create", {"name": "x"})["name"] == "x"
    plugins = services("notifications", "rooms")
    plugins[1]["config"]["store"] = f"sqlite:{tmp_path}/other.db"
    daemon.configure(plugins=plugins)
    answer = daemon.reload()
    assert answer["plugins"] == [{"name": "rooms", "change": "reloaded"}] and answer["applied"] == []
    assert "other.db" not in json.dumps(answer)
    after = generations(daemon)
    assert list(after) == ["notifications", "rooms"]
    assert after["notifications"] == before["notifications"] and after["rooms"] > before["rooms"]
    assert tab.call("room:create", {"name": "y"})["name"] == "y" and (tmp_path / "other.db").exists()
    assert tab.connected and not tab.disconnects


def test_a_plugin_that_moved_is_replaced_under_its_name(serve, tmp_path):
    first = build(tmp_path / "first.so", NAME="same", EVENT="e")
    second = build(tmp_path / "second.so", NAME="same", EVENT="e")
    daemon = serve(plugins=[{"path": first}])
    tab = daemon.person("alice").open_tab()
    daemon.configure(plugins=[{"path": second}])
    assert daemon.reload()["plugins"] == [{"name": "same", "change": "reloaded"}]
    [plugin] = daemon.operate("plugin", "list")["plugins"]
    assert (plugin["path"], plugin["state"]) == (second, "running")
    assert tab.call("e") == "same"


def test_a_plugin_takes_over_an_event_of_one_that_is_removed(serve, tmp_path):
    old = build(tmp_path / "old.so", NAME="old", EVENT="e")
    new = build(tmp_path / "new.so", NAME="new", EVENT="e")
    daemon = serve(plugins=[{"path": old}])
    tab = daemon.person("alice").open_tab()
    daemon.configure(plugins=[{"path": new}])
    assert daemon.reload()["plugins"] == [{"name": "old", "change": "unloaded"}, {"name": "new", "change": "loaded"}]
    assert tab.call("e") == "new"


def test_bound_functions_and_the_folders_of_plugins_change(serve, tmp_path):
    daemon = serve(bind=[{"library": "libm.so.6", "functions": {"math:cos": "cos(x: f64) -> f64"}}])
    tab = daemon.person("alice").open_tab()
    assert tab.call("math:cos", 0) == 1
    build(tmp_path / "far.so", NAME="far", EVENT="far")
    daemon.configure(
        bind=[{"library": "libm.so.6", "functions": {"math:exp": "exp(x: f64) -> f64"}}],
        plugins=["far"],
        pluginPath=[str(tmp_path)],
    )
    answer = daemon.reload()
    assert [plugin["change"] for plugin in answer["plugins"]] == ["loaded", "reloaded"]
    assert list(changed(answer)) == ["pluginPath"]
    assert tab.call("math:exp", 0) == 1 and tab.call("far") == "far"
    assert tab.call("math:cos", 0)["error"]["code"] == "unknown_event"


# What needs a restart, and what cannot be done


def test_what_needs_a_restart_is_listed_and_stays(serve):
    daemon = serve(pingInterval=25_000)
    daemon.configure(
        port=1, pingInterval=300, limits={"connectionsPerAddress": 1, "sessions": 9}, log={"format": "json"}
    )
    answer = daemon.reload()
    assert changed(answer, "restart") == {
        "port": (0, 1),
        "pingInterval": (25_000, 300),
        "limits.connectionsPerAddress": (0, 1),
        "log.format": ("text", "json"),
    }
    assert changed(answer) == {"limits.sessions": (250_000, 9)}
    assert daemon.get("/healthz").status_code == 200
    # Listed as long as it is so.
    code, output, _ = daemon.control("reload")
    assert code == 0 and output.startswith("needs a restart of the daemon:\n  port: 0 -> 1\n")
    assert daemon.logged("reload: needs a restart of the daemon: port: 0 -> 1")


def wrong(**settings):
    return lambda daemon, folder: daemon.configure(**settings)


def broken_create(daemon, folder):
    library = build(folder / "new.so", NAME="new", CREATE_FAILS=1)
    daemon.configure(plugins=[{"path": library}])


def conflicting(daemon, folder):
    library = build(folder / "new.so", NAME="new", EVENT="one")
    settings = json.loads(daemon.file.read_text())
    daemon.configure(plugins=settings["plugins"] + [{"path": library}])


def cut_off(daemon, folder):
    library = folder / "new.so"
    library.write_bytes(Path(build(folder / "whole.so")).read_bytes()[:2_000])
    daemon.configure(plugins=[{"path": str(library)}])


@pytest.mark.parametrize(
    "change, code, problem",
    [
        (lambda daemon, _: daemon.file.write_text("port: [1"), 78, "YAML syntax:"),
        (lambda daemon, _: daemon.file.unlink(), 78, "jackfield.yaml: cannot be read"),
        (wrong(prot=1), 78, "prot: unknown key: did you mean 'port'?"),
        (wrong(limits={"sessions": 0}), 78, "limits.sessions: 0 is out of range"),
        (wrong(auth={"publicKey": "gone.pem"}), 78, "auth.publicKey: there is no file 'gone.pem'"),
        (wrong(auth={"secret": "short"}), 78, "auth.secret: "),
        (wrong(plugins=["gone"]), 78, "plugins[0]: plugin 'gone': there is no gone.so"),
        (
            wrong(bind=[{"library": "libm.so.6", "functions": {"f": "nope()"}}]),
            78,
            "bind[0]: library 'libm.so.6': function 1: 'f'",
        ),
        (wrong(maxHttpBufferSize=100, limits={"pluginQueueBytes": 200}), 78, "limits.pluginQueueBytes: 200 bytes"),
        (cut_off, 78, "new.so): is cut off: it has 2000 bytes"),
        (conflicting, 78, "event 1: 'one' of '/' belongs to plugin 'one'"),
        (broken_create, 1, "create failed"),
    ],
    ids=[
        "syntax",
        "no file",
        "unknown key",
        "bad value",
        "no key file",
        "short secret",
        "no plugin",
        "no function",
        "two together",
        "no library",
        "conflict",
        "create",
    ],
)
def test_a_wrong_configuration_changes_nothing_and_says_why(serve, tmp_path, change, code, problem):
    one = build(tmp_path / "one.so", NAME="one", EVENT="one")
    two = build(tmp_path / "two.so", NAME="two", EVENT="two")
    daemon = serve(plugins=[{"path": one}, {"path": two, "config": {"a": 1}}])
    tab = daemon.person("alice").open_tab()
    text, before = daemon.file.read_text(), generations(daemon)
    # What is right in the new file is not put in force either.
    daemon.configure(log={"level": "debug"}, cors=False)
    change(daemon, tmp_path)
    if code == 78:
        checked = daemon.control("reload", "--check")
        assert checked[0] == 78 and problem in checked[2]
    result, output, errors = daemon.control("reload")
    assert (result, output) == (code, "") and problem in errors, errors
    assert errors.rstrip().endswith("nothing was changed" if code == 78 else "what was changed before was put back")
    if code == 78:
        assert generations(daemon) == before
    assert list(generations(daemon)) == ["one", "two"]
    assert nothing_changed(daemon, text)
    assert (tab.call("one"), tab.call("two")) == ("one", "two") and tab.connected and not tab.disconnects
    assert "DEBUG" not in daemon.log and daemon.logged("reload: ")
    assert daemon.get("/readyz").status_code == 200


def test_what_was_changed_before_a_plugin_that_fails_is_put_back(serve, services, tmp_path):
    gone = build(tmp_path / "gone.so", NAME="gone", EVENT="gone")
    daemon = serve(plugins=services("rooms") + [{"path": gone}])
    tab = daemon.person("alice").open_tab()
    room = tab.call("room:create", {"name": "x"})
    text = daemon.file.read_text()
    # One is removed, one changed, one added, and then one fails.
    plugins = services("rooms")
    plugins[0]["config"]["store"] = f"sqlite:{tmp_path}/other.db"
    plugins.append({"path": build(tmp_path / "added.so", NAME="added", EVENT="added")})
    plugins.append({"path": build(tmp_path / "bad.so", NAME="bad", EVENT="bad", CREATE_FAILS=1)})
    daemon.configure(plugins=plugins, cors=False)
    code, _, errors = daemon.control("reload")
    assert code == 1 and errors.startswith("Error: plugin 'bad' (")
    # Nothing more to say: all of it was put back.
    assert errors.count("\n") == 2 and errors.endswith("\nwhat was changed before was put back\n")
    assert (tmp_path / "other.db").exists()
    assert list(generations(daemon)) == ["rooms", "gone"]
    assert nothing_changed(daemon, text)
    assert tab.call("room:join", {"room": room["id"]})["id"] == room["id"] and tab.call("gone") == "gone"
    for event in ("added", "bad"):
        assert tab.call(event)["error"]["code"] == "unknown_event"
    assert tab.connected and not tab.disconnects and daemon.get("/readyz").status_code == 200


def test_a_daemon_without_a_file_has_nothing_to_read(serve, tmp_path):
    daemon = serve()
    # The same daemon with flags only.
    folder = tmp_path / "bare"
    folder.mkdir()
    command = [*daemon.server.process.args[:2], "--demo", "--host", "127.0.0.1", "--port", "0"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        lines = iter(process.stdout)
        assert any("listening on" in line for line in lines)
        done = subprocess.run(
            [daemon.server.process.args[0], "reload"], cwd=folder, capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 1
        assert "the daemon was started without a configuration file, so there is nothing to read again" in done.stderr
        process.send_signal(signal.SIGHUP)
        log = iter(process.stderr)
        assert any("reload: the daemon was started without a configuration file" in line for line in log)
        assert process.poll() is None
    finally:
        process.terminate()
        process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 0


def test_a_reload_while_plugins_are_loading_is_refused(serve, compiled):
    daemon = serve()
    daemon.stop()
    daemon.settings["plugins"] = [{"path": compiled("life/life.c"), "config": {"block": "create", "ms": 3_000}}]
    starting = threading.Thread(target=daemon.start)
    starting.start()
    until = time.monotonic() + PATIENCE
    while True:
        code, _, errors = daemon.control("reload")
        if "plugins are being loaded; try again" in errors:
            break
        assert code == 1 and "no daemon listens" in errors and time.monotonic() < until, errors
    starting.join()
    assert daemon.reload()["applied"] == []


# SIGHUP


def test_sighup_does_the_same_and_logs_it(serve, tmp_path):
    daemon = serve()
    tab = daemon.person("alice").open_tab()
    daemon.configure(cors=False, port=1, plugins=[{"path": build(tmp_path / "x.so", NAME="x", EVENT="x")}])
    os.kill(daemon.server.process.pid, signal.SIGHUP)
    daemon.logged("reload: needs a restart of the daemon: port: 0 -> 1")
    assert daemon.logged("reload: cors: true -> false") and daemon.logged("reload: plugin 'x' was loaded")
    assert tab.call("x") == "x"
    daemon.configure(prot=1)
    for number in (2, 3):
        os.kill(daemon.server.process.pid, signal.SIGHUP)
        # Each reload is logged, although its lines are the same as those of the one before.
        line = daemon.logged(f'reload: nothing was changed reason="configuration reload {number}"')
        assert "ERROR" in line
    assert daemon.log.count("prot: unknown key: did you mean 'port'?") == 2
    assert tab.connected and not tab.disconnects and tab.call("x") == "x"


def test_reloads_at_the_same_time_run_one_after_the_other(serve, tmp_path):
    libraries = [build(tmp_path / f"p{n}.so", NAME=f"p{n}", EVENT=f"p{n}") for n in range(3)]
    daemon = serve()
    tab = daemon.person("alice").open_tab()
    daemon.configure(plugins=[{"path": library} for library in libraries])
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(daemon.reload()["plugins"])) for _ in range(6)]
    for thread in threads:
        thread.start()
        os.kill(daemon.server.process.pid, signal.SIGHUP)
    for thread in threads:
        thread.join()
    assert len(answers) == 6 and sum(len(plugins) for plugins in answers) in (0, 3)
    assert list(generations(daemon)) == ["p0", "p1", "p2"]
    assert [tab.call(f"p{n}") for n in range(3)] == ["p0", "p1", "p2"]
    assert "ERROR" not in daemon.log


# watch: true


def test_a_watched_plugin_is_loaded_again_when_its_file_changes(serve, tmp_path):
    file, other = tmp_path / "w.so", tmp_path / "other.so"
    build(file, NAME="w", ANSWER="one", EVENT="e")
    daemon = serve(plugins=[{"path": str(file), "name": "w", "watch": True}])
    tab = daemon.person("alice").open_tab()

    def becomes(name):
        until = time.monotonic() + PATIENCE
        while (answer := tab.call("e")) != name:
            # The old version answers until the new one does.
            assert answer == names[-1] and time.monotonic() < until, f"{answer}\n{daemon.log}"
            time.sleep(0.02)
        names.append(name)

    names = ["one"]
    assert tab.call("e") == "one"
    # cp over the file.
    build(other, NAME="w", ANSWER="two", EVENT="e")
    subprocess.run(["cp", str(other), str(file)], check=True)
    becomes("two")
    # A broken build: the plugin stays, and the next change is tried again.
    file.write_text("no library")
    assert "is no ELF file" in daemon.logged("has changed, but is not in force; its next change is tried")
    file.write_bytes(other.read_bytes()[:3_000])
    daemon.logged("is cut off: it has 3000 bytes")
    assert tab.call("e") == "two"
    # mv over the file, as an installer does.
    build(other, NAME="w", ANSWER="three", EVENT="e")
    os.rename(other, file)
    becomes("three")
    # As a compiler does: removed, then written.
    file.unlink()
    assert tab.call("e") == "three"
    build(file, NAME="w", ANSWER="four", EVENT="e")
    becomes("four")
    assert generations(daemon).keys() == {"w"} and tab.connected and not tab.disconnects


def test_watching_begins_and_ends_with_a_reload(serve, tmp_path):
    file = tmp_path / "w.so"
    build(file, NAME="w", ANSWER="one", EVENT="e")
    daemon = serve(plugins=[{"path": str(file), "name": "w"}])
    tab = daemon.person("alice").open_tab()
    before = generations(daemon)
    daemon.configure(plugins=[{"path": str(file), "name": "w", "watch": True}])
    daemon.reload()
    # The plugin itself has not changed.
    assert generations(daemon) == before
    build(file, NAME="w", ANSWER="two", EVENT="e")
    daemon.logged("w.so has changed, and is in force")
    assert tab.call("e") == "two"
    # A plugin that an operator has unloaded stays unloaded.
    daemon.operate("plugin", "unload", "w")
    build(file, NAME="w", ANSWER="three", EVENT="e")
    daemon.logged("the plugin is unloaded, and stays so")
    daemon.operate("plugin", "load", "w")
    assert tab.call("e") == "three"
    daemon.configure(plugins=[{"path": str(file), "name": "w"}])
    daemon.reload()
    before = generations(daemon)
    build(file, NAME="w", ANSWER="four", EVENT="e")
    time.sleep(1)
    assert tab.call("e") == "three" and generations(daemon) == before


def test_a_watched_plugin_that_failed_at_the_start_is_loaded_when_it_is_mended(serve, tmp_path):
    file = tmp_path / "w.so"
    build(file, NAME="w", EVENT="e", CREATE_FAILS=1)
    daemon = serve(plugins=[{"path": str(file), "watch": True}])
    tab = daemon.person("alice").open_tab()
    assert daemon.get("/readyz").status_code == 503
    build(file, NAME="w", EVENT="e")
    daemon.logged("w.so has changed, and is in force")
    assert tab.call("e") == "w" and daemon.get("/readyz").status_code == 200
