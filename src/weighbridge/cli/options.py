"""The options of the commands, each written once, and the objects that hand their values on."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

from weighbridge.domain.gate.verdict import FailOn
from weighbridge.durations import parse_duration

_FORMATS = ("table", "markdown", "json", "html")


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


cache_dir_option = click.option(
    "--cache-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep what is learned of layers, bases and sizes here. [default: the user's cache directory]",
)
debug_option = click.option("--debug", is_flag=True, help="Show the traceback of an error.")
start_option = click.option(
    "--start",
    is_flag=True,
    help="Really start the image, too: no network, read-only, no capabilities, 256 MiB, 10 s at most; then remove it.",
)
existing_config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A configuration file: its limits, checks and tips. Without it only the options count.",
)
output_options = _group(
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
run_options = _group(
    "run",
    RunOptions,
    click.option("--platform", help="Build and read this platform, such as linux/arm64."),
    cache_dir_option,
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
build_options = _group(
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
gate_options = _group(
    "gate",
    GateOptions,
    click.option("--max-increase", metavar="LIMIT", help='Close the gate on more growth, such as "+10%" or "+5MB".'),
    click.option("--max-size", metavar="SIZE", help='Close the gate on larger images, such as "500MB".'),
    click.option(
        "--fail-on", type=click.Choice([one.value for one in FailOn]), help="Which error findings close the gate."
    ),
)
