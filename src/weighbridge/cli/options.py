"""The options that commands share, and the value objects that carry them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

from weighbridge.domain.gate.settings import FailOn, OnUnknown
from weighbridge.durations import parse_duration

_FORMATS = ("table", "markdown", "json", "html", "badge")


def _duration(context: click.Context, parameter: click.Parameter, value: str) -> float:
    del context
    try:
        return parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error), param=parameter) from error


def _pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Parses ``NAME=VALUE``. ``NAME`` alone takes its value from the environment, as docker does."""
    del context
    pairs: dict[str, str] = {}
    for value in values:
        name, separator, given = value.partition("=")
        if not name:
            raise click.BadParameter(f"{value!r} has no name. Write NAME=VALUE.", param=parameter)
        if not separator and name not in os.environ:
            raise click.BadParameter(f"{name!r} has no value and is not set in the environment", param=parameter)
        pairs[name] = given if separator else os.environ[name]
    return pairs


def _secrets(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, Path]:
    """Parses ``id=NAME,src=FILE`` as docker does. A secret from the environment is not supported: name a file."""
    del context
    found: dict[str, Path] = {}
    for value in values:
        given = dict(part.partition("=")[::2] for part in value.split(","))
        file = given.get("src") or given.get("source")
        if not given.get("id") or not file:
            raise click.BadParameter(f"{value!r} has no id or no src. Write id=NAME,src=FILE.", param=parameter)
        if not Path(file).is_file():
            raise click.BadParameter(f"{file}: no such file", param=parameter)
        found[given["id"]] = Path(file).absolute()
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputOptions:
    """Files and format of the report."""

    format_: str | None
    outputs: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOptions:
    """Options of every command that reads images."""

    platform: str | None
    cache_dir: Path | None
    read_storage: str
    verbose: bool
    quiet: bool
    debug: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RangeOptions:
    """Selects commits and images of a repository."""

    base: str | None
    head: str | None
    repo: Path
    config_file: Path | None
    image_globs: tuple[str, ...]
    all_images: bool
    all_dockerfiles: bool
    prepare: bool
    build_args: dict[str, str]
    secret_files: dict[str, Path]
    target: str | None
    context: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildOptions:
    """Options of builds."""

    builder: str | None
    cache_from: tuple[str, ...]
    cache_to: tuple[str, ...]
    build_timeout: float
    jobs: int | None
    keep: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class GateOptions:
    """Limits from the command line. They override the configuration file."""

    max_increase: str | None
    max_size: str | None
    max_new_size: str | None
    on_unknown: str | None
    fail_on: str | None


def _checked_platform(context: click.Context, parameter: click.Parameter, platform: str | None) -> str | None:
    """A callback of click: rejects a text that is no platform before anything is built."""
    if platform is None:
        return None
    from weighbridge.config.grammar import PLATFORM  # noqa: PLC0415 - YAML is slow to load

    if PLATFORM.fullmatch(platform) is None:
        raise click.BadParameter(f"{platform!r} is not a platform such as linux/arm64.", context, parameter)
    return platform


def _group(name: str, group: type[Any], *options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns a decorator that declares `options` and passes their values as one `group` object named `name`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(**values: Any) -> Any:
            taken = {field.name: values.pop(field.name) for field in fields(group)}
            return function(**values, **{name: group(**taken)})

        for option in reversed(options):
            call = option(call)
        return call

    return decorate


cache_dir_option = click.option(
    "--cache-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for measured layers, images and sizes. [default: the user's cache directory]",
)
debug_option = click.option("--debug", is_flag=True, help="Shows the traceback of an error.")
start_option = click.option(
    "--start",
    is_flag=True,
    help="Also starts the image: no network, read-only, no capabilities, 256 MiB, 10 s.",
)
existing_config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Configuration file with limits, checks and tips. [default: none]",
)
from_image_option = click.option(
    "--from-image",
    metavar="IMAGE",
    help="Base image of the images, to tell its layers apart. [default: from annotations or labels]",
)
output_options = _group(
    "output",
    OutputOptions,
    click.option("--format", "format_", type=click.Choice(_FORMATS), help="Format of the report. [default: table]"),
    click.option(
        "--output",
        "outputs",
        type=click.Path(dir_okay=False, path_type=Path),
        multiple=True,
        metavar="FILE",
        help="Writes the report to FILE in the format of its suffix (.json .md .html .txt). Repeatable.",
    ),
)
run_options = _group(
    "run",
    RunOptions,
    click.option("--platform", callback=_checked_platform, help="Builds and reads this platform, such as linux/arm64."),
    cache_dir_option,
    click.option(
        "--read-storage",
        type=click.Choice(["auto", "never"]),
        default="auto",
        show_default=True,
        help="auto: reads the engine's storage folder, from inside a container through a short-lived helper container."
        " never: always uses docker save.",
    ),
    click.option("-v", "--verbose", is_flag=True, help="Shows all build output."),
    click.option("--quiet", is_flag=True, help="Shows warnings and results only."),
    debug_option,
)
range_options = _group(
    "ranged",
    RangeOptions,
    click.argument("base", required=False),
    click.argument("head", required=False),
    click.option(
        "--repo",
        type=click.Path(file_okay=False, path_type=Path),
        default=Path(),
        help="Git repository. [default: .]",
    ),
    click.option(
        "--config",
        "config_file",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Configuration file. [default: .github/weighbridge.yml in the repository]",
    ),
    click.option("--image", "image_globs", multiple=True, metavar="GLOB", help="Selects images by name. Repeatable."),
    click.option("--all", "all_images", is_flag=True, help="Also builds images that the range does not affect."),
    click.option(
        "--all-dockerfiles",
        is_flag=True,
        help="Also plans vendored Dockerfiles, test data, development containers and templates.",
    ),
    click.option(
        "--prepare",
        is_flag=True,
        help="Runs the prepare commands of base's configuration before builds, on this machine.",
    ),
    click.option(
        "--build-arg",
        "build_args",
        callback=_pairs,
        multiple=True,
        metavar="NAME=VALUE",
        help="Build argument. Repeatable.",
    ),
    click.option(
        "--secret",
        "secret_files",
        callback=_secrets,
        multiple=True,
        metavar="id=NAME,src=FILE",
        help="Secret file for RUN --mount=type=secret. Its contents are masked. Repeatable.",
    ),
    click.option("--target", help="Builds this stage of every Dockerfile. [default: the last]"),
    click.option(
        "--context",
        help="Build context from the repository's root, for Dockerfiles without configuration.",
    ),
)
build_options = _group(
    "building",
    BuildOptions,
    click.option("--builder", metavar="NAME", help="Builder of buildx. [default: the current one]"),
    click.option(
        "--cache-from",
        multiple=True,
        metavar="PLACE",
        help="Source of build cache, as for docker buildx build: type=registry,ref=…, type=gha, …"
        " {image} and {side} are replaced. Repeatable.",
    ),
    click.option(
        "--cache-to",
        multiple=True,
        metavar="PLACE",
        help="Destination of build cache. Only base's builds write, unless PLACE has {side}. Repeatable.",
    ),
    click.option("--build-timeout", callback=_duration, default="30m", show_default=True, help="Timeout per build."),
    click.option(
        "--jobs",
        type=click.IntRange(1, 64),
        metavar="N",
        help="Maximum parallel builds. [default: one per processor, at most 8]",
    ),
    click.option("--keep", is_flag=True, help="Keeps the built images and prints their names."),
)
gate_options = _group(
    "gate",
    GateOptions,
    click.option("--max-increase", metavar="LIMIT", help='Fails if an image grows by more, e.g. "+10%", "+5MB".'),
    click.option("--max-size", metavar="SIZE", help='Fails if an image is larger, e.g. "500MB".'),
    click.option("--max-new-size", metavar="SIZE", help="Fails if an image that base does not have is larger."),
    click.option(
        "--on-unknown",
        type=click.Choice([one.value for one in OnUnknown]),
        help="Fails or warns if --max-increase cannot be checked. [default: fail]",
    ),
    click.option(
        "--fail-on",
        type=click.Choice([one.value for one in FailOn]),
        help="Error findings that fail the run: new ones, all, or none.",
    ),
)
