"""Finds builds in the files of other build tools: skaffold, Cloud Build, goreleaser, package.json.

Sources: skaffold's schema (``build.artifacts``: ``context``, ``docker.dockerfile`` from the context), Cloud Build's
``steps`` (the arguments of a docker step).
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator

from weighbridge.plan.evidence import yaml_tree
from weighbridge.plan.evidence.commands import TextPlace, build_commands
from weighbridge.plan.evidence.model import BuildCommand, BuildEvidence, EvidenceKind
from weighbridge.plan.evidence.yaml_tree import items, mapping, nonempty_text
from weighbridge.plan.tree import ROOT

_MAXIMUM = 1_000


def skaffold_commands(text: str, path: str) -> Iterator[BuildCommand]:
    """The Docker artifacts of a ``skaffold.yaml``."""
    folder = posixpath.dirname(path) or ROOT
    for document in yaml_tree.read_yaml(text):
        builds = [mapping(mapping(document).get("build"))]
        builds += [mapping(mapping(one).get("build")) for one in items(mapping(document).get("profiles"))[:_MAXIMUM]]
        for build in builds:
            for artifact in map(mapping, items(build.get("artifacts"))[:_MAXIMUM]):
                if any(other in artifact for other in ("bazel", "ko", "jib", "buildpacks", "custom")):
                    continue
                written = nonempty_text(mapping(artifact.get("docker")).get("dockerfile"))
                written = written or nonempty_text(mapping(artifact.get("kaniko")).get("dockerfile"))
                yield BuildCommand(
                    kind=EvidenceKind.PIPELINE,
                    dockerfile=written,
                    context=nonempty_text(artifact.get("context")) or ROOT,
                    folders=(folder,),
                    file=path,
                    line=artifact.line_of("context", "docker", "image"),
                    dockerfile_is_in_context=True,
                )


def cloud_build_commands(text: str, path: str) -> Iterator[BuildCommand]:
    """The docker steps of a ``cloudbuild.yaml``. They run in the root unless ``dir`` names another folder."""
    for document in yaml_tree.read_yaml(text):
        for step in map(mapping, items(mapping(document).get("steps"))[:_MAXIMUM]):
            arguments = [one for one in items(step.get("args")) if isinstance(one, str)]
            if "docker" in (nonempty_text(step.get("name")) or "") and arguments[:1] in (["build"], ["buildx"]):
                line = "docker " + " ".join(f'"{one}"' if " " in one else one for one in arguments)
                place = TextPlace(
                    kind=EvidenceKind.PIPELINE,
                    file=path,
                    folders=(nonempty_text(step.get("dir")) or ROOT,),
                    first_line=step.line_of("args"),
                )
                yield from build_commands(line, place)


def release_evidence(text: str, path: str) -> Iterator[BuildEvidence]:
    """The Dockerfiles that goreleaser builds, each in a temporary folder with the binaries (``dockers``)."""
    folder = posixpath.dirname(path) or ROOT
    for document in yaml_tree.read_yaml(text):
        for key in ("dockers", "dockers_v2"):
            for image in map(mapping, items(mapping(document).get(key))[:_MAXIMUM]):
                written = nonempty_text(image.get("dockerfile")) or "Dockerfile"
                yield BuildEvidence(
                    kind=EvidenceKind.RELEASE,
                    dockerfile=posixpath.normpath(posixpath.join(folder, written)),
                    context="",
                    file=path,
                    line=image.line_of("dockerfile", "image_templates"),
                )


def package_commands(text: str, path: str) -> Iterator[BuildCommand]:
    """The build commands in the ``scripts`` of a ``package.json``."""
    try:
        package = json.loads(text)
    except (ValueError, RecursionError):
        return
    scripts = package.get("scripts") if isinstance(package, dict) else None
    folder = posixpath.dirname(path) or ROOT
    for script in list(scripts.values())[:_MAXIMUM] if isinstance(scripts, dict) else ():
        if isinstance(script, str):
            line = text.count("\n", 0, max(0, text.find(json.dumps(script)))) + 1
            yield from build_commands(
                script, TextPlace(kind=EvidenceKind.SCRIPT, file=path, folders=(folder,), first_line=line)
            )
