"""Starting, refusing to start, and stopping."""

import json
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
import requests

from harness.daemon import Daemon
from harness.session import Session
from harness.tab import PATIENCE
from harness.tokens import SECRET
from harness.wireclient import deadline
from server import BINARY


def run(*arguments, folder=None, environment=None):
    """A command that ends by itself: (exit code, standard output, standard error)."""
    done = subprocess.run(
        [str(BINARY), *arguments], capture_output=True, text=True, timeout=PATIENCE, cwd=folder, env=environment
    )
    return done.returncode, done.stdout, done.stderr


def test_sigterm_ends_the_daemon_cleanly(serve, services):
    daemon = serve(plugins=services("notifications", "rooms"))
    tabs = [daemon.person("alice").open_tab(transports=way) for way in (["websocket"], ["polling"])]
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < PATIENCE
    for tab in tabs:
        tab.wait_until_disconnected()


def test_a_stopping_daemon_closes_the_transport_and_sends_no_disconnect(serve):
    # After a DISCONNECT packet a client would not reconnect.
    daemon = serve(auth=False)
    socket, polling = Session(daemon.port, "websocket"), Session(daemon.port, "polling")
    polls = []
    threads = [threading.Thread(target=lambda: polls.append(polling.way.get())), threading.Thread(target=daemon.stop)]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    assert "close" in socket.way.socket.next(deadline()) and "end" in socket.way.socket.next(deadline())
    for thread in threads:
        thread.join()
    assert polls == [(200, "1")]


def test_sigint_is_as_good(serve):
    daemon = serve()
    daemon.server.process.send_signal(signal.SIGINT)
    assert daemon.server.process.wait(PATIENCE) == 0


def test_work_that_was_accepted_is_finished_before_the_end(serve, compiled):
    daemon = serve(plugins=[{"path": compiled("slow/slow.c")}])
    tab = daemon.person("alice").open_tab()
    answers = []
    tab.client.emit("sleep", (500, "finished"), callback=lambda *arguments: answers.append(arguments))
    time.sleep(0.2)
    assert daemon.stop() == 0
    tab.wait_until_disconnected()
    assert answers == [(500, "finished")]


def test_a_second_daemon_on_the_same_port_fails_and_says_so(serve):
    daemon = serve()
    code, _, errors = run(
        "serve", "--host", "127.0.0.1", "--port", str(daemon.port), environment={"JWT_SECRET": SECRET}
    )
    assert code == 1
    assert str(daemon.port) in errors


@pytest.mark.parametrize(
    "arguments",
    [["serve", "--no-such-flag"], ["no-such-command"], ["token"], ["serve", "--port", "many"]],
    ids=" ".join,
)
def test_wrong_use_is_exit_code_2(arguments):
    code, _, errors = run(*arguments)
    assert code == 2
    assert "Usage:" in errors


@pytest.mark.parametrize("arguments", [[], ["serve"], ["token"]], ids=lambda a: " ".join(a) or "jackfield")
def test_every_command_has_help_with_examples(arguments):
    code, output, _ = run(*arguments, "--help")
    assert code == 0
    assert "EXAMPLES" in output


def test_bad_configuration_is_exit_code_78_with_every_problem_its_line_and_the_nearest_key(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text(
        "host: 127.0.0.1\nport: 70000\npingIntervall: 300\nauth:\n  secret: x\n  algorithms: [none]\ntransports: "
        "[carrier-pigeon]\n"
    )
    code, _, errors = run("serve", "--config", str(file))
    assert code == 78
    lines = errors.splitlines()

    def about(number, *words):
        assert any(f"bad.yaml:{number}:" in line and all(word in line for word in words) for line in lines), errors

    about(2, "port", "65535")
    about(3, "pingIntervall", "pingInterval")
    about(6, "algorithms", "signature")
    about(7, "transports", "carrier-pigeon")


@pytest.mark.parametrize(
    "text",
    ["host: [", "- just\n- a list\n", "port: 8080\nport: 8081\n", "\x00"],
    ids=["broken", "list", "twice", "nul"],
)
def test_a_file_that_is_no_mapping_in_yaml_is_78_too(tmp_path, text):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    code, _, errors = run("serve", "--config", str(file))
    assert code == 78
    assert "bad.yaml" in errors


def test_a_missing_file_and_a_missing_variable_are_78(tmp_path):
    assert run("serve", "--config", str(tmp_path / "nothing.yaml"))[0] == 78
    file = tmp_path / "variable.yaml"
    file.write_text("auth: { secret: '${NO_SUCH_VARIABLE_HERE}' }\n")
    code, _, errors = run("serve", "--config", str(file))
    assert code == 78
    assert "NO_SUCH_VARIABLE_HERE" in errors


def test_a_daemon_without_a_secret_does_not_start(tmp_path):
    code, _, errors = run("serve", "--port", "0", folder=tmp_path, environment={})
    assert code == 78
    assert "JWT_SECRET" in errors


def keys(**members):
    """A key set with one key; a member of None is left out."""
    point = {
        "kty": "EC",
        "crv": "P-256",
        "kid": "k",
        "x": "ZhFeY9M_iggtzUPKGQ2xz0HPctVYjJlAvnhW9AA1iUw",
        "y": "7XfM6TOIXQJ9_X6cRCWuh-lqRwxQuIN_0GyPTe83lzU",
    }
    return json.dumps({"keys": [{name: value for name, value in (point | members).items() if value is not None}]})


#: A modulus of 2,048 bits.
MODULUS = (
    "rQdf_vxKLA75Ez96rvhWTbng1-NQQwSff_WU-vnMhOrr42BTTXVY5AiFawZdtxv_pHHh16X85eYdZsn-khoXCKL_snMl9UNMT2Iwf3G-AKf_FaPL8vxeXRaGSBOvcfH0PDs8RtHo1Qd"
    "EjU1_IKZCg3y7wAMwecBZXtYc4KC7ZrE8HNh0ITG9S23IJ0u8epmwUbMMsiY-DXm5puJcORScY5LzRFkTIG42EojzUaRe2mMh-NPjV1QeIBY9BKuI4cwdA5rZDoSAKxUlSh9z2LJ4PXR7"
    "xvCOzoowI3-SkJW92fFpeu3-wMy8-t5_fEdzTcA3Ttkb52eki4SUmmBeg8vquQ"
)

PEM = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEZhFeY9M/iggtzUPKGQ2xz0HPctVY
jJlAvnhW9AA1iUztd8zpM4hdAn39fpxEJa6H6WpHDFC4g3/QbI9N7zeXNQ==
-----END PUBLIC KEY-----
"""

#: The key file, its setting and algorithm, and a word of the reason.
WEAK = {
    "a secret of one byte": ("x", "secretFile", "HS256", "32"),
    "a secret shorter than its digest": ("x" * 63, "secretFile", "HS512", "64"),
    "a public key as secret": (PEM, "secretFile", "HS256", "public key"),
    "an RSA exponent of 1": (keys(kty="RSA", n=MODULUS, e="AQ"), "jwks", "RS256", "exponent"),
    "an RSA key of 1,024 bits": (keys(kty="RSA", n=MODULUS[:171], e="AQAB"), "jwks", "RS256", "2048"),
    "an Ed25519 point of small order": (
        keys(kty="OKP", crv="Ed25519", x="AQ" + "A" * 41),
        "jwks",
        "EdDSA",
        "small order",
    ),
    "a key for encryption": (keys(use="enc"), "jwks", "ES256", "enc"),
    "a key whose operations are others": (keys(key_ops=["encrypt"]), "jwks", "ES256", "key_ops"),
    "a private key": (keys(d="AAAA"), "jwks", "ES256", "private"),
    "a symmetric key": (keys(kty="oct", k="AAAA"), "jwks", "ES256", "symmetric"),
}


@pytest.mark.parametrize("weak", WEAK)
def test_a_key_that_proves_nothing_is_refused_with_its_reason(tmp_path, weak):
    contents, setting, algorithm, word = WEAK[weak]
    key, file = tmp_path / "key", tmp_path / "weak.yaml"
    key.write_text(contents)
    file.write_text(f"port: 0\nauth:\n  algorithms: [{algorithm}]\n  {setting}: {key}\n")
    code, _, errors = run("serve", "--config", str(file))
    assert code == 78
    assert f"weak.yaml:4:3: auth.{setting}: " in errors and word in errors


def test_a_weak_secret_of_the_environment_is_refused_there(tmp_path):
    code, _, errors = run("serve", "--port", "0", folder=tmp_path, environment={"JWT_SECRET": "secret"})
    assert code == 78
    assert "environment: JWT_SECRET: " in errors and "openssl rand" in errors


def test_a_demo_that_others_can_reach_is_refused(tmp_path):
    code, output, errors = run("serve", "--demo", "--host", "0.0.0.0", "--port", "0", folder=tmp_path)
    assert code == 78
    assert "demo" in errors and "127.0.0.1" in errors and "eyJ" not in output


def test_check_validates_and_starts_nothing(tmp_path):
    file = tmp_path / "good.yaml"
    file.write_text(json.dumps({"auth": {"secret": SECRET}, "port": 0}))
    code, output, _ = run("serve", "--config", str(file), "--check")
    assert code == 0
    assert "pingInterval" in output and SECRET not in output


def test_check_finds_every_plugin_that_cannot_be_loaded(tmp_path, compiled):
    text, foreign = tmp_path / "text.so", tmp_path / "foreign.so"
    text.write_text("no library\n")
    machine = bytearray(Path(compiled("quiet/quiet.c")).read_bytes())
    machine[18] = 0xF3
    foreign.write_bytes(machine)
    #: The entry, and words of its error; None: no error.
    entries = [
        (compiled("quiet/quiet.c"), None),
        ("no-such-plugin", "no-such-plugin.so"),
        (str(tmp_path / "nothing.so"), "no such file"),
        (str(text), "no ELF file"),
        (str(foreign), "another machine"),
        (compiled("broken/no_main.c"), "jf_plugin_main"),
        (compiled("broken/other_abi.c"), "JF_ABI"),
        (compiled("golden/golden.c"), None),
        # It fails only in create, which --check does not call.
        (compiled("broken/create_fails.c"), None),
        (compiled("slow/slow.c"), None),
    ]
    file = tmp_path / "plugins.yaml"
    file.write_text(
        json.dumps({"auth": {"secret": SECRET}, "port": 0, "plugins": [{"path": path} for path, _ in entries]})
    )
    code, output, errors = run("serve", "--config", str(file), "--check", folder=tmp_path)
    assert code == 78 and output == ""
    lines = [line for line in errors.splitlines() if line.startswith("plugins[")]
    assert [line.split(":")[0] for line in lines] == [
        f"plugins[{index}]" for index, (_, words) in enumerate(entries) if words
    ]
    for line, (_, words) in zip(lines, [entry for entry in entries if entry[1]], strict=True):
        assert words in line
    file.write_text(
        json.dumps({"auth": {"secret": SECRET}, "plugins": [{"path": path} for path, words in entries if not words]})
    )
    code, output, errors = run("serve", "--config", str(file), "--check", folder=tmp_path)
    assert code == 0 and "quiet" in output and errors == ""
    assert not (tmp_path / "data").exists()


def test_check_finds_two_plugins_that_want_the_same(tmp_path, compiled):
    file = tmp_path / "twice.yaml"
    file.write_text(
        json.dumps(
            {
                "auth": {"secret": SECRET},
                "plugins": [{"path": compiled("golden/golden.c"), "name": name} for name in ("one", "two")],
            }
        )
    )
    code, _, errors = run("serve", "--config", str(file), "--check", folder=tmp_path)
    assert code == 78
    assert "plugins[1]: plugin 'two'" in errors and "belongs to plugin 'one'" in errors


def test_one_library_runs_under_two_names(serve, compiled):
    library = compiled("quiet/quiet.c")
    daemon = serve(plugins=[{"path": library, "name": "east"}, {"path": library, "name": "west"}, {"path": library}])
    running = set(
        re.findall(
            r'jackfield_plugin_up\{plugin="(.+?)"\} 1', requests.get(daemon.address + "/metrics", timeout=PATIENCE).text
        )
    )
    assert running == {"east", "west", "quiet"}


def test_the_same_plugin_twice_on_the_command_line_is_an_error(tmp_path):
    code, _, errors = run(
        "serve",
        "--port",
        "0",
        "--plugin",
        "rooms={a: 1}",
        "--plugin",
        "rooms={a: 2}",
        folder=tmp_path,
        environment={"JWT_SECRET": SECRET},
    )
    assert code == 78
    assert "--plugin rooms" in errors and "twice" in errors


def test_a_token_of_the_command_line_is_accepted_by_the_daemon(serve):
    daemon = serve()
    code, output, _ = run(
        "token",
        "--user",
        "alice",
        "--config",
        str(daemon.folder / "jackfield.yaml"),
        "--ttl",
        "1h",
        "--claim",
        "scope=notifications:write",
    )
    assert code == 0
    assert daemon.tab(output.strip()).connected


def test_a_port_on_the_command_line_wins_over_the_file_and_the_file_over_the_environment(tmp_path):
    file = tmp_path / "port.yaml"
    file.write_text(json.dumps({"auth": {"secret": SECRET}, "port": 7001}))
    environment = {"PORT": "7000"}
    assert "port: 7001" in run("serve", "--config", str(file), "--check", environment=environment)[1]
    assert "port: 7002" in run("serve", "--config", str(file), "--port", "7002", "--check", environment=environment)[1]


def test_the_demo_prints_a_page_two_tokens_and_a_curl_line_that_works(serve, tmp_path):
    daemon = Daemon(tmp_path)
    daemon.settings.pop("auth")
    daemon.start("--demo", "--plugin", "notifications", "--plugin", "rooms")
    try:
        found = daemon.server.wait_for_output(r"(http://\S+/#alice=(\S+)&bob=(\S+))", PATIENCE)
        curl = daemon.server.wait_for_output(r"(curl .*)", PATIENCE)[1]
        assert daemon.tab(found[2]).connected
        bob = daemon.tab(found[3])
        row = json.loads(subprocess.run(curl, shell=True, capture_output=True, text=True, timeout=PATIENCE).stdout)
        assert row["delivered"] is True and bob.expect("notification:new")["id"] == row["id"]
        page = requests.get(found[1], timeout=PATIENCE)
        assert page.ok and page.headers["content-type"].startswith("text/html")
        assert (daemon.folder / "data").is_dir()
        made = [daemon.folder / "data", *(daemon.folder / "data").iterdir()]
        assert {"jwt.key", "notifications.db", "notifications.db-wal", "rooms.db"} <= {path.name for path in made}
        assert {path.name: oct(path.stat().st_mode & 0o077) for path in made} == {path.name: "0o0" for path in made}, (
            "others may read"
        )
    finally:
        daemon.close()


def test_a_demo_without_notifications_shows_no_curl_line_that_fails(tmp_path):
    daemon = Daemon(tmp_path)
    daemon.settings.pop("auth")
    daemon.start("--demo", "--plugin", "rooms")
    try:
        output = daemon.server.wait_for_output(r"(?s).*Ctrl-C", PATIENCE)[0]
        assert "curl" not in output and "--plugin notifications" in output
    finally:
        daemon.close()
