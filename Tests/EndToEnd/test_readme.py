"""What the README shows is what there is."""

import re
import subprocess
from pathlib import Path

import pytest

from server import BINARY, compile_plugin

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text()


def block(language):
    return re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)[1]


def test_the_plugin_in_c_does_what_it_seems_to(serve, tmp_path):
    source = tmp_path / "shown.c"
    source.write_text(block("c"))
    daemon = serve(auth=False, plugins=[{"path": str(compile_plugin(source, tmp_path)), "required": True}])
    assert daemon.tab(None).call("hello") == "hello, stranger"


@pytest.mark.parametrize(
    "language, sample", [("c", "samples/hello-c/hello.c"), ("swift", "samples/hello-swift/Sources/Greeter.swift")]
)
def test_the_code_is_that_of_the_sample(language, sample):
    # A sample begins with a comment of its own.
    assert block(language).strip() in (ROOT / sample).read_text()


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_command_exists():
    rules = "\n".join(file.read_text() for file in (ROOT / "Makefile", *ROOT.glob("*/*.mk")))
    commands = set(re.findall(r"(?:`|^    )make ([a-z-]+)", README, re.MULTILINE))
    assert {"run", "test"} <= commands
    for command in commands:
        assert re.search(rf"^{command}:", rules, re.MULTILINE), command


def test_the_number_of_recorded_sessions_is_right():
    assert f"{len(list((ROOT / 'Tests/Golden/sessions').glob('*.json')))}\n  recorded sessions" in README


def test_what_it_says_of_the_swift_runtime_is_so():
    """The count and the size are of one version of Swift: within a tenth."""
    libraries = re.findall(
        r"=> (\S*/swift/linux/\S+)", subprocess.run(["ldd", BINARY], capture_output=True, text=True, check=True).stdout
    )
    count, size = map(int, re.search(r"Swift's runtime: (\d+) libraries, (\d+) MB", README).groups())
    assert len(libraries) == count
    assert abs(sum(Path(library).stat().st_size for library in libraries) / 1e6 - size) < size / 10
