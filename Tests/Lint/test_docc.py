"""Every symbol that the pages of the Swift SDK name exists. docc checks this, too, but is not part of `make test`."""

import re

import lint

SDK = lint.ROOT / "Sources/JackfieldPlugin"
DECLARED = re.compile(r"\b(?:actor|class|enum|protocol|struct|typealias|func|var|let|case)\s+(\w+)")


def test_every_symbol_of_the_documentation_exists():
    declared = {"JackfieldPlugin", "init"}
    for file in SDK.rglob("*.swift"):
        declared |= set(DECLARED.findall(file.read_text()))
    named = set()
    for page in (SDK / "JackfieldPlugin.docc").glob("*.md"):
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        for symbol in re.findall(r"``([^`]+)``", text):
            named |= set(re.findall(r"\w+", re.sub(r"\(.*?\)", "", symbol)))
    assert len(named) > 20
    assert named <= declared, named - declared
