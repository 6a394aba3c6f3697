"""Finds the ``RUN`` that most likely created a file which a ``COPY`` takes from another stage."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weighbridge.domain.causes.repository import RepositorySide
from weighbridge.domain.dockerfile.model import Instruction, Origin, Stage

_MAX_TEXT_LENGTH = 20_000
_BETWEEN_WORDS = re.compile(r"[\s=/'\"]+")
_BUILDS = re.compile(
    r"\b(?:go (?:build|install)|gcc|g\+\+|cc|clang|make|cmake|ninja|cargo|rustc|javac|mvnw?|gradlew?|dotnet|npm run"
    r"|yarn (?:run )?build|pnpm (?:run )?build|tsc|esbuild|webpack|vite|zig|swiftc?|bazel|meson|pyinstaller|build)\b"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Commands:
    """The commands of a stage and its parents: the last ``RUN`` that has each word, and the instruction without one."""

    runs: Sequence[Instruction]
    by_word: Mapping[str, int]
    otherwise: Instruction | None


class MakerFinder:
    """Finds the makers of one side's files. An image has many files of a stage, so its commands are read once."""

    def __init__(self, side: RepositorySide) -> None:
        self._side = side
        self._commands: dict[int, _Commands] = {}
        self._of_copies: dict[tuple[int, int], Instruction | None] = {}

    def find(self, stage: Stage, instruction: Instruction, path: str) -> Instruction | None:
        """`instruction` if it is no copy, otherwise an instruction of `stage`; ``None`` if the stage has none.

        In this order: the last ``RUN`` that names the file, the last one that names a source of `instruction`, the
        last one that builds something, the last ``RUN``, the last copy from another stage or image.
        """
        if instruction.name not in {"COPY", "ADD"}:
            return instruction
        commands = self._commands_of(stage)
        number = commands.by_word.get(posixpath.basename(path))
        if number is not None:
            return commands.runs[number]
        key = id(stage), id(instruction)
        if key not in self._of_copies:
            sources = {posixpath.basename(one.path.rstrip("/")) for one in instruction.sources} - {"", "."}
            number = max((commands.by_word[one] for one in sources if one in commands.by_word), default=None)
            self._of_copies[key] = commands.runs[number] if number is not None else commands.otherwise
        return self._of_copies[key]

    def _commands_of(self, stage: Stage) -> _Commands:
        found = self._commands.get(id(stage))
        if found is None:
            instructions = [one for each in self._side.dockerfile.chain(stage) for one in each.instructions]
            runs = [one for one in instructions if one.name == "RUN"]
            texts = [one.original[:_MAX_TEXT_LENGTH] for one in runs]
            builders = [one for one, text in zip(runs, texts, strict=True) if _BUILDS.search(text)]
            copies = [
                one
                for one in instructions
                if one.name in {"COPY", "ADD"} and any(source.origin is not Origin.CONTEXT for source in one.sources)
            ]
            found = self._commands[id(stage)] = _Commands(
                runs=runs,
                by_word={word: number for number, text in enumerate(texts) for word in _BETWEEN_WORDS.split(text)},
                otherwise=next((of[-1] for of in (builders, runs, copies) if of), None),
            )
        return found
