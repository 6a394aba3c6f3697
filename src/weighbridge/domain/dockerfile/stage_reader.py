"""Turns the instructions of a Dockerfile to stages: their variables, their sources and their triggers.

Sources of the rules: BuildKit's ``frontend/dockerfile`` (``instructions`` and ``dockerfile2llb``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NoReturn

from e2b_dockerfile_utils import DockerfileInstruction, parse_dockerfile_ast

from weighbridge.domain.dockerfile.instruction_words import (
    is_heredoc,
    plain_words,
    read_flags,
    read_mount,
    whole_text,
)
from weighbridge.domain.dockerfile.model import Dockerfile, Heredoc, Instruction, Origin, Source, Stage
from weighbridge.domain.dockerfile.variables import Expanded, ExpansionBudget, Scope
from weighbridge.errors import DockerfileError

MAXIMUM_SHOWN = 200
"""Maximum number of characters of a Dockerfile in a message."""
MESSAGE_PREFIX = re.compile(r"Dockerfile parse error(?: on line \d+)?: ")
"""What the parser's messages begin with."""

_MAXIMUM_STAGES = 200
_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")
_ONBUILD = re.compile(r"\s*onbuild(?:\s+|$)", re.IGNORECASE)
_STAGE_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)
"""A stage by its number, as Go's ``strconv.Atoi`` reads it."""
_MAXIMUM_STAGE_NUMBER = 1_000
"""Maximum length of a number with leading zeros."""
_REMOTE = re.compile(r"(?:https?|git|ssh)://|[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+:", re.ASCII)

_EXPANDED_WORDS = frozenset({"ADD", "COPY", "EXPOSE", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"})
_EXACTLY_ONE = frozenset({"MAINTAINER", "STOPSIGNAL", "USER", "WORKDIR"})
_AT_LEAST_ONE = frozenset({"ARG", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "RUN", "VOLUME"})
_MOUNTS_WITH_SOURCE = frozenset({"bind", "cache"})


class _OpenStage:
    """A stage that is not yet complete."""

    def __init__(self, stage: Stage, scope: Scope) -> None:
        self.stage = stage
        self.scope = scope
        self.instructions: list[Instruction] = []


class StageReader:
    """Reads instructions in order, and tracks the stages and the variables at the current place."""

    def __init__(self, *, path: str, escape: str, build_args: Mapping[str, str], platform: str) -> None:
        self._path = path
        self._escape = escape
        self._build_args = build_args
        self._budget = ExpansionBudget()
        predefined = platform_arguments(platform, build_args)
        self._global = Scope(escape=escape, complete=True, budget=self._budget, values=predefined)
        self._global_args: dict[str, str | None] = {}
        self._global_values = {name: Expanded(text=value) for name, value in predefined.items()}
        self._stages: list[_OpenStage] = []
        self._stage_by_name: dict[str, int] = {}

    def finish(self, directives: Mapping[str, str]) -> Dockerfile:
        """The Dockerfile of all instructions read. Raises DockerfileError if it has no stage."""
        if not self._stages:
            raise DockerfileError(f"{self._path}: there is no FROM: nothing can be built")
        stages = tuple(replace(one.stage, instructions=tuple(one.instructions)) for one in self._stages)
        return Dockerfile(
            path=self._path,
            stages=stages,
            global_args=self._global_args,
            directives=directives,
        )

    def read(self, node: DockerfileInstruction, *, is_heredoc_trigger: bool) -> None:
        """Read the next instruction; `is_heredoc_trigger` if its ``ONBUILD`` was removed. Raises DockerfileError."""
        if node.name == "FROM":
            self._read_from(node)
        elif not self._stages:
            if node.name != "ARG":
                self._refuse(node.start_line, f"{node.name} before the first FROM: only ARG is allowed there")
            self._check_arguments(node, tuple(map(whole_text, node.args)))
            self._read_global_arg(node)
        else:
            current = self._stages[-1]
            instruction = self._onbuild(node) if is_heredoc_trigger else self._instruction(node, current.scope)
            current.instructions.append(instruction)
            self._apply(current.instructions[-1], current.scope)

    def _read_from(self, node: DockerfileInstruction) -> None:
        words = node.args
        if len(words) not in {1, 3} or (len(words) == 3 and words[1].upper() != "AS"):
            self._refuse(node.start_line, "FROM requires an image or a stage, and at most AS and a name after it")
        name = words[2].lower() if len(words) == 3 else None
        if name is not None and _STAGE_NAME.fullmatch(name) is None:
            self._refuse(
                node.start_line,
                f"invalid name for a build stage: {words[2][:MAXIMUM_SHOWN]!r}: it begins with a letter and holds"
                " letters, digits, '-', '_' and '.'",
            )
        if len(self._stages) >= _MAXIMUM_STAGES:
            self._refuse(node.start_line, f"more than {_MAXIMUM_STAGES} stages are not supported")
        base = self._global.expand(words[0])
        instruction = self._instruction(node, self._global)._replace(
            expanded=(base.text, *words[1:]), unknown_variables=base.unknown
        )
        parent = None if base.unknown else self._stage_by_name.get(base.text)
        platform = instruction.flag("platform")
        index = len(self._stages)
        stage = Stage(
            index=index,
            name=name,
            base="" if base.unknown else base.text,
            parent=parent,
            platform=None if platform is None else self._global.expand(platform).text,
            from_instruction=instruction,
            instructions=(),
        )
        self._stages.append(self._open_stage(stage))
        if name is not None:
            self._stage_by_name[name] = index

    def _open_stage(self, stage: Stage) -> _OpenStage:
        """`stage` with its initial variables, and the triggers of its parent."""
        if stage.parent is None:
            scope = Scope(escape=self._escape, complete=stage.is_from_scratch, budget=self._budget)
            return _OpenStage(stage=stage, scope=scope)
        parent = self._stages[stage.parent]
        scope = parent.scope.child()
        return _OpenStage(stage=replace(stage, triggers=self._run_triggers(parent, scope)), scope=scope)

    def _run_triggers(self, parent: _OpenStage, scope: Scope) -> tuple[Instruction, ...]:
        """The parent's ``ONBUILD`` instructions as run in the child stage, in the child's scope."""
        triggers = []
        for one in parent.instructions:
            if one.trigger is not None and one.trigger.name not in {"ONBUILD", "FROM"}:
                expanded = self._in_scope(one.trigger, scope)
                self._apply(expanded, scope)
                triggers.append(expanded)
        return tuple(triggers)

    def _instruction(self, node: DockerfileInstruction, scope: Scope) -> Instruction:
        args = tuple(map(whole_text, node.args))
        if node.name in {"ADD", "COPY"} and not node.json:
            args = plain_words(node.original, args)
        self._check_arguments(node, args)
        trigger = self._parse_trigger(node) if node.name == "ONBUILD" else None
        if trigger is not None:
            args = (trigger.original,)
        instruction = Instruction(
            name=node.name,
            line=node.start_line,
            end_line=node.end_line,
            original=node.original.strip(),
            args=args,
            expanded=args,
            flags=read_flags(node.flags),
            is_exec_form=node.json,
            heredocs=tuple(
                Heredoc(name=one.name, content=one.content, expand=one.expand, chomp=one.chomp) for one in node.heredocs
            ),
            trigger=trigger,
        )
        return self._in_scope(instruction, scope)

    def _in_scope(self, instruction: Instruction, scope: Scope) -> Instruction:
        """`instruction` with expanded words and resolved sources, in `scope`."""
        unknown: dict[str, None] = {}
        words = [Expanded(text=word) for word in instruction.args]
        for index, word in enumerate(instruction.args):
            if instruction.name in _EXPANDED_WORDS or (instruction.name in {"ENV", "LABEL"} and index % 3 < 2):
                words[index] = scope.expand(word)
                unknown.update(dict.fromkeys(words[index].unknown))
        sources: tuple[Source, ...] = ()
        if instruction.name in {"ADD", "COPY"}:
            sources = self._copied(instruction, words)
        elif instruction.name == "RUN":
            sources = self._mounted(instruction, scope)
        return instruction._replace(
            expanded=tuple(word.text for word in words),
            unknown_variables=tuple(unknown),
            sources=sources,
        )

    def _apply(self, instruction: Instruction, scope: Scope) -> None:
        """Set the variables of ``ENV`` and ``ARG`` for the following instructions."""
        if instruction.name == "ENV":
            # All values of one ENV are expanded before any of them is set.
            values = [
                (scope.expand(instruction.args[i]), scope.expand(instruction.args[i + 1]))
                for i in range(0, len(instruction.args) - 2, 3)
            ]
            for name, value in values:
                scope.set_environment(name.text, value)
        elif instruction.name == "ARG":
            for word in instruction.args:
                key, has_default, default = word.partition("=")
                if key in self._build_args:
                    scope.set_argument(key, Expanded(text=self._build_args[key]))
                elif has_default:
                    scope.set_argument(key, scope.expand(default))
                elif key in self._global_values:
                    scope.set_argument(key, self._global_values[key])

    def _read_global_arg(self, node: DockerfileInstruction) -> None:
        for word in node.args:
            name, has_default, default = word.partition("=")
            if name in self._build_args:
                value = Expanded(text=self._build_args[name])
            elif has_default:
                value = self._global.expand(default)
            else:
                self._global_args.setdefault(name, None)
                continue
            self._global.set(name, value)
            self._global_values[name] = value
            self._global_args[name] = None if value.unknown else value.text

    def _onbuild(self, node: DockerfileInstruction) -> Instruction:
        """The ``ONBUILD`` of a heredoc, whose `node` is the instruction that a child stage runs."""
        trigger = self._instruction(node, self._unexpanded())
        return Instruction(
            name="ONBUILD",
            line=trigger.line,
            end_line=trigger.end_line,
            original=f"ONBUILD {trigger.original}",
            args=(trigger.original,),
            expanded=(trigger.original,),
            flags={},
            is_exec_form=False,
            trigger=trigger,
        )

    def _unexpanded(self) -> Scope:
        return Scope(escape=self._escape, complete=False, budget=self._budget)

    def _parse_trigger(self, node: DockerfileInstruction) -> Instruction:
        """The instruction after ``ONBUILD``; its words are expanded when a child stage runs it."""
        expression = _ONBUILD.sub("", node.original, count=1).strip()
        if not expression:
            self._refuse(node.start_line, "ONBUILD requires at least one argument")
        name = expression.split(maxsplit=1)[0].upper()
        if name in {"ONBUILD", "FROM", "MAINTAINER"}:
            self._refuse(node.start_line, f"{name} isn't allowed as an ONBUILD trigger")
        try:
            found = parse_dockerfile_ast(expression).instructions
        except (ValueError, RecursionError, re.error) as error:
            message = MESSAGE_PREFIX.sub("", str(error), count=1)[:MAXIMUM_SHOWN]
            raise DockerfileError(f"{self._path}:{node.start_line}: ONBUILD: {message}") from error
        if len(found) != 1:
            self._refuse(node.start_line, "ONBUILD requires exactly one instruction")
        trigger = found[0]
        trigger.start_line, trigger.end_line = node.start_line, node.end_line
        return self._instruction(trigger, self._unexpanded())

    def _copied(self, instruction: Instruction, words: Sequence[Expanded]) -> tuple[Source, ...]:
        """The sources of a ``COPY`` or ``ADD`` with expanded words; the last word is the destination."""
        destination = words[-1].text
        stage, image = self._from(instruction.flag("from"), instruction.line)
        documents = {one.name for one in instruction.heredocs}
        sources = []
        for word, path in zip(instruction.args[:-1], words, strict=False):
            if documents and is_heredoc(word, documents):
                origin = Origin.HEREDOC
            else:
                origin = Origin.CONTEXT
                if stage is not None:
                    origin = Origin.STAGE
                elif image is not None:
                    origin = Origin.IMAGE
                elif instruction.name == "ADD" and _REMOTE.match(path.text):
                    origin = Origin.REMOTE
            sources.append(
                Source(
                    origin=origin,
                    path=path.text,
                    written=word,
                    line=instruction.line,
                    destination=destination,
                    stage=stage if origin is Origin.STAGE else None,
                    image=image if origin is Origin.IMAGE else None,
                    unknown_variables=path.unknown,
                )
            )
        return tuple(sources)

    def _mounted(self, instruction: Instruction, scope: Scope) -> tuple[Source, ...]:
        """The sources of ``RUN --mount``: bind mounts (the default type), and cache mounts that begin with a stage."""
        sources = []
        for value in instruction.flags.get("mount", ()):
            options = read_mount(value)
            kind = options.get("type", "bind").lower()
            if "$" in kind:
                kind = "bind"  # The variable may have this value.
            given = options.get("from")
            if kind not in _MOUNTS_WITH_SOURCE or (kind == "cache" and not given):
                continue
            stage, image = self._from(given, instruction.line)
            written = options.get("source") or options.get("src") or "."
            target = options.get("target") or options.get("dst") or options.get("destination")
            path = scope.expand(written)
            origin = Origin.CONTEXT if not given else Origin.STAGE if stage is not None else Origin.IMAGE
            sources.append(
                Source(
                    origin=origin,
                    path=path.text,
                    written=written,
                    line=instruction.line,
                    destination=None if target is None else scope.expand(target).text,
                    stage=stage,
                    image=image,
                    unknown_variables=path.unknown,
                    is_mount=True,
                )
            )
        return tuple(sources)

    def _from(self, given: str | None, line: int) -> tuple[int | None, str | None]:
        """The target of ``--from`` (or ``from=`` of a mount): the index of an earlier stage, or an image."""
        if not given:
            return None, None
        if _STAGE_NUMBER.fullmatch(given) is not None:
            number = int(given) if len(given) <= _MAXIMUM_STAGE_NUMBER else -1
            if not 0 <= number < len(self._stages):
                count = len(self._stages)
                self._refuse(
                    line, f"invalid stage index {given[:MAXIMUM_SHOWN]} in --from: there are {count} stages so far"
                )
            return number, None
        index = self._stage_by_name.get(given.lower())
        return (index, None) if index is not None else (None, given)

    def _check_arguments(self, node: DockerfileInstruction, args: Sequence[str]) -> None:
        name, line = node.name, node.start_line
        if name in {"ADD", "COPY"} and len(args) < 2:
            self._refuse(line, f"{name} requires at least a source and a destination")
        if name in _EXACTLY_ONE and len(args) != 1:
            self._refuse(line, f"{name} requires exactly one argument")
        if name in _AT_LEAST_ONE and not args and not node.json:
            self._refuse(line, f"{name} requires at least one argument")
        if name == "SHELL" and (not node.json or not args):
            self._refuse(line, 'SHELL requires its arguments in JSON form, as in SHELL ["/bin/sh", "-c"]')
        if name in {"ENV", "LABEL"} and any(not args[i] for i in range(0, len(args), 3)):
            self._refuse(line, f"{name} names can not be blank")
        if name == "ARG" and any(word.startswith("=") for word in args):
            self._refuse(line, "ARG names can not be blank")
        if name == "HEALTHCHECK" and args and args[0].upper() not in {"NONE", "CMD"}:
            self._refuse(line, f"unknown type {args[0][:MAXIMUM_SHOWN]!r} in HEALTHCHECK: use CMD or NONE")

    def _refuse(self, line: int, message: str) -> NoReturn:
        raise DockerfileError(f"{self._path}:{line}: {message}")


def platform_arguments(platform: str, build_args: Mapping[str, str]) -> dict[str, str]:
    """The predefined arguments of the global scope; assumes that the build platform equals the target platform."""
    os_name, _, rest = platform.partition("/")
    architecture, _, variant = rest.partition("/")
    values: dict[str, str] = {}
    for prefix in ("TARGET", "BUILD"):
        values |= {
            f"{prefix}PLATFORM": platform,
            f"{prefix}OS": os_name,
            f"{prefix}ARCH": architecture,
            f"{prefix}VARIANT": variant,
        }
    return {name: build_args.get(name, value) for name, value in values.items()}
