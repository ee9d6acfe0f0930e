#!/usr/bin/env python3
"""Finds `String` used as a key, or compared, in Sources/ and plugins/.

    Tests/Lint/lint.py      the findings that no entry of allowed.toml covers; exit 1 if there are any

Swift compares and hashes a `String` by canonical equivalence: K equals the Kelvin sign, and a long run of combining
marks takes quadratic time. What comes from outside is therefore a `Support.ByteString`. This lint is not a compiler. It
reads declarations line by line. It treats a name as a `String` if the file declares it so, or if all declarations of
this name in the module are `String`s, and then finds comparisons of it. A place where a `String` is correct, such as a
name in the operator's own configuration, has an entry in allowed.toml with the reason.
"""

import fnmatch
import re
import sys
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = Path(__file__).resolve().parent / "allowed.toml"

KEY = "is keyed by String: use ByteString"
COMPARED = "compares a String: use ByteString"

#: Types whose comparison is a comparison of `String`s.
TEXT = r"(?:String|Substring|Character|\[String\]|Set<String>)"

KEYED = re.compile(
    r"\[\s*(?:String|Substring)\s*:(?![^\]]*\]\.self)|\b(?:Dictionary|OrderedDictionary)<\s*String\s*,|\bSet<\s*String\s*>"
)
DECLARED = re.compile(
    r"\b(\w+):\s*(?:inout\s+|borrowing\s+|consuming\s+|@autoclosure\s+(?:@\w+\s+)*\(\)\s*->\s*)?("
    + TEXT
    + r"|[A-Z\[(]\w*)(?![\w.<])"
)
ASSIGNED = re.compile(r"\b(?:let|var)\s+(\w+)\s*=\s*(?:try[?!]?\s+)?(\w+)\s*\(")

NAME = r"(?:[\w\])?!]+[.?!]*\.)*(\w+)[?!]*"
COMPARISONS = [
    re.compile(NAME + r"\s+(?:==|!=|~=|<|>|<=|>=)\s+(?!nil\b|JF_|[A-Z_]{4,}|UInt8\(|[\d.])"),
    re.compile(r"(?<!nil)\s(?:==|!=|~=|<|>|<=|>=)\s+" + NAME + r"(?![\w(.<>])"),
    re.compile(
        NAME
        + r"\.(?:hasPrefix|hasSuffix|starts|firstIndex|lastIndex|contains|elementsEqual|range|replacing|sorted|max|min)"
        + r"\((?!where\b|[^()]*\.utf8)"
    ),
    re.compile(r"(?<!func )\b(?:contains|firstIndex\(of:|rawValue:)\(?\s*" + NAME + r"(?![\w(.])"),
    re.compile(r"\bswitch\s+" + NAME + r"\s*\{"),
    re.compile(r"\.insert\(\s*" + NAME + r"\s*\)"),
]
#: These members use the bytes or scalars of a text, or its length, so what follows them is not a comparison of texts.
BYTES = re.compile(r"\.(?:utf8|unicodeScalars|isEmpty|count)\b")


@dataclass(frozen=True)
class Finding:
    file: str
    number: int
    line: str
    what: str

    def __str__(self):
        return f"{self.file}:{self.number}: {self.what}: {self.line.strip()}"


def blank(source, keep_comments=False):
    """The source without its comments and the contents of its literals; the lines stay the same."""
    out, at, size = [], 0, len(source)
    while at < size:
        if source.startswith(("//", "/*"), at):
            closing = "\n" if source.startswith("//", at) else "*/"
            end = source.find(closing, at + 2)
            end = size if end < 0 else end + len(closing.strip())
            out.append(source[at:end] if keep_comments else "\n" * source.count("\n", at, end))
            at = end
        elif match := re.compile(r'(#*)("""|")').match(source, at):
            hashes, quote = match.groups()
            end = match.end()
            while end < size and not source.startswith(quote + hashes, end):
                end += 2 if source[end] == "\\" and not hashes else 1
            out.append('""' + "\n" * source.count("\n", at, end))
            at = end + len(quote) + len(hashes)
        else:
            out.append(source[at])
            at += 1
    return "".join(out)


def declared(code):
    """The names that the code declares: {name: whether it is a text}; None if the declarations differ."""
    names = {}

    def note(name, is_text):
        names[name] = is_text if names.get(name, is_text) == is_text else None

    for line in code.splitlines():
        # The raw values of an enumeration do not come from outside.
        line = re.sub(r"\benum\s+\w+\s*:", "enum", line)
        for name, kind in DECLARED.findall(line):
            note(name, re.fullmatch(TEXT, kind) is not None)
        for name, maker in ASSIGNED.findall(line):
            if maker[0].isupper():
                note(name, maker in ("String", "Substring"))
    return names


def module(path):
    parts = path.split("/")
    return "/".join(parts[:2])


def findings(sources):
    """The findings in {path: source}."""
    blanked = {path: blank(source) for path, source in sources.items()}
    local = {path: declared(code) for path, code in blanked.items()}
    wide = defaultdict(dict)
    for path, names in local.items():
        for name, is_text in names.items():
            known = wide[module(path)]
            known[name] = is_text if known.get(name, is_text) == is_text else None
    found = []
    for path, code in blanked.items():
        texts = {**wide[module(path)], **local[path]}
        originals = sources[path].splitlines()
        for number, line in enumerate(code.splitlines(), 1):
            what = []
            if KEYED.search(line):
                what.append(KEY)
            for comparison in COMPARISONS:
                for match in comparison.finditer(line):
                    if texts.get(match.group(1)) and not BYTES.search(match.group(0)):
                        what.append(COMPARED)
            found += [Finding(path, number, originals[number - 1], words) for words in dict.fromkeys(what)]
    return found


@dataclass(frozen=True)
class Entry:
    """`file` is a path or a pattern of paths; `line` stands in the line, or is empty for all of them."""

    file: str
    line: str
    reason: str

    def covers(self, finding):
        return fnmatch.fnmatch(finding.file, self.file) and self.line in finding.line


def entries(text):
    listed = tomllib.loads(text).get("allow", [])
    allowed = [Entry(entry.get("file", ""), entry.get("line", ""), entry.get("reason", "").strip()) for entry in listed]
    for entry in allowed:
        if not entry.file or not entry.reason:
            raise ValueError(f"an entry of allowed.toml needs a file and a reason: {entry}")
    return allowed


def judge(found, allowed):
    """(findings without an entry, entries without a finding)."""
    uncovered = [finding for finding in found if not any(entry.covers(finding) for entry in allowed)]
    unused = [entry for entry in allowed if not any(entry.covers(finding) for finding in found)]
    return uncovered, unused


def tree():
    files = [path for folder in ("Sources", "plugins") for path in sorted((ROOT / folder).rglob("*.swift"))]
    return {str(path.relative_to(ROOT)): path.read_text() for path in files}


def main():
    uncovered, unused = judge(findings(tree()), entries(ALLOWED.read_text()))
    for finding in uncovered:
        print(finding)
    for entry in unused:
        print(f"allowed.toml: nothing is left that this entry allows: {entry.file}: {entry.line}")
    return 1 if uncovered or unused else 0


if __name__ == "__main__":
    sys.exit(main())
