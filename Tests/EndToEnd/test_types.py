"""`jackfield types` and `GET /v1/contracts`: files and a running daemon give the same events, and with their types a
compiler accepts right calls and refuses wrong ones."""

import json
import re
import shutil
import socket
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.tokens import token
from server import BINARY, compile_plugin

TYPES = Path(__file__).resolve().parent.parent / "Fixtures/types"

#: Seconds for a compiler or a command.
PATIENCE = 120

#: What precedes a line of TypeScript that must not compile.
DIRECTIVE = re.compile(r"^ *// @ts-expect-error .*\n", re.MULTILINE)


def types(*arguments, code=0):
    """What `jackfield types` prints; with another exit code, its errors."""
    command = [str(BINARY), "types", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == code, done.stderr
    if code:
        assert done.stdout == ""
        return done.stderr
    assert done.stderr == ""
    return done.stdout


def own_events():
    """The contracts of the host itself."""
    statuses = "{user: string, online: bool, connections: u32, last_seen: string?}[]"
    return {
        ("client", "auth:refresh"): "(token: string) -> {ok: bool, expires_at: string?}",
        ("client", "presence:watch"): f"(users: string[]) -> {statuses}",
        ("client", "presence:unwatch"): "(users: string[]?) -> {ok: bool}",
        ("server", "auth:expiring"): "(notice: {expires_at: string})",
        ("server", "presence:online"): "(change: {user: string, at: string})",
        ("server", "presence:offline"): "(change: {user: string, at: string})",
    }


@pytest.fixture
def typed(compiled):
    """A plugin with a signature of every type."""
    return compiled("types/typed.c")


# The events.


def test_files_a_configuration_and_a_running_daemon_give_the_same_text(serve, services, typed, tmp_path):
    daemon = serve(plugins=[*services("notifications", "rooms"), {"path": typed}])
    asked = ["--url", daemon.address, "--token", token("alice")]
    for language in ("typescript", "swift"):
        named = types("--lang", language, "notifications", "rooms", typed)
        assert types("--lang", language, *asked) == named
        assert types("--lang", language, "--config", daemon.folder / "jackfield.yaml") == named
        assert types("--lang", language, "--config", daemon.folder / "jackfield.yaml", "rooms") == named
        written = tmp_path / f"types.{language}"
        written.write_text("earlier and longer" * 10_000)
        assert types("--lang", language, "--output", written, "rooms", typed, "rooms", "notifications") == ""
        assert written.read_text() == named
    for event in ("notification:list", "room:create", "scalars", "presence:watch", "auth:expiring"):
        assert f'"{event}": ' in types(*asked)


def test_bound_c_functions_of_a_configuration_are_among_the_types(serve):
    functions = {"math:cos": "cos(x: f64) -> f64"}
    daemon = serve(bind=[{"library": "libm.so.6", "functions": functions}])
    found = types("--url", daemon.address, "--token", token("alice"))
    assert found == types("--config", daemon.folder / "jackfield.yaml")
    assert '"math:cos": (x: number, ack: (answer: number | JackfieldError) => void) => void;' in found


def test_the_contracts_are_those_in_force(serve, typed):
    daemon = serve(plugins=[{"path": typed, "name": "renamed"}, {"path": "no-such-plugin"}])
    events = daemon.person("alice").get("/v1/contracts").json()["events"]
    assert {(e["from"], e["name"]): e["signature"] for e in events if e["plugin"] is None} == own_events()
    assert {e["namespace"] for e in events if e["plugin"] is None} == {None}
    declared = {(e["namespace"], e["name"]): e for e in events if e["plugin"] == "renamed"}
    assert len(events) == len(own_events()) + len(declared) and len(declared) == 13
    assert declared["/chat", "said"]["from"] == "server" and declared["/", "untyped"]["signature"] is None
    assert declared["/", "add"]["signature"] == "add(a: f64, b: f64) -> f64"


def test_the_contracts_need_a_valid_token(serve):
    daemon = serve()
    assert daemon.get("/v1/contracts").status_code == 401
    headers = {"Authorization": f"Bearer {token('alice', secret='another secret of thirty-two bytes')}"}
    assert daemon.get("/v1/contracts", headers=headers).status_code == 401
    assert serve(auth=False).get("/v1/contracts").status_code == 200


def test_the_signatures_of_the_hosts_own_events_are_true(daemon):
    alice, bob = daemon.person("alice").open_tab(), daemon.person("bob").open_tab()
    [status] = alice.call("presence:watch", ["bob"])
    assert {key: type(value) for key, value in status.items()} == {
        "user": str, "online": bool, "connections": int, "last_seen": type(None),
    }  # fmt: skip
    bob.close()
    change = alice.expect("presence:offline")
    assert {key: type(value) for key, value in change.items()} == {"user": str, "at": str}
    [status] = alice.call("presence:watch", ["bob"])
    assert type(status["last_seen"]) is str
    # A list, null and no argument are all that the type allows.
    for arguments in ([["bob"]], [None], []):
        assert alice.call("presence:unwatch", *arguments) == {"ok": True}
    answer = alice.call("auth:refresh", token("alice"))
    assert answer["ok"] is True and type(answer["expires_at"]) is str and len(answer) == 2


# Errors.


def test_a_daemon_that_refuses_the_token_says_why(serve):
    daemon = serve()
    message = types("--url", daemon.address, code=1)
    assert f"{daemon.address} accepts no request without a valid token: no token: send it as" in message
    assert "jackfield token --user NAME" in message
    message = types("--url", daemon.address, "--token", token(secret="s" * 32), code=1)
    assert "without a valid token: " in message and "no token" not in message


@contextmanager
def answering(answer):
    """A server that reads a request and sends these bytes; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                while b"\r\n\r\n" not in connection.recv(65_536):
                    pass
                connection.sendall(answer)

        server = threading.Thread(target=serve)
        server.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.join(PATIENCE)


def response(body, status="200 OK", length=None):
    return f"HTTP/1.1 {status}\r\nContent-Length: {length or len(body)}\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    "answer, message",
    [
        (b"", "does not answer in HTTP"),
        (b"220 mail.example ESMTP\r\n\r\n", "does not answer in HTTP"),
        (response("{}"), "is not understood: it has no list of events"),
        (response("<html>"), "is not understood: it is no JSON"),
        (
            response('{"events":[{"name":"a","from":"client","signature":"(a: i128)"}]}'),
            "events[0].signature: column 5",
        ),
        (response('{"events":[]}', length=99), "was cut off after 13 of 99 bytes"),
        (response("", "404 Not Found"), "is no Jackfield with contracts: it answers GET /v1/contracts with status 404"),
        (response('{"detail":"a\\u001bb"}', "503 Service Unavailable"), "cannot answer now: a b; try again later"),
    ],
    ids=["nothing", "mail", "other JSON", "page", "later signature", "cut off", "404", "503"],
)
def test_what_is_no_daemon_is_reported(answer, message):
    with answering(answer) as address:
        found = types("--url", address, code=1)
    assert message in found and address in found


def test_a_list_without_a_length_is_read_to_its_end():
    events = [{"name": f"event{number}", "from": "client", "signature": "()"} for number in range(5_000)]
    body = json.dumps({"events": events}).encode()
    with answering(b"HTTP/1.0 200 OK\r\n\r\n" + body) as address:
        assert types("--url", address).count(": () => void;") == 5_000


def test_output_of_a_plugin_while_it_is_opened_is_not_among_the_types(tmp_path):
    source = tmp_path / "talks.c"
    source.write_text(
        """
        #include <stdio.h>
        #include <jackfield/jackfield.h>
        int32_t jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {
            (void)boot;
            puts("noise");
            jf_describe(plugin, "talks", "1.0.0");
            return JF_OK;
        }
        """
    )
    command = [str(BINARY), "types", str(compile_plugin(source, tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0 and "noise" not in done.stdout and done.stderr == "noise\n"


def test_one_event_with_two_signatures_is_an_error_of_types_and_a_warning_of_serve(tmp_path):
    paths = []
    for name, signature in (("east", "(id: i64)"), ("west", "(id: string)")):
        source = tmp_path / f"{name}.c"
        source.write_text(
            f"""
            #include <jackfield/jackfield.h>
            static const jf_emit_decl emits[] = {{ JF_EMIT("news", "{signature}") }};
            int32_t jf_plugin_main(const jf_boot *boot, jf_plugin *plugin) {{
                (void)boot;
                jf_describe(plugin, "{name}", "1.0.0");
                JF_SET_LIST(plugin->emits, emits);
                return JF_OK;
            }}
            """
        )
        paths.append(str(compile_plugin(source, tmp_path)))
    conflict = (
        "event 'news' of '/' has two signatures: plugin 'east' emits '(id: i64)', plugin 'west' emits '(id: string)'"
    )
    assert conflict in types(*paths, code=1)
    command = [str(BINARY), "serve", "--check", "--demo", *(f"--plugin={path}" for path in paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert conflict in done.stdout + done.stderr


# TypeScript.


def test_the_client_of_the_readme_compiles_and_its_wrong_call_does_not(tmp_path):
    readme = (TYPES.parents[2] / "README.md").read_text()
    client = re.search(r"```typescript\n(.*?)```", readme, re.DOTALL)[1]
    assert "jackfield types --output events.ts notifications rooms" in readme
    client = client.replace('"socket.io-client"', '"./socket"')
    wrong = [number for number, line in enumerate(client.splitlines(), 1) if "does not compile" in line]
    lines, errors = compile_typescript(tmp_path, client, types("notifications", "rooms"))
    assert lines == wrong and len(wrong) == 1, errors


def compiler(name):
    path = shutil.which(name)
    assert path, f"{name} is missing: scripts/install-packages scripts/packages-test.txt, and the Swift toolchain"
    return path


def compile_typescript(folder, client, events):
    """Compiles a client beside the types of its events. Returns the numbers of lines with errors, and the errors."""
    folder.mkdir(exist_ok=True)
    (folder / "client.ts").write_text(client)
    (folder / "events.ts").write_text(events)
    shutil.copy(TYPES / "socket.d.ts", folder)
    options = {"strict": True, "noEmit": True, "target": "es2020", "module": "commonjs", "types": []}
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["client.ts"]}))
    command = [compiler("tsc"), "--pretty", "false", "--project", str(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    errors = re.findall(r"^(\S+)\((\d+),\d+\): error (.*)$", done.stdout, re.MULTILINE)
    assert (done.returncode == 0) == (errors == []), done.stdout + done.stderr
    assert all(file == "client.ts" for file, _, _ in errors), done.stdout
    return [int(line) for _, line, _ in errors], done.stdout


@pytest.fixture(scope="module")
def client():
    return (TYPES / "client.ts").read_text()


def test_right_calls_compile_and_wrong_ones_do_not(typed, client, tmp_path):
    # A directive above a call that compiles is an error, too.
    lines, errors = compile_typescript(tmp_path, client, types(typed))
    assert lines == [], errors


def test_each_wrong_call_is_refused_and_nothing_else(typed, client, tmp_path):
    """The same without directives, which could hide that a call is refused for two reasons or not at all."""
    wrong, removed = [], 0
    for number, line in enumerate(client.splitlines(), 1):
        if DIRECTIVE.match(line + "\n"):
            removed += 1
            wrong.append(number + 1 - removed)
    assert len(wrong) > 40
    lines, errors = compile_typescript(tmp_path, DIRECTIVE.sub("", client), types(typed))
    assert lines == wrong, errors


def test_the_check_fails_for_other_types(typed, client, tmp_path):
    """Negative controls: one changed signature is noticed, and without signatures nearly nothing is refused."""
    events = types(typed)
    changed = events.replace('"add": (a: number, ', '"add": (a: string, ')
    assert changed != events
    assert compile_typescript(tmp_path / "changed", client, changed)[0] != []
    anything = re.sub(r'^(  ".*?": )\(.*\) => void;$', r"\1(...args: any[]) => void;", events, flags=re.MULTILINE)
    lines, errors = compile_typescript(tmp_path / "anything", client, anything)
    assert len(lines) > 30 and "TS2578" in errors, errors
    right = 'socket.emit("nudge");'
    assert client.count(f"\n{right}") == 1
    refused = client.replace(right, f"// @ts-expect-error it is right\n{right}")
    assert "TS2578" in compile_typescript(tmp_path / "right", refused, events)[1]


def test_the_types_of_the_first_party_plugins_compile(services, tmp_path):
    client = """
        import { ClientToServerEvents, ServerToClientEvents } from "./events";
        import { Socket } from "./socket";
        declare const socket: Socket<ServerToClientEvents, ClientToServerEvents>;
        socket.emit("notification:list", {}, () => {});
        socket.emit("room:join", { room: "general" }, () => {});
        // @ts-expect-error no event has this name
        socket.emit("room:jion", { room: "general" }, () => {});
    """
    lines, errors = compile_typescript(tmp_path, client, types("notifications", "rooms"))
    assert lines == [], errors


# Swift.

SWIFT_CLIENT = """
func use(_ place: [String: Any]) throws {
    let scalars = ClientToServerEvents.ScalarsEvent(
        flag: true, small: -1, large: 2, count: 3, size: 4, ratio: 0.5, exact: 0.25)
    let arguments: [Any] = scalars.arguments
    let sum: Double = try ClientToServerEvents.AddEvent.result(arguments)
    let note = ClientToServerEvents.NoteEvent(text: "a")
    let changed = ServerToClientEvents.ChangedEvent([place, "alice"])
    let heading: String? = changed?.place.note
    let said: UInt64? = ChatServerToClientEvents.SaidEvent([place])?.message.id
    print(ClientToServerEvents.AddEvent.name, sum, note.arguments, heading ?? "", said ?? 0)
}
"""

#: Replacements in SWIFT_CLIENT, each of which must be refused.
SWIFT_ERRORS = [
    ("ScalarsEvent", "ScalarEvent"),
    ("small: -1", 'small: "-1"'),
    ("flag: true, ", ""),
    ("let sum: Double", "let sum: String"),
    ("ServerToClientEvents.ChangedEvent", "ClientToServerEvents.ChangedEvent"),
    ("place.note", "place.name"),
    ("UInt64?", "String?"),
]


def typecheck_swift(folder, client, events):
    (folder / "Events.swift").write_text(events)
    (folder / "Client.swift").write_text(client)
    command = [compiler("swiftc"), "-typecheck", "-swift-version", "6", "Events.swift", "Client.swift"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)


def test_the_types_in_swift_accept_right_calls_and_refuse_wrong_ones(typed, tmp_path):
    events = types("--lang", "swift", typed)
    done = typecheck_swift(tmp_path, SWIFT_CLIENT, events)
    assert done.returncode == 0 and "warning" not in done.stderr, done.stderr
    for right, wrong in SWIFT_ERRORS:
        assert SWIFT_CLIENT.count(right) == 1, right
        done = typecheck_swift(tmp_path, SWIFT_CLIENT.replace(right, wrong), events)
        assert done.returncode != 0 and "Client.swift" in done.stderr, wrong


def test_the_types_of_the_first_party_plugins_in_swift_compile(tmp_path):
    done = typecheck_swift(tmp_path, "", types("--lang", "swift", "notifications", "rooms"))
    assert done.returncode == 0, done.stderr
