"""docs/architecture.md names files, functions, types and keys that exist, counts its walks right, and shows the modules
of Package.swift and the current picture. docs/README.md links to every page."""

import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGE = DOCS / "architecture.md"

#: What begins so is a path from the root of the repository.
PATH = re.compile(
    r"`((?:Sources|Tests|Fuzz|Benchmarks|plugins|samples|include|docs|scripts)/[\w./+-]+|[A-Z]+\.md|Package\.swift)`"
)
#: `name()`, `Type.init()`.
FUNCTION = re.compile(r"`((?:\w+\.)?\w+)\(\)`")
#: `TypeName`; constants of the header are not.
TYPE = re.compile(r"`([A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*)`")


def module():
    """docs/architecture.py."""
    spec = importlib.util.spec_from_file_location("architecture", DOCS / "architecture.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


architecture = module()


def parts():
    """The rows of tables, the items of lists and the paragraphs of the page, each with the number of its first line."""
    found = []
    for number, line in enumerate(PAGE.read_text().splitlines(), 1):
        is_item = re.match(r"[|#]|- |\d+\. ", line)
        if not found or not line or is_item or found[-1][1] == "" or found[-1][1].startswith(("|", "#")):
            found.append((number, line))
        else:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
    return found


@cache
def source(path):
    return (ROOT / path).read_text(errors="replace")


@cache
def everything():
    """All sources of the host, the SDK and the plugins."""
    files = [path for folder in ("Sources", "plugins", "include") for path in (ROOT / folder).rglob("*")]
    return "\n".join(path.read_text(errors="replace") for path in files if path.suffix in (".swift", ".h", ".c"))


def declares(text, name):
    """Whether a source declares a function: Swift's or C's, an initializer, or a slot of a table of the header."""
    kind, _, last = name.rpartition(".")
    if last == "init":
        is_there = re.search(rf"\b(?:class|struct|enum|extension|actor)\s+{kind}\b", text)
        return is_there and re.search(r"\binit[?!]?\s*[<(]", text)
    return re.search(rf"\bfunc\s+{name}\b|\b{name}:\s*\{{|^[\w*\s]*\b{name}\s*\([^;]*\)\s*\{{", text, re.MULTILINE)


def missing_functions(part):
    """The functions of a part that none of its files declares; if it names no source, that nothing declares."""
    files = [path for path in PATH.findall(part) if Path(path).suffix in (".swift", ".c", ".py", ".h")]
    text = "\n".join(source(path) for path in files if (ROOT / path).is_file()) if files else everything()
    return [name for name in FUNCTION.findall(part) if not declares(text, name)]


def test_every_file_it_names_exists():
    missing = [(number, path) for number, part in parts() for path in PATH.findall(part) if not (ROOT / path).exists()]
    assert missing == []


def test_every_function_it_names_is_declared_in_a_file_named_beside_it():
    missing = [(number, name) for number, part in parts() for name in missing_functions(part)]
    assert missing == []


def test_every_type_it_names_exists_and_so_does_every_type_in_the_picture():
    words = set(re.findall(r"\w+", everything())) | set(re.findall(r"\w+", source("Package.swift")))
    drawn = re.findall(r"\b[A-Z][a-z]+(?:[A-Z]\w*)+\b", architecture.SOURCE.read_text())
    assert [name for name in drawn if name not in words] == []
    missing = [(number, name) for number, part in parts() for name in TYPE.findall(part) if name not in words]
    assert missing == []


def walks():
    tables = [rows for _, rows in architecture.tables(PAGE.read_text())]
    return [rows for rows in tables if {"functions", "file"} <= rows[0].keys()]


def test_there_are_the_walks():
    assert len(walks()) == 4


@pytest.mark.parametrize("rows", walks(), ids=["event", "connection", "CONNECT", "push"])
def test_a_row_of_a_walk_names_functions_that_their_files_declare(rows):
    wrong = [row for row in rows if len(PATH.findall(row["file"])) != 1 or not FUNCTION.findall(row["functions"])]
    assert wrong == []
    pairs = [pair for row in rows for part in architecture.named(row) for pair in part]
    assert [(path, name) for path, name in pairs if not declares(source(path), name)] == []


def test_a_walk_has_as_many_functions_and_files_as_it_says():
    assert PAGE.read_text() == architecture.with_counts(PAGE.read_text()), "run docs/architecture.py"


def targets():
    """The targets of Package.swift: name to (targets, products) that it depends on."""
    text = re.sub(r"//.*", "", source("Package.swift"))
    found = {}
    for match in re.finditer(r"\.(target|executableTarget|systemLibrary)\(\s*name:\s*\"(\w+)\"", text):
        end, depth = match.end(), 1
        while depth:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        body = text[match.end() : end]
        listed = re.search(r"dependencies:\s*\[(.*?)\]", body, re.DOTALL)
        listed = listed.group(1) if listed else ""
        products = re.findall(r"\.product\(name:\s*\"(\w+)\"", listed)
        own = re.findall(r"\"(\w+)\"", re.sub(r"\.product\([^)]*\)", "", listed))
        found[match.group(2)] = (set(own), set(products))
    return found


def names_in(cell):
    return set(re.findall(r"`(\w+)`", cell))


def test_the_modules_and_what_they_import_are_those_of_the_package():
    own, foreign = "imports (this package)", "imports (other packages)"
    tables = [rows for _, rows in architecture.tables(PAGE.read_text())]
    rows = next(rows for rows in tables if own in rows[0])
    shown = {row["module"].strip("`"): (names_in(row[own]), names_in(row[foreign])) for row in rows}
    package = targets()
    assert shown == {name: package.get(name) for name in shown}
    c_modules = {row["C module"].strip("`") for rows in tables for row in rows if "C module" in row}
    folders = {path.name for path in (ROOT / "Sources").iterdir() if path.is_dir()}
    assert folders - set(shown) - c_modules == set(), "a module of Sources/ is missing from the page"


def test_every_configuration_key_it_names_is_explained():
    manual = source("docs/jackfield.yaml")
    keys = re.findall(r"\[`([\w.]+)`\]", PAGE.read_text())
    assert len(keys) > 10
    assert [key for key in keys if not re.search(rf"^\s*{key.rpartition('.')[2]}:", manual, re.MULTILINE)] == []


def test_the_picture_is_what_its_text_says():
    picture = architecture.render(architecture.SOURCE.read_text())
    assert architecture.PICTURE.read_text() == picture, "run docs/architecture.py"


def test_its_own_links_lead_somewhere():
    text = PAGE.read_text()
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert [link for link in re.findall(r"\]\(#([^)]*)\)", text) if link not in anchors] == []


def test_the_front_page_of_the_documentation_names_every_page_and_no_other():
    front = (DOCS / "README.md").read_text()
    links = re.findall(r"\]\(([^)#]+)\)", front)
    assert [link for link in links if not (DOCS / link).exists()] == []
    pages = {path.name for path in DOCS.iterdir() if path.suffix in (".md", ".yaml") and path.name != "README.md"}
    assert pages - set(links) == set()


def test_no_word_of_the_glossary_is_explained_by_itself():
    tables = [rows for _, rows in architecture.tables(PAGE.read_text())]
    rows = next(rows for rows in tables if "also called" in rows[0])
    assert len(rows) > 20
    assert [row["term"] for row in rows if row["term"].strip("`").lower() == row["also called"].lower()] == []
