"""`jackfield plugin check` as a command: its exit codes, its forms of output, and what it leaves behind.

What each of its tests finds is tested in Tests/PluginCheckTests."""

import json
import os
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from harness.tab import PATIENCE
from server import BINARY

#: Tests that take milliseconds, of each group.
QUICK = ["image-file", "image-entry", "describe", "life", "process-state"]


def check(*arguments, folder, patience=4 * PATIENCE):
    """(exit code, standard output, standard error)."""
    done = subprocess.run(
        [str(BINARY), "plugin", "check", *arguments],
        capture_output=True,
        text=True,
        timeout=patience,
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    return done.returncode, done.stdout, done.stderr


def only(*names):
    return [word for name in names for word in ("--only", name)]


def test_a_sound_plugin_passes_and_nothing_is_left_behind(tmp_path, compiled):
    code, output, errors = check(compiled("quiet/quiet.c"), *only(*QUICK), folder=tmp_path)
    assert (code, errors) == (0, "")
    assert [line[:4] for line in output.splitlines()[: len(QUICK)]] == ["pass"] * len(QUICK)
    assert output.splitlines()[-1].endswith(f"{len(QUICK)} passed")
    assert list(tmp_path.iterdir()) == []


def test_a_path_may_begin_at_the_working_directory(tmp_path, compiled):
    library = Path(compiled("quiet/quiet.c"))
    for path in (library.name, f"./{library.name}"):
        code, output, _ = check(path, *only("image-needed", "life"), folder=library.parent)
        assert code == 0, output


def test_what_fails_is_named_with_what_to_do_and_the_exit_code_is_1(tmp_path, compiled):
    code, output, _ = check(compiled("broken/create_fails.c"), *only(*QUICK), folder=tmp_path)
    assert code == 1
    lines = output.splitlines()
    place = lines.index("FAIL  life: it is created, started, stopped and destroyed")
    assert "create failed: " in lines[place + 1] and lines[place + 2].strip().startswith("To do: ")
    assert "failed (life" in lines[-1]


def test_tests_that_need_a_failed_one_are_skipped(tmp_path, compiled):
    code, output, _ = check(compiled("broken/no_main.c"), "--json", folder=tmp_path)
    assert code == 1
    tests = json.loads(output)["files"][0]["tests"]
    verdicts = {test["name"]: test["verdict"] for test in tests}
    assert verdicts["image-entry"] == "failed" and verdicts["describe"] == verdicts["memory"] == "skipped"
    assert next(test["reason"] for test in tests if test["name"] == "describe") == "image-entry has not passed"


def test_json_has_every_file_and_test(tmp_path, compiled):
    files = [compiled("quiet/quiet.c"), compiled("broken/other_abi.c")]
    code, output, errors = check(*files, "--json", *only(*QUICK), folder=tmp_path)
    report = json.loads(output)
    assert (code, errors, report["passed"]) == (1, "", False)
    assert [(file["path"], file["passed"]) for file in report["files"]] == [(files[0], True), (files[1], False)]
    for file in report["files"]:
        assert [test["name"] for test in file["tests"]] == QUICK
    described = report["files"][1]["tests"][2]
    assert described["verdict"] == "failed" and "JF_ABI" in described["findings"][0]["text"]


def test_junit_is_xml_that_counts_right(tmp_path, compiled):
    files = [compiled("quiet/quiet.c"), compiled("broken/create_fails.c")]
    code, output, _ = check(*files, "--junit", *only(*QUICK), folder=tmp_path)
    assert code == 1
    suites = ElementTree.fromstring(output).findall("testsuite")
    assert [suite.get("name") for suite in suites] == files
    for suite in suites:
        cases = suite.findall("testcase")
        assert [case.get("name") for case in cases] == QUICK and suite.get("tests") == str(len(QUICK))
        assert suite.get("failures") == str(len([case for case in cases if case.find("failure") is not None]))
    assert suites[1].find("testcase[@name='life']/failure").get("message").startswith("create failed")


def test_list_names_the_tests(tmp_path):
    code, output, _ = check("--list", folder=tmp_path)
    names = [line.split()[0] for line in output.splitlines()]
    assert code == 0 and len(names) > 25 and set(QUICK) <= set(names)
    code, output, _ = check("--list", "--json", folder=tmp_path)
    assert [test["name"] for test in json.loads(output)] == names


def test_a_configuration_reaches_the_plugin_and_its_clients_are_let_in(tmp_path, compiled):
    sample = "../../samples/meeting-c/meeting.c"
    config, auth = '{"people":{"alice":{"key":"k1"}}}', '{"name":"alice","key":"k1"}'
    code, output, _ = check(compiled(sample), *only("life"), folder=tmp_path)
    assert code == 1 and "config.people is missing" in output
    code, output, _ = check(compiled(sample), "--config", config, *only("acks"), folder=tmp_path)
    assert code == 0 and "give a payload that it accepts with --auth" in output
    code, output, _ = check(compiled(sample), "--config", config, "--auth", auth, *only("acks"), folder=tmp_path)
    assert code == 0 and "refuses clients of '/'," not in output


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "No file is named"),
        (["nothing.so"], "There is no file 'nothing.so'"),
        (["{library}", "--only", "nothing"], "There is no test 'nothing'"),
        (["{library}", "--json", "--junit"], "exclude one another"),
        (["{library}", "--config", "nothing"], "is no JSON"),
        (["{library}", "--auth", "[]"], "is no JSON object"),
        (["{library}", "--deadline", "1"], "--deadline is 1"),
        (["{library}", "--reloads", "0"], "--reloads is 0"),
        (["{library}", "--memory-limit", "1"], "--memory-limit is 1"),
        (["{library}", "--sead"], "Unknown option '--sead'"),
    ],
)
def test_wrong_use_is_explained_and_ends_with_2(tmp_path, compiled, arguments, words):
    library = compiled("quiet/quiet.c")
    code, output, errors = check(*(word.format(library=library) for word in arguments), folder=tmp_path)
    assert (code, output) == (2, "") and words in errors


def test_the_process_of_a_test_runs_nothing_without_a_request(tmp_path):
    done = subprocess.run(
        [str(BINARY), "plugin", "check-process"], capture_output=True, text=True, timeout=PATIENCE, cwd=tmp_path
    )
    assert done.returncode == 64 and "by 'jackfield plugin check' only" in done.stderr
