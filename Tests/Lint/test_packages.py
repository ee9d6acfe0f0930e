"""Every dependency has one exact version: Package.resolved is not committed, as Package.swift explains."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def dependencies(manifest):
    """{address: what the manifest asks for}."""
    return dict(re.findall(r'\.package\(url: "([^"]+)", ([^)]+)\)', (ROOT / manifest).read_text()))


def test_every_dependency_has_an_exact_version():
    for address, version in dependencies("Package.swift").items():
        assert re.fullmatch(r'exact: "\d+\.\d+\.\d+"', version), address


def test_the_fuzzers_are_built_with_the_same_versions():
    fuzzed = dependencies("Fuzz/Package.swift")
    assert fuzzed
    assert fuzzed.items() <= dependencies("Package.swift").items()
