"""Messages and errors of a run show no secret that the run was given."""

from __future__ import annotations

import sys
import traceback

import pytest

from weighbridge.domain.secret_values import SecretMask
from weighbridge.errors import BuildError, EngineError, GitError
from weighbridge.progress.lines import Lines
from weighbridge.run.masking import MaskedProgress, masked_errors

SECRET = "hunter2-hunter2"


def test_messages_of_run_with_secret_show_stars(capsys):
    progress = MaskedProgress(progress=Lines(sys.stderr), mask=SecretMask([SECRET]))
    progress.step(f"base is https://u:{SECRET}@example.org/r")
    progress.warn(f"not read: {SECRET}")
    progress.build_ended(f"shop {SECRET}", seconds=1, failed=True)
    progress.reading(f"layer {SECRET}", 1, 2)
    shown = capsys.readouterr().err
    assert SECRET not in shown
    assert shown.count("***") == 4


@pytest.mark.parametrize(
    "error", [EngineError(f"no {SECRET}"), BuildError(f"no {SECRET}", log_tail=("a",)), KeyError(SECRET)]
)
def test_error_with_secret_keeps_its_type_and_shows_stars(error):
    with pytest.raises(type(error)) as caught, masked_errors(SecretMask([SECRET])):
        raise error
    assert SECRET not in str(caught.value)
    assert "***" in str(caught.value)


def fail_because_of(cause: Exception) -> None:
    try:
        raise cause
    except ValueError as error:
        raise GitError("git failed") from error


def test_secret_in_cause_of_error_is_masked():
    with pytest.raises(GitError) as caught, masked_errors(SecretMask([SECRET])):
        fail_because_of(ValueError(f"git clone https://me:{SECRET}@h"))
    shown = "".join(traceback.format_exception(caught.value, limit=0))
    assert "git clone" in shown
    assert SECRET not in shown


def test_secret_build_argument_in_error_of_git_is_masked(run, git_folder):
    git_folder.commit({"Dockerfile": "FROM scratch\n"})
    with pytest.raises(GitError) as caught:
        run.weigh(SECRET, "HEAD", build_args={"TOKEN": SECRET})
    assert SECRET not in str(caught.value)
    assert "***: unknown revision" in str(caught.value)
