"""Finds builds in GitHub workflows: build-push-action and similar, matrices, reusable workflows, actions, scripts.

Source: docker/build-push-action, inputs ``context`` and ``file``; GitHub's workflow syntax (``strategy.matrix``,
``workflow_call.inputs``, expressions). Expressions with functions or parentheses are holes.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from weighbridge.plan.evidence import yaml_tree
from weighbridge.plan.evidence.commands import TextPlace, build_commands
from weighbridge.plan.evidence.model import HOLE, ROOT_MARK, BuildCommand, EvidenceKind
from weighbridge.plan.evidence.yaml_tree import items, mapping, nonempty_text

_MAXIMUM_COMBINATIONS = 256
_MAXIMUM_STEPS = 500
_MAXIMUM_COMMANDS = 2_000
_MAXIMUM_DEPTH = 3
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_COMPARISON = re.compile(r"([\w.'/ -]{1,200}?)\s*(==|!=)\s*([\w.'/ -]{1,200})")
_BUILD_ACTION = re.compile(r"(?:^|/)(?:docker-)?(?:build-push-action|buildah-build|build-and-push)(?:@|/|$)")
_DOCKERFILE_KEYS = (
    "file",
    "dockerfile",
    "containerfiles",
    "dockerfiles",
    "dockerfile-path",
    "dockerfile_path",
    "docker-file",
    "docker_file",
    "containerfile",
)
_CONTEXT_KEYS = (
    "context",
    "build-context",
    "build_context",
    "docker-context",
    "docker_context",
    "context-path",
    "context_path",
    "dockerfile-context",
    "working-directory",
    "working_directory",
)

Files = Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scope:
    """The values that expressions can use in one place, by full name: ``matrix.x``, ``inputs.x``, ``env.x``."""

    values: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""

    def filled(self, text: str) -> str:
        """`text` with its expressions replaced; an unknown one becomes a hole."""
        return _EXPRESSION.sub(lambda match: self._value(match[1]), text)

    def _value(self, expression: str) -> str:
        """The value of ``A && B || C`` with names, literals and comparisons; a hole where it depends on the unknown."""
        for alternative in expression.split("||"):
            value: str | None = ""
            for operand in alternative.split("&&"):
                value = self._operand(operand.strip())
                if not value:
                    break
            if value is None:
                break
            if value:
                return value
        return f"{HOLE}{re.sub(r'[^A-Za-z0-9_.]', '_', expression.strip())}{HOLE}"

    def _operand(self, text: str) -> str | None:
        """The value of one operand: empty for false, ``None`` where it is unknown."""
        compared = _COMPARISON.fullmatch(text)
        if compared is not None:
            left, right = self._operand(compared[1]), self._operand(compared[3])
            if left is None or right is None:
                return None
            return "true" if (left.lower() == right.lower()) == (compared[2] == "==") else ""
        if len(text) > 1 and text[0] == "'" and text[-1] == "'" and "'" not in text[1:-1]:
            return text[1:-1]
        if text in {"github.workspace", "runner.workspace"}:
            return ROOT_MARK
        value = self.values.get(text)
        if value is None:
            return "" if re.fullmatch(r"inputs\.[\w-]+", text) else None
        return value

    def shell_variables(self) -> dict[str, str]:
        """The environment of a step's script."""
        return {name[4:]: value for name, value in self.values.items() if name.startswith("env.") and "$" not in value}


def workflow_commands(path: str, files: Files) -> Iterator[BuildCommand]:
    """The builds of the workflow `path`. `files` holds the workflows and the actions of the tree, by path."""
    counted = itertools.islice(_workflow(path, files, _Scope(), depth=0), _MAXIMUM_COMMANDS)
    yield from (replace(one, kind=EvidenceKind.WORKFLOW) for one in counted)


def _read(path: str, files: Files) -> yaml_tree.Mapping:
    data = files.get(path)
    documents = yaml_tree.read_yaml(data.decode("utf-8", "replace")) if data is not None else []
    return mapping(documents[0] if documents else None)


def _workflow(path: str, files: Files, scope: _Scope, *, depth: int) -> Iterator[BuildCommand]:
    top = _read(path, files)
    defaults = _input_defaults(mapping(mapping(top.get("on")).get("workflow_call")))
    defaults |= _input_defaults(mapping(mapping(top.get("on")).get("workflow_dispatch")))
    scope = replace(scope, values={**defaults, **scope.values})
    scope = _with_environment(scope, top)
    scope = _with_folder(scope, top)
    for job in map(mapping, mapping(top.get("jobs")).values()):
        for combination in _combinations(mapping(job.get("strategy")).get("matrix")):
            inner = replace(scope, values={**scope.values, **combination})
            inner = _with_folder(_with_environment(inner, job), job)
            uses = nonempty_text(job.get("uses"))
            if uses is not None:
                yield from _call(uses, job, path, files, inner, depth=depth)
            yield from _steps(job.get("steps"), path, files, inner, depth=depth)


def _input_defaults(declared: yaml_tree.Mapping) -> dict[str, str]:
    inputs = mapping(declared.get("inputs"))
    return {f"inputs.{name}": nonempty_text(mapping(one).get("default")) or "" for name, one in inputs.items()}


def _with_environment(scope: _Scope, owner: yaml_tree.Mapping) -> _Scope:
    found = {
        f"env.{name}": scope.filled(value)
        for name, value in mapping(owner.get("env")).items()
        if isinstance(value, str)
    }
    return replace(scope, values={**scope.values, **found}) if found else scope


def _with_folder(scope: _Scope, owner: yaml_tree.Mapping) -> _Scope:
    run = mapping(mapping(owner.get("defaults")).get("run"))
    folder = nonempty_text(run.get("working-directory"))
    return scope if folder is None else replace(scope, folder=scope.filled(folder))


def _combinations(matrix: Any) -> Iterator[dict[str, str]]:
    """The combinations of a matrix: expressions with their values. One empty combination without a matrix."""
    declared = mapping(matrix)
    axes = {
        key: value for key, value in declared.items() if key not in {"include", "exclude"} and isinstance(value, list)
    }
    includes = [mapping(one) for one in items(declared.get("include"))]
    count = 0
    if axes:
        for values in itertools.product(*axes.values()):
            if count >= _MAXIMUM_COMBINATIONS:
                return
            combination = dict(zip(axes, values, strict=True))
            for include in includes:
                shared = [key for key in include if key in axes]
                if shared and all(include[key] == combination[key] for key in shared):
                    combination |= include
            count += 1
            yield _flat("matrix", combination)
    for include in includes:
        if count >= _MAXIMUM_COMBINATIONS:
            return
        count += 1
        yield _flat("matrix", include)
    if not count:
        yield {}


def _flat(prefix: str, value: Any, depth: int = 0) -> dict[str, str]:
    if isinstance(value, str):
        return {prefix: value}
    if isinstance(value, dict) and depth < _MAXIMUM_DEPTH:
        found: dict[str, str] = {}
        for key, one in list(value.items())[:100]:
            found |= _flat(f"{prefix}.{key}", one, depth + 1)
        return found
    return {}


def _steps(steps: Any, path: str, files: Files, scope: _Scope, *, depth: int) -> Iterator[BuildCommand]:
    for step in map(mapping, items(steps)[:_MAXIMUM_STEPS]):
        uses, run = nonempty_text(step.get("uses")), nonempty_text(step.get("run"))
        inner = _with_environment(scope, step)
        if run is not None:
            folder = inner.filled(nonempty_text(step.get("working-directory")) or inner.folder or ".")
            place = TextPlace(
                kind=EvidenceKind.WORKFLOW,
                file=path,
                folders=(folder,),
                first_line=step.line_of("run") + 1,
                keeps_folder=True,
            )
            yield from build_commands(inner.filled(run), place, variables=inner.shell_variables())
        elif uses is not None:
            yield from _call(uses, step, path, files, inner, depth=depth)


def _call(
    uses: str, caller: yaml_tree.Mapping, path: str, files: Files, scope: _Scope, *, depth: int
) -> Iterator[BuildCommand]:
    """The builds of an action or a reusable workflow with the ``with`` of its caller."""
    given = mapping(caller.get("with"))
    if uses.startswith("./") and depth < _MAXIMUM_DEPTH:
        local = posixpath.normpath(uses.partition("@")[0])
        values = {f"inputs.{name}": scope.filled(one) for name, one in given.items() if isinstance(one, str)}
        if local in files:
            yield from _workflow(local, files, _Scope(values=values), depth=depth + 1)
            return
        for name in ("action.yml", "action.yaml"):
            action = f"{local}/{name}"
            if action in files:
                top = _read(action, files)
                inner = _Scope(values={**_input_defaults(top), **values})
                yield from _steps(mapping(top.get("runs")).get("steps"), action, files, inner, depth=depth + 1)
                return
    keys = {key.lower(): key for key in given}
    written = next((given[keys[key]] for key in _DOCKERFILE_KEYS if key in keys), None)
    context = next((given[keys[key]] for key in _CONTEXT_KEYS if key in keys), None)
    is_known = _BUILD_ACTION.search(uses) is not None
    if not is_known and (not isinstance(written, str) or not isinstance(context, str)):
        return
    yield from _of_action(given, written, context, scope, path)


def _of_action(
    given: yaml_tree.Mapping, written: Any, context: Any, scope: _Scope, path: str
) -> Iterator[BuildCommand]:
    folder = scope.filled(context).strip() if isinstance(context, str) and context else "."
    dockerfile = scope.filled(written).strip() if isinstance(written, str) and written else None
    is_in_context = False
    if folder.startswith("{{defaultContext}}"):
        folder, is_in_context = folder.removeprefix("{{defaultContext}}").lstrip(":") or ".", True
    if "://" in folder or "{{" in folder or not _is_plain(folder) or (dockerfile and not _is_plain(dockerfile)):
        return
    line = given.line_of(*_DOCKERFILE_KEYS, *_CONTEXT_KEYS)
    for one in (dockerfile or "").split("\n") if dockerfile else [None]:
        yield BuildCommand(
            kind=EvidenceKind.WORKFLOW,
            dockerfile=one.strip() if one else None,
            context=folder,
            folders=(".",),
            file=path,
            line=line,
            dockerfile_is_in_context=is_in_context,
        )


def _is_plain(path: str) -> bool:
    return not any(letter in path for letter in "*?[]{}<>$'\"") and len(path) < 1_000
