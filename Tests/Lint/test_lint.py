"""No key in Sources/ and plugins/ is a String, and nothing from outside is compared as a String. The lint that checks
this is tested, too."""

import pytest

import lint
from lint import COMPARED, KEY

FILE = "Sources/PluginHost/Example.swift"


def found(source, more=""):
    sources = {FILE: source}
    if more:
        sources["Sources/PluginHost/Other.swift"] = more
    return [finding.what for finding in lint.findings(sources)]


@pytest.fixture(scope="module")
def judged():
    return lint.judge(lint.findings(lint.tree()), lint.entries(lint.ALLOWED.read_text()))


def test_no_string_is_a_key_or_compared_without_a_reason(judged):
    assert judged[0] == [], "\n".join(map(str, judged[0]))


def test_every_entry_of_the_list_is_needed(judged):
    assert judged[1] == []


@pytest.mark.parametrize(
    "line",
    [
        "var rooms: [String: Room] = [:]",
        "var rooms: [String : Room]",
        "let seen: Set<String> = []",
        "var nested: [Int: [String: Int]] = [:]",
        "var map = Dictionary<String, Int>()",
        "func f(_ rooms: [String: [String]]) {}",
    ],
)
def test_a_string_as_a_key_is_found(line):
    assert found(line) == [KEY]


@pytest.mark.parametrize(
    "source",
    [
        "func f(user: String) -> Bool { user == other }",
        "func f(user: String) -> Bool { other == user }",
        "func f(user: String?) -> Bool { user != other }",
        "let name = String(decoding: bytes, as: UTF8.self)\nif a.b == name { g() }",
        "struct S { let user: String }\nlet same = a.user == b.user",
        "func f(name: String) { switch name { default: break } }",
        "func f(name: Substring) -> Bool { name.hasPrefix(x) }",
        "func f(list: [String]) -> Bool { list.contains(x) }",
        "func f(id: String) { if seen.contains(id) { g() } }",
        "func f(id: String) { seen.insert(id) }",
        "func f(text: String) -> Kind? { Kind(rawValue: text) }",
        "func f(user: String) -> Bool { user < other }",
    ],
)
def test_a_string_that_is_compared_is_found(source):
    assert found(source) == [COMPARED]


def test_a_string_that_another_file_of_the_module_declares_is_found():
    assert found(
        "func same(_ a: Person, _ b: Person) -> Bool { a.user == b.user }", "struct Person { let user: String }"
    ) == [COMPARED]


@pytest.mark.parametrize(
    "source",
    [
        "var rooms: [ByteString: Room] = [:]",
        "func f(user: ByteString) -> Bool { user == other }",
        "func f(user: String?) -> Bool { user == nil }",
        "func f(user: String) -> Bool { user.utf8.count == 3 }",
        "func f(user: String) -> Bool { user.isEmpty == true }",
        "// let rooms: [String: Room]",
        'let words = "[String: Room]"',
        "/* Set<String> */ let x = 1",
        'let words = """\n    Set<String>\n    """',
        "func f(code: String) { if error.code == JF_E_LIMIT { g() } }",
        "throw mismatch([String: Any].self)",
        "enum Kind: String { case one }\nfunc f(kind: Kind) -> Bool { kind == .one }",
    ],
)
def test_what_is_no_comparison_of_strings_is_passed_over(source):
    assert found(source) == []


def test_a_name_that_is_a_string_in_one_file_and_none_in_another_is_judged_by_its_own_file():
    assert found("func f(user: ByteString) -> Bool { user == other }", "struct Person { let user: String }") == []


def test_a_finding_is_told_with_its_line():
    (finding,) = lint.findings({FILE: "import Support\n\nvar rooms: [String: Room] = [:]\n"})
    assert str(finding) == f"{FILE}:3: {KEY}: var rooms: [String: Room] = [:]"


def test_an_entry_covers_its_lines_and_no_others():
    findings = lint.findings({FILE: "var rooms: [String: Room] = [:]\nvar users: [String: User] = [:]"})
    uncovered, unused = lint.judge(
        findings, lint.entries('[[allow]]\nfile = "Sources/PluginHost/*"\nline = "rooms"\nreason = "a test"')
    )
    assert [finding.number for finding in uncovered] == [2] and unused == []
    assert len(lint.judge(findings, lint.entries('[[allow]]\nfile = "Sources/Daemon/*"\nreason = "a test"'))[1]) == 1


@pytest.mark.parametrize("entry", ['file = "Sources/*"', 'file = "Sources/*"\nreason = " "', 'reason = "no file"'])
def test_an_entry_without_a_reason_is_refused(entry):
    with pytest.raises(ValueError):
        lint.entries(f"[[allow]]\n{entry}")
