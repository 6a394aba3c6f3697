"""The command line: parse, construct the clients, map errors to exit codes. Nothing else happens here.

What only some commands need (GitHub's client, the main job, the templates, the table) is imported where it is used: it
takes longer to load than a known image takes to weigh.
"""

from __future__ import annotations

import functools
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from weighbridge import __version__
from weighbridge.build.builder import BuildSettings
from weighbridge.build.cache import BuildCaches, parse_cache_source, parse_cache_target
from weighbridge.build.client import find_build_client
from weighbridge.config import Config, config_schema, load_config, parse_branch
from weighbridge.domain.limits import parse_limit, parse_size
from weighbridge.domain.verdict import FailOn
from weighbridge.durations import parse_duration
from weighbridge.engine import connect
from weighbridge.errors import EXIT_CODE_MEANING, ExitCode, UsageError
from weighbridge.fanout_command import merge_files, print_plan, read_report
from weighbridge.history_command import HistoryRequest, print_history
from weighbridge.layers.cache import LayerCache, default_cache_folder
from weighbridge.layers.helper import storage_helper
from weighbridge.layers.measured import Measurements
from weighbridge.layers.reader import LayerReader
from weighbridge.layers.reference import parse_image_reference
from weighbridge.lint_command import lint
from weighbridge.plan.shares import MAXIMUM_JOBS, parse_part
from weighbridge.process import exit_with, run_command
from weighbridge.progress import Lines, Progress, Silent
from weighbridge.report.assemble import exit_code_of
from weighbridge.report.model import Report, encode_report, report_schema
from weighbridge.steps.request import DiffRequest, Tools

if TYPE_CHECKING:
    from rich.console import Console

_FORMATS = ("table", "markdown", "json", "html")
_FORMAT_OF_SUFFIX = {".json": "json", ".md": "markdown", ".markdown": "markdown", ".html": "html", ".txt": "table"}
_FILE_WIDTH = 120
_EXIT_CODES = "\n".join(["\b", "Exit codes:", *(f"  {code:3d}  {text}" for code, text in EXIT_CODE_MEANING.items())])


# --- options, each written once -----------------------------------------------------------------------------------


def _duration(context: click.Context, parameter: click.Parameter, value: str) -> float:
    del context
    try:
        return parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error), param=parameter) from error


def _pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """``NAME=VALUE``; ``NAME`` alone takes the value from the environment, as docker does."""
    del context
    pairs: dict[str, str] = {}
    for value in values:
        name, separator, given = value.partition("=")
        if not name:
            raise click.BadParameter(f"{value!r} has no name; write NAME=VALUE", param=parameter)
        if not separator and name not in os.environ:
            raise click.BadParameter(f"{name!r} has no value, here or in the environment", param=parameter)
        pairs[name] = given if separator else os.environ[name]
    return pairs


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputOptions:
    """Where the report goes and how it looks there."""

    format_: str | None
    outputs: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """What every command that reads images takes."""

    platform: str | None
    cache_dir: Path | None
    read_storage: str
    verbose: bool
    quiet: bool
    debug: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RangeOptions:
    """Which images of which commits, as far as the repository alone decides it."""

    base: str | None
    head: str | None
    repo: Path
    config_file: Path | None
    image_globs: tuple[str, ...]
    all_images: bool
    build_args: dict[str, str]
    target: str | None
    context: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildOptions:
    """How and by whom images are built, and what happens to them."""

    builder: str | None
    cache_from: tuple[str, ...]
    cache_to: tuple[str, ...]
    build_timeout: float
    jobs: int | None
    keep: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class GateOptions:
    """Limits given on the command line; they stand above those of the configuration."""

    max_increase: str | None
    max_size: str | None
    fail_on: str | None


def _group(name: str, group: type[Any], *options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that declares `options` and hands their values on as one `group` object called `name`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(**values: Any) -> Any:
            taken = {field.name: values.pop(field.name) for field in fields(group)}
            return function(**values, **{name: group(**taken)})

        for option in reversed(options):
            call = option(call)
        return call

    return decorate


_cache_dir_option = click.option(
    "--cache-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep what is learned of layers, bases and sizes here. [default: the user's cache directory]",
)
_debug_option = click.option("--debug", is_flag=True, help="Show the traceback of an error.")
_start_option = click.option(
    "--start",
    is_flag=True,
    help="Really start the image, too: no network, read-only, no capabilities, 256 MiB, 10 s at most; then remove it.",
)
_existing_config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A configuration file: its limits, checks and tips. Without it only the options count.",
)
_output_options = _group(
    "output",
    OutputOptions,
    click.option("--format", "format_", type=click.Choice(_FORMATS), help="How to print the report. [default: table]"),
    click.option(
        "--output",
        "outputs",
        type=click.Path(dir_okay=False, path_type=Path),
        multiple=True,
        metavar="FILE",
        help="Write the report to FILE, in the format of its suffix (.json .md .html .txt). Repeatable.",
    ),
)
_run_options = _group(
    "run",
    RunOptions,
    click.option("--platform", help="Build and read this platform, such as linux/arm64."),
    _cache_dir_option,
    click.option(
        "--read-storage",
        type=click.Choice(["auto", "never"]),
        default="auto",
        show_default=True,
        help="Read the engine's storage folder where it can be read, from a container through a short-lived helper"
        " container; never: always docker save.",
    ),
    click.option("-v", "--verbose", is_flag=True, help="Show all of the builds' output."),
    click.option("--quiet", is_flag=True, help="No progress; only warnings and results."),
    _debug_option,
)
_range_options = _group(
    "ranged",
    RangeOptions,
    click.argument("base", required=False),
    click.argument("head", required=False),
    click.option(
        "--repo",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path(),
        help="The git repository. [default: .]",
    ),
    click.option(
        "--config",
        "config_file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="The configuration file. [default: .github/weighbridge.yml in the repository]",
    ),
    click.option(
        "--image", "image_globs", multiple=True, metavar="GLOB", help="Only images of such names. Repeatable."
    ),
    click.option("--all", "all_images", is_flag=True, help="Also build images that nothing in the range affects."),
    click.option(
        "--build-arg",
        "build_args",
        callback=_pairs,
        multiple=True,
        metavar="NAME=VALUE",
        help="As docker build takes it. Repeatable.",
    ),
    click.option("--target", help="Build this stage of every Dockerfile instead of the last."),
    click.option(
        "--context", help="The build context, from the repository's root, for Dockerfiles that no config names."
    ),
)
_build_options = _group(
    "building",
    BuildOptions,
    click.option("--builder", metavar="NAME", help="The buildx builder to use. [default: the one in use]"),
    click.option(
        "--cache-from",
        multiple=True,
        metavar="PLACE",
        help="Take build cache from there, as docker buildx build does: type=registry,ref=…, type=gha, …"
        " {image} and {side} are filled in. Repeatable.",
    ),
    click.option(
        "--cache-to",
        multiple=True,
        metavar="PLACE",
        help="Leave build cache there: base's, and head's too where PLACE says {side}. Repeatable.",
    ),
    click.option("--build-timeout", callback=_duration, default="30m", show_default=True, help="Stop a longer build."),
    click.option(
        "--jobs",
        type=click.IntRange(1, 64),
        metavar="N",
        help="Build so many images at a time. [default: one for each processor, at most 8]",
    ),
    click.option("--keep", is_flag=True, help="Leave the images where they are, and say where that is."),
)
_gate_options = _group(
    "gate",
    GateOptions,
    click.option("--max-increase", metavar="LIMIT", help='Close the gate on more growth, such as "+10%" or "+5MB".'),
    click.option("--max-size", metavar="SIZE", help='Close the gate on larger images, such as "500MB".'),
    click.option(
        "--fail-on", type=click.Choice([one.value for one in FailOn]), help="Which error findings close the gate."
    ),
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help="Weigh container images: what changed in size and why, whether they start, and whether they may pass.",
    epilog=_EXIT_CODES,
)
@click.version_option(__version__, prog_name="weighbridge")
def cli() -> None:
    """The root of all commands."""


cli.add_command(lint)


# --- commands -----------------------------------------------------------------------------------------------------


@cli.command(epilog=_EXIT_CODES)
@_range_options
@_build_options
@click.option(
    "--noise", is_flag=True, help="Build base twice, to see by how much two builds differ; such growth is no failure."
)
@click.option(
    "--verify-tips/--no-verify-tips",
    default=None,
    help="Build the patches of tips and measure them, for images that changed. [default: as configured, else on]",
)
@click.option("--no-cache", is_flag=True, help="Build base, too, where an earlier run has measured it.")
@click.option("--part", metavar="NUMBER/COUNT", help="Weigh one share of the images only; `merge` joins the reports.")
@_start_option
@_gate_options
@_output_options
@_run_options
def diff(
    ranged: RangeOptions,
    *,
    building: BuildOptions,
    noise: bool,
    no_cache: bool,
    start: bool,
    verify_tips: bool | None,
    part: str | None,
    gate: GateOptions,
    output: OutputOptions,
    run: RunOptions,
) -> ExitCode:
    """Build the images of two git revisions and compare them.

    Without HEAD, the commit that is checked out is weighed; without BASE, it is compared with where it left the
    default branch.
    """
    _check_outputs(output)
    request = _range_request(ranged, platform=run.platform)
    config = _with_gate(request.config, gate)
    if verify_tips is not None:
        config = replace(config, tips=replace(config.tips, verify=verify_tips))
    request = replace(
        request,
        config=config,
        build=_build_settings(config, building),
        jobs=building.jobs,
        keep=building.keep,
        measure_noise=noise,
        use_memory=not no_cache,
        start=start,
        part=parse_part(part) if part else None,
    )
    with ThreadPoolExecutor(max_workers=1) as beside:
        client = beside.submit(find_build_client, os.environ)  # starts docker: that need not wait for the imports
        from weighbridge.weigh import weigh_range  # noqa: PLC0415 - see above

        with _tools(run) as tools:
            report = weigh_range(request, replace(tools, find_build_client=client.result))
    _publish(report, output)
    return exit_code_of(report)


@cli.command(epilog=_EXIT_CODES)
@_range_options
@click.option("--platform", help="Plan for this platform, such as linux/arm64.")
@click.option("--explain", is_flag=True, help="Say of every image why it is built or left alone.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option(
    "--max-jobs",
    type=click.IntRange(1, MAXIMUM_JOBS),
    default=MAXIMUM_JOBS,
    show_default=True,
    help="With --format json: the most jobs of the matrix; several images share one then, by earlier build times.",
)
@_cache_dir_option
@_debug_option
def plan(
    ranged: RangeOptions,
    *,
    platform: str | None,
    explain: bool,
    format_: str,
    max_jobs: int,
    cache_dir: Path | None,
    debug: bool,
) -> ExitCode:
    """Say which images `diff` would build, and why. Needs no engine.

    With --format json: a matrix for GitHub, of which each job runs `diff --part`.
    """
    del debug
    request = _range_request(ranged, platform=platform)
    print_plan(
        request,
        format_=format_,
        explain=explain,
        maximum_jobs=max_jobs,
        cache_folder=cache_dir,
        environment=os.environ,
    )
    return ExitCode.PASSED


@cli.command(epilog=_EXIT_CODES)
@click.argument("old")
@click.argument("new")
@_existing_config_option
@_gate_options
@_output_options
@_run_options
def compare(
    old: str,
    new: str,
    *,
    config_file: Path | None,
    gate: GateOptions,
    output: OutputOptions,
    run: RunOptions,
) -> ExitCode:
    """Compare two existing images.

    An image is a name or ID in the engine, or docker-archive:FILE, oci:DIR, oci-archive:FILE, registry:REF.
    """
    _check_outputs(output)
    config = _with_gate(load_config(Path(), config_file) if config_file else Config(), gate)
    from weighbridge.weigh import compare_images  # noqa: PLC0415 - see above

    with _tools(run) as tools:
        report = compare_images(parse_image_reference(old), parse_image_reference(new), config, tools)
    _publish(report, output)
    return exit_code_of(report)


@cli.command(epilog=_EXIT_CODES)
@click.argument("image")
@_start_option
@_existing_config_option
@_gate_options
@_output_options
@_run_options
def inspect(
    image: str,
    *,
    start: bool,
    config_file: Path | None,
    gate: GateOptions,
    output: OutputOptions,
    run: RunOptions,
) -> ExitCode:
    """Show one image: its layers, its waste, and whether it starts.

    IMAGE is a name or ID in the engine, or docker-archive:FILE, oci:DIR, oci-archive:FILE, registry:REF.
    """
    _check_outputs(output)
    config = _with_gate(load_config(Path(), config_file) if config_file else Config(), gate)
    from weighbridge.weigh import inspect_image  # noqa: PLC0415 - see above

    with _tools(run) as tools:
        report = inspect_image(parse_image_reference(image), config, tools, start=start)
    _publish(report, output)
    return exit_code_of(report)


@cli.command(epilog=_EXIT_CODES)
@click.argument("report_file", metavar="REPORT", type=click.Path(dir_okay=False, path_type=Path))
@_output_options
@_debug_option
def render(report_file: Path, *, output: OutputOptions, debug: bool) -> ExitCode:
    """Turn a report.json into Markdown, HTML or a table."""
    del debug
    _check_outputs(output)
    _publish(read_report(report_file), output)
    return ExitCode.PASSED


@cli.command(epilog=_EXIT_CODES)
@click.argument("parts", metavar="PART...", nargs=-1, required=True, type=click.Path(path_type=Path))
@_output_options
@_debug_option
def merge(parts: tuple[Path, ...], *, output: OutputOptions, debug: bool) -> ExitCode:
    """Join the reports of `diff --part` into one.

    PART is a report, or a folder for the .json files below it. A part that is missing or there twice is named, and
    closes the gate.
    """
    del debug
    _check_outputs(output)
    report = merge_files(parts)
    _publish(report, output)
    return exit_code_of(report)


@cli.command(epilog=_EXIT_CODES)
@click.argument("images", metavar="[IMAGE...]", nargs=-1)
@click.option("--repo", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="[default: .]")
@_existing_config_option
@_cache_dir_option
@click.option("--branch", metavar="NAME", help="Read this data branch, too. [default: history.branch as configured]")
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="REPORT",
    help="First add the sizes of this report.json, such as `merge` writes it.",
)
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table", show_default=True)
@_debug_option
def history(
    images: tuple[str, ...],
    *,
    repo: Path,
    config_file: Path | None,
    cache_dir: Path | None,
    branch: str | None,
    record: Path | None,
    format_: str,
    debug: bool,
) -> ExitCode:
    """Show what images weighed on the default branch, commit by commit. IMAGE is a name or a glob."""
    del debug
    print_history(
        HistoryRequest(
            repo=repo,
            config_file=config_file,
            cache_folder=cache_dir,
            branch=_branch(branch),
            images=images,
            report=record,
            format_=format_,
        ),
        os.environ,
    )
    return ExitCode.PASSED


def _branch(name: str | None) -> str | None:
    try:
        return None if name is None else parse_branch(name)
    except ValueError as error:
        raise UsageError(f"--branch: {error}.") from error


@cli.command(epilog=_EXIT_CODES)
@_debug_option
def action(*, debug: bool) -> ExitCode:
    """Run as a step of GitHub Actions.

    Everything it needs to know comes from the environment that the runner sets: see README.md.
    """
    del debug
    from weighbridge.action.run import run_action  # noqa: PLC0415 - see above

    return run_action(os.environ, make_tools=_make_tools, stream=sys.stdout)


@cli.command()
@click.argument("what", type=click.Choice(["report", "config"]))
def schema(what: str) -> ExitCode:
    """Print the JSON Schema of the report or of the configuration."""
    click.echo(json.dumps(report_schema() if what == "report" else config_schema(), indent=2, ensure_ascii=False))
    return ExitCode.PASSED


def _range_request(ranged: RangeOptions, *, platform: str | None) -> DiffRequest:
    return DiffRequest(
        repo=ranged.repo,
        base=ranged.base,
        head=ranged.head,
        config=load_config(ranged.repo, ranged.config_file),
        image_globs=ranged.image_globs,
        all_images=ranged.all_images,
        target=ranged.target,
        context=ranged.context,
        platform=platform,
        build_args=ranged.build_args,
    )


def _build_settings(config: Config, building: BuildOptions) -> BuildSettings:
    """The command line's above the configuration's."""
    return BuildSettings(
        timeout_seconds=building.build_timeout,
        builder_name=building.builder or config.build.builder_name,
        caches=BuildCaches(
            sources=tuple(map(parse_cache_source, building.cache_from)) or config.build.cache_from,
            targets=tuple(map(parse_cache_target, building.cache_to)),
        ),
    )


# --- clients ------------------------------------------------------------------------------------------------------


@contextmanager
def _tools(run: RunOptions) -> Iterator[Tools]:
    """The real clients. The engine is only reached for when an image asks for it."""
    progress = _progress(run)
    try:
        with _make_tools(
            progress=progress,
            platform=run.platform,
            cache_dir=run.cache_dir,
            environment=os.environ,
            read_storage=run.read_storage == "auto",
        ) as tools:
            yield tools
    finally:
        progress.finish()


def _progress(run: RunOptions) -> Silent | Lines:
    """One live view on a terminal; steady lines elsewhere, and where every line is wanted."""
    if run.quiet:
        return Silent(stream=sys.stderr)
    if run.verbose or not sys.stderr.isatty():
        return Lines(verbose=run.verbose)
    from weighbridge.progress_live import LiveView  # noqa: PLC0415 - see above

    return LiveView(sys.stderr)


@contextmanager
def _make_tools(
    *,
    progress: Progress,
    platform: str | None,
    cache_dir: Path | None,
    environment: Mapping[str, str],
    read_storage: bool,
) -> Iterator[Tools]:
    engine = functools.cache(lambda: connect(environment))
    cache_folder = cache_dir or default_cache_folder(os.environ)
    cache = LayerCache(cache_folder)
    with LayerReader(
        engine=engine,
        cache=cache,
        in_place=read_storage,
        helper=storage_helper if read_storage else None,
        say=progress.step,
        progress=lambda reading: progress.reading(reading.what, reading.done_bytes, reading.total_bytes),
        platform=platform,
    ) as reader:
        yield Tools(
            progress=progress,
            reader=reader,
            engine=engine,
            find_build_client=lambda: find_build_client(environment),
            environment=environment,
            measurements=Measurements(cache),
            cache_folder=cache_folder,
        )


def _with_gate(config: Config, gate: GateOptions) -> Config:
    """`config` with the command line's limits above its own, for every image."""
    try:
        increase = parse_limit(gate.max_increase) if gate.max_increase else None
        size_bytes = parse_size(gate.max_size) if gate.max_size else None
    except ValueError as error:
        raise UsageError(str(error)) from error
    return config.with_gate(
        max_increase=increase,
        max_size_bytes=size_bytes,
        max_size_text=gate.max_size,
        fail_on=FailOn(gate.fail_on) if gate.fail_on else None,
    )


# --- results ------------------------------------------------------------------------------------------------------


def _check_outputs(output: OutputOptions) -> None:
    for file in output.outputs:
        if output.format_ is None and file.suffix not in _FORMAT_OF_SUFFIX:
            raise UsageError(
                f"--output {file}: the suffix names no format. Use one of {' '.join(_FORMAT_OF_SUFFIX)}, or --format."
            )
        if not file.absolute().parent.is_dir():
            raise UsageError(f"--output {file}: there is no folder {file.absolute().parent}.")


def _publish(report: Report, output: OutputOptions) -> None:
    """Write the files that were asked for; print to stdout unless there are files and no format was named."""
    for file in output.outputs:
        file.write_text(_text_of(report, _FORMAT_OF_SUFFIX.get(file.suffix) or str(output.format_)), encoding="utf-8")
    if output.format_ in {None, "table"} and not output.outputs:
        from rich.console import Console  # noqa: PLC0415 - see above

        _print_table(report, Console())
    elif not output.outputs:
        click.echo(_text_of(report, str(output.format_)), nl=False)


def _text_of(report: Report, format_: str) -> str:
    match format_:
        case "json":
            return encode_report(report)
        case "markdown":
            from weighbridge.report.markdown import render_markdown  # noqa: PLC0415 - see above

            return render_markdown(report)
        case "html":
            from weighbridge.report.html import render_html  # noqa: PLC0415 - see above

            return render_html(report)
        case _:
            from rich.console import Console  # noqa: PLC0415 - see above

            console = Console(file=io.StringIO(), width=_FILE_WIDTH, record=True)
            _print_table(report, console)
            return console.export_text()


def _print_table(report: Report, console: Console) -> None:
    from weighbridge.report.terminal import render_inspect, render_table  # noqa: PLC0415 - see above

    if report.base is None and len(report.images) == 1:
        render_inspect(report, console)
    else:
        render_table(report, console)


# --- from exceptions to exit codes --------------------------------------------------------------------------------


def run(arguments: Sequence[str]) -> ExitCode:
    """Run the command line and say how it ended."""
    return run_command(cli, arguments)


def main() -> NoReturn:
    """The command line as this process; the console script is in ``__main__.py``."""
    exit_with(cli, sys.argv[1:])
