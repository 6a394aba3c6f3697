"""The command ``weighbridge lint``. Imports little, because a pre-commit hook starts it for every commit."""

from __future__ import annotations

import os
import sys

import click

from weighbridge.cli.lint_files import LintRequest, exit_code_of_lint, folders_up, lint_paths
from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.gate.ignores import Ignore
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.model import TRUSTED_BASES, LintSettings
from weighbridge.domain.nearest import nearest
from weighbridge.errors import EXIT_CODE_MEANING, ExitCode, MachineError, UsageError
from weighbridge.report.lint_output import render_lint

_CONFIG = ".github/weighbridge.yml"
_EXIT_CODES = "\n".join(
    [
        "\b",
        "Exit codes:",
        "    0  nothing found at --fail-level or above",
        "    1  findings at --fail-level or above",
        f"    2  {EXIT_CODE_MEANING[ExitCode.USAGE]}",
        "    3  a Dockerfile does not parse (no build could read it)",
        "    4  git unavailable",
    ]
)


_FORMATS = ("text", "concise", "json", "sarif", "gitlab", "checkstyle", "github")


@click.command(epilog=_EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path())
@click.option(
    "--format",
    "format_",
    type=click.Choice(_FORMATS),
    default="text",
    show_default=True,
    help="Output format. gitlab is GitLab's code quality report, github GitHub's annotations.",
)
@click.option("--fix", is_flag=True, help="Applies the fixes that never break a build.")
@click.option("--unsafe-fixes", is_flag=True, help="With --fix: also applies fixes that need a test build.")
@click.option(
    "--select",
    multiple=True,
    metavar="CODES",
    help="Reports only these codes, separated by commas. `all` adds the codes that are off by default. Repeatable.",
)
@click.option("--ignore", multiple=True, metavar="CODES", help="Skips these codes, separated by commas. Repeatable.")
@click.option(
    "--fail-level",
    type=click.Choice([*(str(one) for one in Severity), "never"]),
    default=str(Severity.WARNING),
    show_default=True,
    help="Exits with 1 for findings of this severity or above.",
)
@click.option(
    "--trusted-base",
    "trusted_bases",
    multiple=True,
    metavar="PATTERN",
    help="Trusts this base image (for unusual-run-base). No tag; * matches anything. Repeatable.",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False),
    help=f"Configuration file. [default: {_CONFIG} here or in a folder above]",
)
@click.option("--debug", is_flag=True, help="Shows the traceback of an error.")
def lint(
    paths: tuple[str, ...],
    *,
    format_: str,
    fix: bool,
    unsafe_fixes: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    fail_level: str,
    trusted_bases: tuple[str, ...],
    config_file: str | None,
    debug: bool,
) -> ExitCode:
    """Checks Dockerfiles without building them.

    Finds habits that make images large, and traps that keep them from starting. PATH is a Dockerfile or a folder; in a
    folder all Dockerfiles that git does not ignore are checked. [default: the current folder]
    """
    del debug
    if unsafe_fixes and not fix:
        raise UsageError("--unsafe-fixes needs --fix.")
    request = _configured(
        LintRequest(
            paths=paths,
            settings=LintSettings(trusted_bases=(*TRUSTED_BASES, *trusted_bases), codes=_wanted_codes(select, ignore)),
            fix=fix,
            unsafe_fixes=unsafe_fixes,
        ),
        config_file,
    )
    files = lint_paths(request)
    color = format_ == "text" and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    click.echo(render_lint(files, format_, color=color), nl=False, color=color)
    return exit_code_of_lint(files, None if fail_level == "never" else Severity(fail_level))


def _wanted_codes(select: tuple[str, ...], ignore: tuple[str, ...]) -> frozenset[LintCode] | None:
    """The selected codes; ``None`` for the default codes. Raises UsageError for unknown codes."""
    if not select and not ignore:
        return None
    wanted = frozenset(code for code in LintCode if code.on_by_default)
    if select:
        wanted = frozenset(LintCode) if "all" in _split(select) else _codes("--select", select)
    return wanted - _codes("--ignore", ignore)


def _codes(option: str, values: tuple[str, ...]) -> frozenset[LintCode]:
    return frozenset(_code(option, word) for word in _split(values))


def _split(values: tuple[str, ...]) -> list[str]:
    return [word.strip() for value in values for word in value.split(",") if word.strip()]


def _code(option: str, word: str) -> LintCode:
    found = {str(code): code for code in LintCode}.get(word)
    if found is None:
        meant = nearest(word, LintCode)
        hint = (
            f"Did you mean {meant}?"
            if meant
            else "Write a code of weighbridge as lint prints it, such as package-cache."
        )
        raise UsageError(f"{option}: unknown code {word!r}. {hint}")
    return found


def _configured(request: LintRequest, config_file: str | None) -> LintRequest:
    """`request` with trusted images, exclusions and ignores of the configuration."""
    file = config_file or _find_config()
    if file is None:
        return request
    from pathlib import Path  # noqa: PLC0415 - most repositories have no configuration

    from weighbridge.config import load_config  # noqa: PLC0415 - YAML is slow to load

    config = load_config(Path(), Path(file))
    return LintRequest(
        paths=request.paths,
        settings=request.settings._replace(trusted_bases=(*request.settings.trusted_bases, *config.lint.trusted_bases)),
        ignores=[Ignore(code=one.code, reason=one.reason) for one in config.checks.ignore if one.image is None],
        exclude=config.discover.exclude,
        fix=request.fix,
        unsafe_fixes=request.unsafe_fixes,
    )


def _find_config() -> str | None:
    """The configuration of the repository that the current folder is in. Raises MachineError if that was removed."""
    try:
        here = os.getcwd()
    except OSError as error:
        raise MachineError(f"the current folder: {error.strerror}. Change to an existing folder.") from error
    for folder in folders_up(here):
        if os.path.isfile(os.path.join(folder, _CONFIG)):
            return os.path.join(folder, _CONFIG)
        if os.path.exists(os.path.join(folder, ".git")):
            return None
    return None
