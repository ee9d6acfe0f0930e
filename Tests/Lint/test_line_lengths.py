"""No line has more than 120 columns. Neither swift-format nor clang-format breaks comments, so neither of them checks
this.

A line may be longer if only the text of a string literal makes it longer. ruff checks the lines of Python.
"""

import pytest

import lint

COLUMNS = 120
FOLDERS = ("include", "Sources", "plugins", "samples", "Tests", "Benchmarks", "Fuzz")


def too_long(source):
    """The numbers of the lines that are too long."""
    shown = lint.blank(source, keep_comments=True).split("\n")
    return [number for number, line in enumerate(shown, 1) if len(line) > COLUMNS]


def files():
    found = [lint.ROOT / "Package.swift"]
    for folder in FOLDERS:
        found += [path for path in sorted((lint.ROOT / folder).rglob("*")) if path.suffix in {".swift", ".c", ".h"}]
    return [path for path in found if ".build" not in path.parts]


def test_no_line_is_too_long():
    lines = [f"{path.relative_to(lint.ROOT)}:{n}" for path in files() for n in too_long(path.read_text())]
    assert lines == [], "\n".join(lines)


@pytest.mark.parametrize(
    "line",
    [
        "// " + "a" * 118,
        "/* " + "a" * 118 + " */",
        "let " + "a" * 110 + " = 1 + 1",
        'let text = "short" // ' + "a" * 110,
    ],
)
def test_a_long_line_is_found(line):
    assert too_long("\n" + line) == [2]


@pytest.mark.parametrize(
    "line", ["// " + "a" * 117, 'let text = "' + "a" * 200 + '"', 'let text = """\n    ' + "a" * 200 + '\n    """']
)
def test_a_literal_may_be_long(line):
    assert too_long(line) == []
