"""The README's code works as shown, and its links, commands and numbers are right."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from harness.chromium import Browser
from harness.official import Origin, client_script
from harness.tokens import token
from server import BINARY, compile_plugin

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text()
DOWNLOADS = ROOT / ".venv/downloads"


def block(language):
    return re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)[1]


def test_the_plugin_in_c_answers_hello(serve, tmp_path):
    source = tmp_path / "shown.c"
    source.write_text(block("c"))
    daemon = serve(auth=False, plugins=[{"path": str(compile_plugin(source, tmp_path)), "required": True}])
    assert daemon.tab(None).call("hello") == "hello, stranger"


@pytest.mark.parametrize(
    "language, sample", [("c", "samples/hello-c/hello.c"), ("swift", "samples/hello-swift/Sources/Greeter.swift")]
)
def test_the_code_is_that_of_the_sample(language, sample):
    # The sample also has a comment at its beginning.
    assert block(language).strip() in (ROOT / sample).read_text()


@pytest.fixture
def page():
    """An empty page of another origin than the daemon's, with the official client in it."""
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    origin = Origin(client_script(DOWNLOADS))
    with Browser() as browser:
        page = browser.open(origin.address)
        page.origin = origin.address
        yield page
    origin.close()


def test_the_client_in_javascript_prints_what_the_readme_says(page, serve, services):
    daemon = serve(plugins=services("notifications", "rooms"), cors={"origin": [page.origin]})
    script = block("js")
    for shown, used in [
        ('import { io } from "socket.io-client";\n', ""),
        ("http://localhost:8080", daemon.address),
        ('"…"', f'"{token("bob")}"'),
    ]:
        assert script.count(shown) == 1, shown
        script = script.replace(shown, used)
    page.do("window.printed = []; console.log = (...texts) => printed.push(texts.join(' '))")
    page.do(script)
    page.wait("printed.includes('bob says hello')")
    row = {"user_id": "bob", "type": "greeting", "title": "Hello from curl"}
    assert daemon.person("ops", scope="notifications:write").post("/v1/notifications", row).status_code == 201
    page.wait("printed.includes('notification: Hello from curl')")
    assert page.run("printed.length") == 2
    assert page.errors == []
    page.close()


def test_three_lines_of_yaml_turn_libm_into_an_api(serve):
    library, functions = re.fullmatch(r"bind:\n  - library: (\S+)\n    functions: ({.*})\n", block("yaml")).groups()
    daemon = serve(bind=[{"library": library, "functions": json.loads(functions)}])
    command, address = re.search(r"    curl (.*) http://localhost:8080(/v1/call\S*)\n", README).groups()
    arguments = shlex.split(command.replace("TOKEN", token("alice")))
    done = subprocess.run(
        ["curl", "-s", *arguments, daemon.address + address], capture_output=True, text=True, check=True
    )
    assert f"It prints `{done.stdout}`." in README
    tab = daemon.person("alice").open_tab()
    shown = re.findall(r'emitWithAck\("(.*?)", (.*?)\); +// (.*)', block("ts"))
    assert len(shown) == 3
    for event, args, ack in shown:
        ack = re.sub(r"(\w+): ", r'"\1": ', ack) if ack.startswith("{") else ack
        assert tab.call(event, *json.loads(f"[{args}]")) == json.loads(ack)


def test_every_sample_is_built_and_loaded_as_shown(serve, tmp_path):
    rows = dict(re.findall(r"^\| \[`([a-z-]+)`\].*?\| `(cc [^`]+)` \|", README, re.MULTILINE))
    assert set(rows) == {folder.name for folder in (ROOT / "samples").glob("*-c")}
    plugins = []
    for name, command in rows.items():
        words = shlex.split(command)
        library = words[words.index("-o") + 1]
        words[words.index("-o") + 1] = str(tmp_path / library)
        subprocess.run(words, cwd=ROOT, check=True)
        if name != "meeting-c":
            plugins.append({"path": str(tmp_path / library), "required": True})
    assert f"serving with {len(plugins)} of {len(plugins)} plugins" in serve(plugins=plugins).log
    assert serve(plugins=[{"path": "hello-swift", "required": True}]).get("/readyz").status_code == 200


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_link_within_the_readme_names_a_heading():
    headings = re.findall(r"^#+ (.*)", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(#([^)]+)\)", README)
    assert links
    assert set(links) <= anchors


def test_every_command_exists():
    rules = "\n".join(file.read_text() for file in (ROOT / "Makefile", *ROOT.glob("*/*.mk")))
    commands = set(re.findall(r"(?:`|^    )make ([a-z-]+)", README, re.MULTILINE))
    assert {"run", "test"} <= commands
    for command in commands:
        assert re.search(rf"^{command}:", rules, re.MULTILINE), command


def test_the_number_of_recorded_sessions_is_right():
    assert f"{len(list((ROOT / 'Tests/Golden/sessions').glob('*.json')))}\nrecorded sessions" in README


def test_the_size_of_the_swift_runtime_is_right():
    """Another version of Swift may have another size: it may differ by a tenth."""
    libraries = re.findall(
        r"=> (\S*/swift/linux/\S+)", subprocess.run(["ldd", BINARY], capture_output=True, text=True, check=True).stdout
    )
    count, size = map(int, re.search(r"Swift's runtime: (\d+) libraries, (\d+) MB", README).groups())
    assert len(libraries) == count
    assert abs(sum(Path(library).stat().st_size for library in libraries) / 1e6 - size) < size / 10
