"""Build output and reports without the eight secrets that a run was given."""

from __future__ import annotations

import base64
import json
import textwrap
from pathlib import Path
from urllib.parse import quote

import pytest

from weighbridge.build.masked_output import MaskedLines, build_secrets, by_environment
from weighbridge.domain.gate.scale import Rule
from weighbridge.domain.gate.verdict import Breach
from weighbridge.domain.result.run import RunResult
from weighbridge.domain.secret_values import SecretMask
from weighbridge.report.assemble import assemble
from weighbridge.report.model import encode_report

ARGUMENTS = {"NPM_TOKEN": "canary-argument-1", "PLAIN": "ghp_" + "c" * 36, "VERSION": "visible-version"}
VARIABLES = {"DB_PASSWORD": "canary-variable-3", "PROXY": "http://me:canary-4@proxy", "HOME": "/visible/home"}
FILES = {"one": "canary-file-5", "two": "canary\nfile-lines-6\n", "three": 'canary "quoted" 7', "four": "canary/+8=ü"}


def _values(tmp_path: Path) -> list[str]:
    paths = {}
    for name, content in FILES.items():
        paths[name] = tmp_path / name
        paths[name].write_text(content)
    return list(build_secrets(ARGUMENTS, paths, VARIABLES))


def test_build_printing_eight_secrets_shows_none(tmp_path: Path) -> None:
    printed: list[str] = []
    values = _values(tmp_path)
    assert len(values) == 8
    output = MaskedLines(SecretMask(values), printed.append)
    for value in values:
        for form in (value, json.dumps(value), quote(value), base64.b64encode(value.encode()).decode()):
            for line in form.split("\n"):
                output.add(f"#7 0.123 it is {line} here")
    output.add("#7 0.2 cana")
    output.add("#7 0.3 ry-argument-1 split")
    output.add("visible-version /visible/home")
    output.end()
    everything = "\n".join(printed)
    for value in values:
        for form in (
            *value.split("\n"),
            json.dumps(value)[1:-1],
            quote(value),
            base64.b64encode(value.encode()).decode(),
        ):
            assert len(form) < 6 or form not in everything
    assert "#7 0.2 ***" in printed
    assert printed[-1] == "visible-version /visible/home"
    assert printed.count("#7 0.123 it is *** here") >= 8


KEY = "".join(chr(33 + (number * 37) % 90) for number in range(400))
"""A secret that is longer than a line of every encoder."""


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        (base64.encodebytes(KEY.encode()).decode().split(), "A=="),
        (base64.encodebytes(f"me:{KEY}: end".encode()).decode().split(), "bWU6DogZW5k"),
        (textwrap.wrap(base64.urlsafe_b64encode(KEY.encode()).decode(), 64), "A=="),
        (textwrap.wrap(KEY.encode().hex(), 60), ""),
        ([f"   {line}" for line in textwrap.wrap(base64.b64encode(KEY.encode()).decode(), 40)], "A=="),
        ([KEY[at : at + 50] for at in range(0, len(KEY), 50)], ""),
    ],
)
def test_secret_that_a_program_folds_into_lines_is_shown_in_none(lines, shown):
    printed: list[str] = []
    output = MaskedLines(SecretMask([KEY]), printed.append)
    for line in ["before", *lines, "after it"]:
        output.add(f"#7 0.5 {line}")
    output.end()
    assert (printed[0], printed[-1]) == ("#7 0.5 before", "#7 0.5 after it")
    assert "".join(one.removeprefix("#7 0.5 ") for one in printed[1:-1]).replace("***", "") == shown


def test_lines_without_secret_are_unchanged():
    printed: list[str] = []
    lines = ["#1 transferring context: 2B done", "", "#7 0.5 AAAAAAAAAAAAAAAAAAAAAAAA", "  indented", "#8 DONE 0.1s"]
    output = MaskedLines(SecretMask([KEY, "short-secret"]), printed.append)
    for line in lines:
        output.add(line)
    output.end()
    assert printed == lines


def test_report_shows_no_secret(tmp_path: Path) -> None:
    values = _values(tmp_path)
    result = RunResult(
        base=None,
        head=None,
        images=(),
        breaches=tuple(Breach(image="api", rule=Rule.BUILD, message=f"failed: {value}") for value in values),
        notes=tuple(f"RUN |1 NPM_TOKEN={value}" for value in values),
        secrets=SecretMask(values),
    )
    written = encode_report(assemble(result))
    assert "canary" not in written
    assert written.count("***") >= 16


def test_secret_arguments_are_passed_by_environment() -> None:
    arguments = ARGUMENTS | {"DOCKER_AUTH_CONFIG": "x", "HTTP_PROXY": "http://a:bcd@c", "TAKEN_TOKEN": "y"}
    assert by_environment(arguments, {"TAKEN_TOKEN": "z"}) == {
        "NPM_TOKEN": "canary-argument-1",
        "PLAIN": "ghp_" + "c" * 36,
    }
