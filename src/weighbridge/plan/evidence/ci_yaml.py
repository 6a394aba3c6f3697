"""Finds builds in CI files that name a Dockerfile and a context as values: CircleCI orbs, Azure tasks, Drone plugins.

Sources: the orbs ``circleci/docker`` (``docker/build``) and ``circleci/aws-ecr`` (``dockerfile`` in ``path``), Azure
Pipelines' ``Docker@2`` (``Dockerfile``, ``buildContext``), Drone's and Woodpecker's ``plugins/docker`` (``dockerfile``,
``context``). Commands of their scripts are read as text.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import Any

from weighbridge.plan.evidence import yaml_tree
from weighbridge.plan.evidence.model import BuildCommand, EvidenceKind
from weighbridge.plan.evidence.yaml_tree import mapping, nonempty_text
from weighbridge.plan.tree import ROOT

_MAXIMUM_MAPPINGS = 20_000
_ORBS = ("docker/", "docker-", "aws-ecr/", "gcp-gcr/", "gcp-artifact-registry/", "azure-acr/")
_ORB_CONTEXTS = ("docker-context", "docker_context", "build-path", "build_path")
_PLUGINS = ("plugins/docker", "plugins/ecr", "plugins/gcr", "plugins/gar", "plugins/kaniko", "plugin-docker-buildx")


def ci_file_commands(text: str, path: str) -> Iterator[BuildCommand]:
    """The builds of a CI file whose steps name the Dockerfile and the context. Paths are from the root."""
    waiting: list[Any] = list(yaml_tree.read_yaml(text))
    seen: set[int] = set()
    while waiting and len(seen) < _MAXIMUM_MAPPINGS:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, yaml_tree.Mapping):
            yield from _of_step(value, path)
            waiting += value.values()


def _of_step(step: yaml_tree.Mapping, path: str) -> Iterator[BuildCommand]:
    task, image = nonempty_text(step.get("task")) or "", nonempty_text(step.get("image")) or ""
    if task.startswith("Docker@"):
        inputs = mapping(step.get("inputs"))
        command = nonempty_text(inputs.get("command")) or "buildAndPush"
        dockerfile, context = nonempty_text(inputs.get("Dockerfile")), nonempty_text(inputs.get("buildContext"))
        if dockerfile is not None and command.lower() in {"build", "buildandpush"}:
            default = posixpath.dirname(dockerfile) or ROOT  # the default "**" is the folder of the Dockerfile
            is_default = context in {None, "**"}
            yield from _command(inputs, path, dockerfile, default if is_default else context or ROOT, "Dockerfile")
    if any(plugin in image for plugin in _PLUGINS):
        settings = mapping(step.get("settings"))
        context = nonempty_text(settings.get("context")) or ROOT
        dockerfile = nonempty_text(settings.get("dockerfile")) or posixpath.join(context, "Dockerfile")
        yield from _command(settings, path, dockerfile, context, "dockerfile")
    for name, given in step.items():
        if name.startswith(_ORBS) and isinstance(given, yaml_tree.Mapping):
            folder = nonempty_text(given.get("path")) or ROOT
            dockerfile = posixpath.join(folder, nonempty_text(given.get("dockerfile")) or "Dockerfile")
            stated = next((found for key in _ORB_CONTEXTS if (found := nonempty_text(given.get(key)))), None)
            if stated is None and folder != ROOT:
                continue  # versions of the orb differ: the context is the path or the root
            yield from _command(given, path, dockerfile, stated or ROOT, "dockerfile", "path")


def _command(place: yaml_tree.Mapping, path: str, dockerfile: str, context: str, *keys: str) -> Iterator[BuildCommand]:
    dockerfile, context = (
        one.replace("$(Build.SourcesDirectory)/", "").replace("$(Build.SourcesDirectory)", ROOT)
        for one in (dockerfile, context)
    )
    if any(sign in dockerfile + context for sign in ("$", "<<", "*", "{{")):
        return
    yield BuildCommand(
        kind=EvidenceKind.PIPELINE,
        dockerfile=posixpath.normpath(dockerfile.removeprefix("/")),
        context=context.removeprefix("/") or ROOT,
        folders=(ROOT,),
        file=path,
        line=place.line_of(*keys),
    )
