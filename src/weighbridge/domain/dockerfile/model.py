"""The model of a Dockerfile: stages, instructions, and their sources.

Terms are those of the Dockerfile reference. Values are frozen; nothing here reads a file.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from weighbridge.domain.lines import lines_of
from weighbridge.errors import DockerfileError


class Origin(enum.StrEnum):
    """The origin of a source."""

    CONTEXT = "context"
    STAGE = "stage"
    IMAGE = "image"
    REMOTE = "remote"
    HEREDOC = "heredoc"


class Heredoc(NamedTuple):
    """A here-document of ``RUN``, ``COPY`` or ``ADD``. `content` is raw, with the newline of each line."""

    name: str
    content: str
    expand: bool
    chomp: bool


class Source(NamedTuple):
    """One source of a ``COPY``, an ``ADD`` or a ``RUN --mount``.

    `path` is the source with its variables expanded. `unknown_variables` names those without a known value (set by the
    base image or by a build argument that was not given); `path` then still contains them. `stage` is the index of the
    stage for ``Origin.STAGE``; `image` the reference for ``Origin.IMAGE`` (or a named build context, which looks
    alike).
    """

    origin: Origin
    path: str
    written: str
    line: int
    destination: str | None
    stage: int | None = None
    image: str | None = None
    unknown_variables: tuple[str, ...] = ()
    is_mount: bool = False


class Instruction(NamedTuple):
    """One instruction, from `line` to `end_line` of the file.

    `original` is the instruction with its continuation lines joined, as BuildKit joins them. `args` are as written
    (for ``ENV`` and ``LABEL``: name, value, delimiter triples); `expanded` are the same with variables expanded where
    BuildKit expands them, and `unknown_variables` names those without a known value. `flags` maps a flag's name without
    its dashes to its values; a bare flag has the value ``""``. `trigger` is the instruction after an ``ONBUILD``.
    """

    name: str
    line: int
    end_line: int
    original: str
    args: tuple[str, ...]
    expanded: tuple[str, ...]
    unknown_variables: tuple[str, ...] = ()
    flags: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    is_exec_form: bool = False
    heredocs: tuple[Heredoc, ...] = ()
    sources: tuple[Source, ...] = ()
    trigger: Instruction | None = None

    @property
    def text(self) -> str:
        """The instruction on one line; for a here-document its first line, as in BuildKit's progress."""
        joined = " ".join(self.original.split())
        if not self.heredocs:
            return joined
        lines = lines_of(self.heredocs[0].content.strip())
        summary = " ".join(lines[0].split()) if lines else ""
        return f"{joined} ({summary}{'...' if len(lines) > 1 else ''})"

    def flag(self, name: str) -> str | None:
        """The last value of a flag, or ``None`` if the instruction does not have it."""
        values = self.flags.get(name)
        return values[-1] if values else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One stage. `base` is the image in ``FROM``, expanded; `parent` is the index of the stage that it names, if any.

    `base` is ``""`` if expansion leaves nothing (a build argument without a value): the base is unknown then, and
    BuildKit refuses to build. `triggers` are the parent stage's ``ONBUILD`` instructions, which run first. `name` is in
    lower case, because BuildKit ignores case.
    """

    index: int
    name: str | None
    base: str
    parent: int | None
    platform: str | None
    from_instruction: Instruction
    instructions: tuple[Instruction, ...]
    triggers: tuple[Instruction, ...] = ()

    @property
    def line(self) -> int:
        """The line of ``FROM``."""
        return self.from_instruction.line

    @property
    def is_from_scratch(self) -> bool:
        """True for a stage ``FROM scratch``."""
        return self.parent is None and self.base == "scratch"

    @property
    def label(self) -> str:
        """The stage's name or number, as accepted by ``--from``."""
        return self.name or str(self.index)

    @property
    def sources(self) -> tuple[Source, ...]:
        """All sources that this stage copies or mounts, in order; its parent's triggers come first."""
        return tuple(source for one in (*self.triggers, *self.instructions) for source in one.sources)


class Dockerfile(NamedTuple):
    """A whole Dockerfile. `path` is its name in messages; `directives` are ``syntax``, ``escape`` and ``check``.

    `global_args` are the values of the ``ARG`` instructions before the first ``FROM``, with the build's arguments
    applied; ``None`` without a value. `varies_by_platform` is true if the sources depend on a predefined platform
    argument without a given value: they are then valid for one platform only.
    """

    path: str
    stages: tuple[Stage, ...]
    global_args: Mapping[str, str | None]
    directives: Mapping[str, str]
    varies_by_platform: bool = False

    def final_stage(self, target: str | None = None) -> Stage:
        """The stage to build: `target`, by default the last stage.

        Raises DockerfileError if `target` does not exist.
        """
        if target is None:
            return self.stages[-1]
        for stage in reversed(self.stages):
            if stage.name == target.lower():
                return stage
        names = ", ".join(stage.name for stage in self.stages if stage.name)
        known = f"it has {names[:500]}" if names else "no stage of it has a name (FROM … AS NAME)"
        raise DockerfileError(f"{self.path}: there is no stage {target!r}: {known}")

    def chain(self, stage: Stage) -> tuple[Stage, ...]:
        """`stage` and its parents through ``FROM``, lowest first."""
        chain = [stage]
        while (parent := chain[-1].parent) is not None:
            chain.append(self.stages[parent])
        return tuple(reversed(chain))

    def reachable_stages(self, target: str | None = None) -> tuple[Stage, ...]:
        """The stages that `target` needs through ``FROM``, ``COPY --from`` and mounts, in the file's order."""
        seen: set[int] = set()
        waiting = [self.final_stage(target).index]
        while waiting:
            index = waiting.pop()
            if index in seen:
                continue
            seen.add(index)
            stage = self.stages[index]
            if stage.parent is not None:
                waiting.append(stage.parent)
            waiting += [source.stage for source in stage.sources if source.stage is not None]
        return tuple(self.stages[index] for index in sorted(seen))

    def context_sources(self, target: str | None = None) -> tuple[Source, ...]:
        """The sources in the build context that `target` reads."""
        return tuple(
            source
            for stage in self.reachable_stages(target)
            for source in stage.sources
            if source.origin is Origin.CONTEXT
        )

    def images(self, target: str | None = None) -> tuple[str, ...]:
        """The images that `target` needs for ``FROM``, ``COPY --from`` and mounts, without duplicates, in order."""
        found: dict[str, None] = {}
        for stage in self.reachable_stages(target):
            if stage.parent is None and stage.base and not stage.is_from_scratch:
                found[stage.base] = None
            for source in stage.sources:
                if source.image is not None:
                    found[source.image] = None
        return tuple(found)
