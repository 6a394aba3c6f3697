"""Ignored findings carry the reason that was given, and nothing is ignored without one."""

from __future__ import annotations

from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.gate.ignores import (
    Ignore,
    accepted_by_base,
    ignored_because,
    inline_ignores,
    inline_problems,
    known_codes,
)
from weighbridge.domain.lint.codes import LintCode


def finding(code: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, subject=Subject.ENTRYPOINT)


def test_comment_in_dockerfile_with_reason_ignores_its_code() -> None:
    text = "# weighbridge: ignore=runtime-ca-missing talks to localhost only\nFROM scratch\n"
    assert inline_ignores(text) == (Ignore(code="runtime-ca-missing", reason="talks to localhost only"),)


def test_comment_without_reason_has_no_effect() -> None:
    assert inline_ignores("# weighbridge: ignore=shell-missing\nFROM scratch\n") == ()


def test_ignore_inside_other_text_has_no_effect() -> None:
    assert inline_ignores('RUN echo "# weighbridge: ignore=shell-missing because"\n') == ()


def test_only_findings_of_named_code_are_ignored() -> None:
    ignores = [Ignore(code="shell-missing", reason="debugged elsewhere")]
    assert ignored_because(finding("shell-missing"), ignores) == "debugged elsewhere"
    assert ignored_because(finding("libc-loader-missing"), ignores) is None


def test_dockerfile_full_of_ignores_is_read_in_bounded_time() -> None:
    assert len(inline_ignores("# weighbridge: ignore=a b\n" * 100_000)) == 100


def test_invalid_ignore_comment_is_reported() -> None:
    text = "# weighbridge: ignore=shell-missing\n# weighbridge: ignore=shel-missing because\nFROM scratch\n"
    assert inline_problems(text) == (
        "ignore=shell-missing gives no reason and ignores nothing",
        'ignore=shel-missing ignores nothing: no check has the code "shel-missing". Did you mean "shell-missing"?',
    )


def test_ignore_missing_in_base_does_not_count() -> None:
    old, new = Ignore(code="shell-missing", reason="a"), Ignore(code="entrypoint-missing", reason="b")
    assert accepted_by_base([old, new], [Ignore(code="shell-missing", reason="older")]) == ((old,), (new,))


def test_codes_of_lint_can_be_ignored() -> None:
    assert set(LintCode) <= set(known_codes())


def test_ignore_of_stage_applies_to_lint_only() -> None:
    text = "# weighbridge: ignore=package-cache@build cleaned elsewhere\nFROM scratch\n"
    assert inline_ignores(text) == ()
    assert inline_problems(text) == ()
