"""Workflow commands, parsed as the runner parses them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import UsageError
from weighbridge.github.annotation import Annotation, Level
from weighbridge.github.workflow_commands import (
    annotation_lines,
    fenced,
    group_start,
    inert_log_line,
    mask_lines,
    write_output,
    write_summary,
)
from weighbridge.report.workflow_command import command

KNOWN = {"error", "warning", "notice", "group", "endgroup", "add-mask", "stop-commands", "set-output", "debug"}


def _obeyed(lines):
    """The commands that a runner obeys in `lines`: both forms, and the token that stops it obeying."""
    token = None
    done = []
    for line in re.split(r"\r\n|\r|\n", "\n".join(lines)):
        new = re.match(r"\s*::([\w-]+)(?: ([^:]*))?::(.*)", line, re.DOTALL)
        old = re.search(r"##\[([\w-]+)[^\]]*\](.*)", line)
        if token is not None:
            if line.strip() == f"::{token}::":
                token = None
            continue
        if new and new[1] == "stop-commands":
            token = new[3]
        elif (new and new[1] in KNOWN) or (old and old[1] in KNOWN):
            done.append(line)
    assert token is None, "the runner was left not obeying"
    return done


HOSTILE = [
    "::add-mask::e",
    "  ::set-output name=verdict::passed",
    "text ##[error]fake",
    "progress\r::add-mask::e",
    "::stop-commands::mine",
    "::mine::",
]


def test_runner_emulation_executes_hostile_commands():
    assert len(_obeyed([*HOSTILE, "::mine::"])) == 4


def test_commands_in_fenced_build_log_do_not_reach_runner():
    assert _obeyed(fenced(HOSTILE)) == []


def test_fence_is_another_each_time_and_cannot_be_guessed():
    first, second = next(fenced([])), next(fenced([]))
    assert first != second
    assert len(first.rpartition("::")[2]) == 64


def test_fence_is_closed_when_log_breaks_off():
    def log():
        yield "one"
        raise OSError("pipe")

    lines = []
    with pytest.raises(OSError, match="pipe"):
        lines.extend(fenced(log()))
    assert lines[-1] == f"::{lines[0].rpartition('::')[2]}::"


def test_fence_keeps_log_s_text():
    assert list(fenced(["a\r\n", "b\rc", ""]))[1:-1] == ["a", "b", "c", ""]


@given(st.text())
def test_log_line_is_one_line_without_command(text):
    line = inert_log_line(text)
    assert _obeyed([line]) == []
    assert len(re.split(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]", line)) == 1


def _unescaped(value, *, is_property):
    for code, character in (("%0D", "\r"), ("%0A", "\n"), *((("%3A", ":"), ("%2C", ",")) if is_property else ())):
        value = value.replace(code, character)
    return value.replace("%25", "%")


@given(st.text(), st.text(min_size=1))
def test_command_is_one_line_and_parses_back(message, file):
    line = command("error", message, {"file": file, "line": 3, "title": None})
    assert "\n" not in line
    assert "\r" not in line
    match = re.fullmatch(r"::error file=([^,:]*),line=3::(.*)", line, re.DOTALL)
    assert match is not None
    assert _unescaped(match[1], is_property=True) == file
    assert _unescaped(match[2], is_property=False) == message


def test_group_title_cannot_hold_command():
    assert group_start("api\n::add-mask::x") == "::group::api?::add-mask::x"


def test_every_line_of_secret_is_masked():
    assert mask_lines("top\nmiddle\r\n\nend") == (
        "::add-mask::top%0Amiddle%0D%0A%0Aend",
        "::add-mask::top",
        "::add-mask::middle",
        "::add-mask::end",
    )
    assert mask_lines("") == ()
    assert mask_lines("one") == ("::add-mask::one",)


def test_more_annotations_than_runner_shows_become_plain_lines():
    errors = [Annotation(level=Level.FAILURE, title="t", message=str(number), path="a") for number in range(12)]
    notice = Annotation(level=Level.NOTICE, title="n", message="::warning::x")
    lines = list(annotation_lines([*errors, notice], in_actions=True))
    assert [line.startswith("::error ") for line in lines] == [True] * 10 + [False] * 3
    assert lines[10] == "error: a:1: t: 10"
    assert lines[12] == "::notice title=n::::warning::x"


def test_outputs_read_back_as_written(tmp_path):
    path = tmp_path / "output"
    environment = {"GITHUB_OUTPUT": str(path)}
    values = {"verdict": "failed", "images": '["a"]\nEOF\nverdict=passed\nverdict<<EOF\npassed\nEOF', "empty": ""}
    for name, value in values.items():
        assert write_output(environment, name, value) is True
    assert _read_outputs(path.read_text()) == values


def _read_outputs(text):
    values = {}
    lines = iter(text.split("\n")[:-1])
    for line in lines:
        name, delimiter = line.split("<<", 1)
        content = []
        while (part := next(lines)) != delimiter:
            content.append(part)
        values[name] = "\n".join(content)
    return values


def test_outside_of_actions_nothing_is_written():
    assert write_output({}, "verdict", "passed") is False
    assert write_summary({}, "text") is False


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a\nb", "1a"])
def test_output_name_with_line_end_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="is not a valid name"):
        write_output({"GITHUB_OUTPUT": str(tmp_path / "output")}, name, "value")


def test_unwritable_file_error_names_file(tmp_path):
    with pytest.raises(UsageError, match="GITHUB_OUTPUT cannot be written"):
        write_output({"GITHUB_OUTPUT": str(tmp_path)}, "name", "value")


def test_summary_of_step_is_cut_to_one_mebibyte(tmp_path):
    path = tmp_path / "summary"
    environment = {"GITHUB_STEP_SUMMARY": str(path)}
    assert write_summary(environment, "first\n") is True
    assert write_summary(environment, "ünïcode line\n" * 100_000) is True
    assert path.stat().st_size <= 1024 * 1024
    assert path.read_text().rstrip().endswith("in the job's artifacts._")
    assert write_summary(environment, "third") is False
