"""Splits the final stage of a Dockerfile into a build part and a runtime part."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.domain.dockerfile import Instruction, Stage, parse_dockerfile
from weighbridge.domain.dockerfile.edits import Edit, EditSet, apply_edits
from weighbridge.domain.lines import lines_of
from weighbridge.domain.lint.context import LintContext
from weighbridge.domain.lint.model import LintSettings
from weighbridge.domain.lint.shell_form import exec_form_edits
from weighbridge.domain.lint.stages import free_name
from weighbridge.domain.tips.tip import DockerfileSource, TipChange
from weighbridge.errors import DockerfileError

_SETTINGS = frozenset(
    {"CMD", "ENTRYPOINT", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "STOPSIGNAL", "USER", "VOLUME"}
)
"""Instructions that create no files. They configure the running container."""
_MOVES = _SETTINGS - {"USER"}
_ONLY_FOR_BUILDS = re.compile(
    r"CGO_\w+|GO(?:FLAGS|PATH|PROXY|SUMDB|PRIVATE|OS|ARCH|CACHE|MODCACHE|TOOLCHAIN|111MODULE)|GO111MODULE|DEBIAN_FRONTEND"
    r"|CARGO_\w+|RUSTFLAGS|RUSTUP_\w+|CC|CXX|CPP|AR|LD|CFLAGS|CXXFLAGS|CPPFLAGS|LDFLAGS|MAKEFLAGS|PKG_CONFIG\w*|LC_ALL"
    r"|PIP_\w+|NPM_CONFIG_\w+|npm_config_\w+|MAVEN_\w+|GRADLE_\w+"
)
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """The final stage, cut after its last ``RUN``: `before` builds, `after` stays in the final stage."""

    stage: Stage
    before: tuple[Instruction, ...]
    after: tuple[Instruction, ...]

    @property
    def since_line(self) -> int | None:
        """The first line of `after`; ``None`` if it is empty."""
        return self.after[0].line if self.after else None

    def last(self, *names: str) -> Instruction | None:
        """The last instruction with one of these names, in both parts."""
        return next((one for one in reversed((*self.before, *self.after)) if one.name in names), None)


class Written:
    """One Dockerfile, with the operations that proposals use to edit its final stage."""

    def __init__(self, source: DockerfileSource) -> None:
        self.source = source
        self.context = LintContext(source.text, source.dockerfile, LintSettings(), target=source.target)
        self.stage = self.context.final
        self.newline = self.context.newline

    @property
    def is_plain(self) -> bool:
        """True if the final stage has no parent stage, no triggers and no other shell."""
        names = {one.name for one in self.stage.instructions}
        return (
            self.stage.parent is None
            and not names & {"ONBUILD", "SHELL"}
            and self.source.dockerfile.directives.get("escape") != "`"
        )

    def cut(self) -> Cut:
        """The final stage, cut after its last ``RUN``."""
        instructions = self.stage.instructions
        at = max((index + 1 for index, one in enumerate(instructions) if one.name == "RUN"), default=0)
        return Cut(stage=self.stage, before=instructions[:at], after=instructions[at:])

    def text(self, instruction: Instruction) -> str:
        """The instruction's text in the file, without the newline at its end."""
        return self.context.source(instruction).rstrip()

    def name(self) -> tuple[str, tuple[Edit, ...]]:
        """The name for the old final stage once a new one follows, and the edits that set it.

        The new final stage takes over the name of a stage that is built by name.
        """
        stage = self.stage
        line = self.context.source(stage.from_instruction)
        begin, _ = self.context.span(stage.line, stage.from_instruction.end_line)
        if stage.name is not None and self.source.target is None:
            return stage.name, ()
        free = free_name(self.source.dockerfile.stages, stage.index)
        end = begin + len(line.rstrip())
        if stage.name is None:
            return free, (Edit(start=end, end=end, replacement=f" AS {free}"),)
        return free, (Edit(start=end - len(line.split()[-1]), end=end, replacement=free),)

    def settings_before(self, cut: Cut) -> tuple[tuple[str, ...], tuple[Edit, ...]]:
        """The container settings of `before` as text for the new stage, and the edits that remove them.

        Repeats ``ENV`` and ``USER``, because the build may need them too. Settings of builds stay. Copies ``ARG`` if
        the new stage uses its variable.
        """
        moved: list[Instruction] = []
        last_of = {one.name: one for one in (*cut.before, *cut.after)}
        for one in cut.before:
            once = one.name in {"CMD", "ENTRYPOINT", "HEALTHCHECK", "STOPSIGNAL"}
            if one.name in _MOVES and not (once and last_of[one.name] is not one):
                moved.append(one)
        repeated = [one for one in cut.before if one.name == "ENV" and not _is_for_builds(one)]
        users = [one for one in cut.before if one.name == "USER"]
        if users and users[-1].args[0] not in {"root", "0"}:
            repeated.append(users[-1])
        used = set(_VARIABLE.findall("\n".join(map(self.text, (*moved, *repeated, *cut.after)))))
        arguments = [
            one for one in cut.before if one.name == "ARG" and used & {word.partition("=")[0] for word in one.args}
        ]
        kept = sorted((*arguments, *moved, *repeated), key=lambda one: one.line)
        return tuple(map(self.text, kept)), tuple(self._without(one) for one in moved)

    def exec_forms(self, cut: Cut) -> tuple[Edit, ...] | None:
        """The edits that convert commands to exec form, for a base without a shell; ``None`` if impossible."""
        edits: list[Edit] = []
        for name in ("CMD", "ENTRYPOINT", "HEALTHCHECK"):
            one = cut.last(name)
            if one is None or one.is_exec_form or not one.args or one.args[0].upper() == "NONE":
                continue
            edit = exec_form_edits(self.context, self.stage, one) if one in cut.after else ()
            if not edit:
                return None
            edits += edit
        return tuple(edits)

    def inserted(self, cut: Cut, lines: Sequence[str]) -> Edit:
        """The edit that inserts a blank line and `lines` after `cut.before`."""
        last = cut.before[-1] if cut.before else cut.stage.from_instruction
        _, end = self.context.span(last.line, last.end_line)
        if self.source.text[end : end + 1] == "\r":
            end += 1
        has_newline = end < len(self.source.text)
        block = self.newline.join(("", *(self.newline.join(lines_of(line)) for line in lines)))
        if has_newline:
            return Edit(start=end + 1, end=end + 1, replacement=block + self.newline)
        return Edit(start=end, end=end, replacement=self.newline + block)

    def second_stage(
        self,
        cut: Cut,
        base: str,
        folder: str,
        lines: Sequence[str],
        *,
        first: Sequence[str] = (),
        edits: tuple[Edit, ...] = (),
    ) -> TipChange | None:
        """The change that adds a stage on `base` after the cut, with the folder `folder`, `lines` and the settings.

        `first` are lines at the end of the previous stage; `edits` change it.
        """
        settings, removals = self.settings_before(cut)
        _, named = self.name()
        target = f" AS {self.source.target}" if self.source.target else ""
        begin = [f"FROM {base}{target}"]
        if posixpath.normpath(folder or "/") != "/":
            begin.append(f"WORKDIR {folder}")
        inserted = self.inserted(cut, [*begin, *lines, *settings])
        if first:
            block = "".join(f"{self.newline}{line}" for line in first)
            text = inserted.replacement
            has_newline = inserted.end < len(self.source.text) or self.source.text.endswith("\n")
            replacement = f"{block.removeprefix(self.newline)}{self.newline}{text}" if has_newline else block + text
            inserted = Edit(start=inserted.start, end=inserted.end, replacement=replacement)
        return self.change((*named, *removals, *edits, inserted))

    def change(self, edits: Sequence[Edit]) -> TipChange | None:
        """The edits as one change; ``None`` if they overlap, or if the result does not parse."""
        taken = EditSet()
        if not all(taken.add((edit,)) for edit in _joined(edits)):
            return None
        before = self.source.dockerfile
        try:
            after = parse_dockerfile(apply_edits(self.source.text, taken.edits), path=before.path)
            after.final_stage(self.source.target)
        except DockerfileError:
            return None
        return TipChange(edits=taken.edits) if len(after.stages) - len(before.stages) in {0, 1} else None

    def replacing(self, start: int, end: int, replacement: str) -> TipChange:
        """The change of one range of the file."""
        return TipChange(edits=(Edit(start=start, end=end, replacement=replacement),))

    def _without(self, instruction: Instruction) -> Edit:
        """The edit that removes an instruction and the comment directly above it."""
        text = self.source.text
        first = instruction.line
        while first > 1:
            begin, end = self.context.span(first - 1, first - 1)
            above = text[begin:end].strip()
            if not above.startswith("#") or (first - 1 <= 3 and "=" in above):
                break
            first -= 1
        begin, _ = self.context.span(first, instruction.end_line)
        _, end = self.context.span(instruction.end_line, instruction.end_line)
        newline = text.find("\n", end)
        return Edit(start=begin, end=len(text) if newline < 0 else newline + 1, replacement="")


def _joined(edits: Sequence[Edit]) -> list[Edit]:
    """The edits, with adjacent edits joined."""
    joined: list[Edit] = []
    for edit in sorted(edits, key=lambda one: (one.start, one.end)):
        last = joined[-1] if joined else None
        if last is not None and last.end == edit.start:
            joined[-1] = Edit(start=last.start, end=edit.end, replacement=last.replacement + edit.replacement)
        else:
            joined.append(edit)
    return joined


def _is_for_builds(instruction: Instruction) -> bool:
    """True for an ``ENV`` that only sets variables of compilers and package managers."""
    return all(_ONLY_FOR_BUILDS.fullmatch(name) for name in instruction.args[::3])
