"""The command ``weighbridge lint``. A module of its own, and light: a pre-commit hook starts it for every commit."""

from __future__ import annotations

from pathlib import Path

import click

from weighbridge.cli.lint_files import LintRequest, exit_code_of_lint, lint_paths
from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.gate.ignores import Ignore
from weighbridge.domain.lint import TRUSTED_BASES, LintSettings
from weighbridge.errors import EXIT_CODE_MEANING, ExitCode, UsageError
from weighbridge.report.lint_output import render_lint_github, render_lint_json, render_lint_text

_CONFIG = ".github/weighbridge.yml"
_CODES = (ExitCode.PASSED, ExitCode.USAGE, ExitCode.BUILD_FAILED, ExitCode.UNAVAILABLE)
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


@click.command(epilog=_EXIT_CODES)
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path))
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "sarif", "github"]), default="text", show_default=True
)
@click.option("--fix", is_flag=True, help="Do what can be done mechanically without changing what the image does.")
@click.option("--unsafe-fixes", is_flag=True, help="With --fix: also what should be built and tried afterwards.")
@click.option(
    "--fail-level",
    type=click.Choice([*(str(one) for one in Severity), "never"]),
    default=str(Severity.WARNING),
    show_default=True,
    help="Exit with 1 for findings of this severity or a higher one.",
)
@click.option(
    "--trusted-base",
    "trusted_bases",
    multiple=True,
    metavar="PATTERN",
    help="An image that final stages may stand on, without tag; * stands for anything. Repeatable.",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"The configuration file. [default: {_CONFIG} here or in a folder above]",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def lint(
    paths: tuple[Path, ...],
    *,
    format_: str,
    fix: bool,
    unsafe_fixes: bool,
    fail_level: str,
    trusted_bases: tuple[str, ...],
    config_file: Path | None,
    debug: bool,
) -> ExitCode:
    """Checks Dockerfiles without building them.

    Finds habits that make images large, and traps that keep them from starting. PATH is a Dockerfile or a folder; in a
    folder all Dockerfiles that git does not ignore are checked. [default: the current folder]
    """
    del debug
    if unsafe_fixes and not fix:
        raise UsageError("--unsafe-fixes asks for nothing without --fix.")
    request = _configured(
        LintRequest(
            paths=paths,
            settings=LintSettings(trusted_bases=(*TRUSTED_BASES, *trusted_bases)),
            fix=fix,
            unsafe_fixes=unsafe_fixes,
        ),
        config_file,
    )
    files = lint_paths(request)
    match format_:
        case "json":
            text = render_lint_json(files)
        case "github":
            text = render_lint_github(files)
        case "sarif":
            from weighbridge.report.sarif import render_lint_sarif  # noqa: PLC0415 - the other formats start without it

            text = render_lint_sarif(files)
        case _:
            text = render_lint_text(files)
    click.echo(text, nl=False)
    return exit_code_of_lint(files, None if fail_level == "never" else Severity(fail_level))


def _configured(request: LintRequest, config_file: Path | None) -> LintRequest:
    """`request` with what the configuration says: trusted images, exclusions, decisions about all images."""
    file = config_file or _find_config(Path.cwd())
    if file is None:
        return request
    from weighbridge.config import load_config  # noqa: PLC0415 - most repositories have none, and YAML is slow to load

    config = load_config(Path(), file)
    return LintRequest(
        paths=request.paths,
        settings=LintSettings(trusted_bases=(*request.settings.trusted_bases, *config.lint.trusted_bases)),
        ignores=[Ignore(code=one.code, reason=one.reason) for one in config.checks.ignore if one.image is None],
        exclude=config.discover.exclude,
        fix=request.fix,
        unsafe_fixes=request.unsafe_fixes,
    )


def _find_config(folder: Path) -> Path | None:
    """The configuration of the repository that `folder` is in."""
    for one in (folder, *folder.parents):
        if (one / _CONFIG).is_file():
            return one / _CONFIG
        if (one / ".git").exists():
            return None
    return None
