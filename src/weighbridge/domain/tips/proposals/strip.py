"""``strip-binaries`` with the flag that leaves symbols out, where one plain command makes the program."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from weighbridge.domain.edits import Edit
from weighbridge.domain.lint.shell import Command
from weighbridge.domain.tips.model import Tip
from weighbridge.domain.tips.proposals.needs import Needs
from weighbridge.domain.tips.proposals.static import compilations, runs
from weighbridge.domain.tips.proposals.written import Written
from weighbridge.domain.weighed import WeighedImage

_COMPILERS = re.compile(r"(?:[\w-]+-)?(?:gcc|cc|clang|g\+\+|c\+\+|clang\+\+)(?:-[\d.]+)?")
_CARGO_STRIPS = "CARGO_PROFILE_RELEASE_STRIP=symbols"


def with_strip_flags(tips: Iterable[Tip], image: WeighedImage, written: Written, needs: Needs) -> tuple[Tip, ...]:
    """The tips, the one about the layer of the image's own program with the change that strips it at its build."""
    line = next((layer.line for layer in image.layers if layer.diff_id == needs.program.diff_id), None)
    edits = tuple(_edits(written))
    return tuple(
        replace(tip, change=written.change(edits))
        if edits and tip.code == "strip-binaries" and tip.change is None and line is not None and tip.line == line
        else tip
        for tip in tips
    )


def _edits(written: Written) -> Iterator[Edit]:
    """The flag of the only command that builds a program; none where several do, or where it has flags of its own."""
    commands = [
        command
        for _, script in runs(written)
        for command in script.commands
        if script.has_places and command.name in {"go", "rustc", "cargo"} and _builds(command)
    ]
    commands += [command for _, _, command in compilations(written, _COMPILERS)]
    if len(commands) != 1:
        return
    (command,) = commands
    values = command.values
    match command.name:
        case "go":
            if not any(value.startswith(("-ldflags", "--ldflags")) for value in values):
                yield _insertion(command.arguments[0].end, ' -ldflags="-s -w"')
        case "rustc":
            if not any("strip" in value for value in values):
                yield _insertion(command.end, " -C strip=symbols")
        case "cargo":
            if {"--release", "-r"} & set(values) and "CARGO_PROFILE_RELEASE_STRIP" not in command.assigned:
                yield _insertion(command.start, f"{_CARGO_STRIPS} ")
        case _:
            if not {"-s", "-g"} & set(values) and not any("strip" in value for value in values):
                yield _insertion(command.end, " -s")


def _builds(command: Command) -> bool:
    if command.name == "rustc":
        return not any("--crate-type" in value or value in {"--version", "-V"} for value in command.values)
    return command.values[:1] in {("build",), ("install",)}


def _insertion(place: int, text: str) -> Edit:
    return Edit(start=place, end=place, replacement=text)
