"""Plans an image on one side of a range: reads its Dockerfile, finds its context, resolves references to images."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from weighbridge.config import DEFAULT_CONFIG
from weighbridge.domain.dockerfile import MAXIMUM_DOCKERFILE_BYTES, Dockerfile, parse_dockerfile
from weighbridge.domain.gate.ignores import inline_ignores, inline_problems
from weighbridge.domain.start.service import ServiceStart
from weighbridge.errors import ConfigError, DefectError, DockerfileError, GitError, MachineError, contain_defects
from weighbridge.plan.build_problem import BuildProblem
from weighbridge.plan.context import ContextSearch, FoundContext
from weighbridge.plan.evidence.read import Evidence
from weighbridge.plan.git import EntryType, Repository
from weighbridge.plan.git_blobs import missing_object, read_present_blobs
from weighbridge.plan.ignore_file import IgnoreFile
from weighbridge.plan.ignore_lookup import IgnoreFiles, ignore_blobs
from weighbridge.plan.image_plan import ContextKind, NamedContext, PlannedSide
from weighbridge.plan.links import LinkedFile
from weighbridge.plan.tree import ROOT, Tree, folders_from
from weighbridge.progress.text import error_line

_MAXIMUM_TOTAL_BYTES = 268_435_456


@dataclass(frozen=True, kw_only=True, slots=True)
class SideDefinition:
    """How to build an image on one side, as far as defined. With `context` ``None``, the context is searched for.

    `contexts` of kind ``IMAGE`` hold the names of images of the plan. `failure` says why it cannot be built here. With
    `is_inline`, no file of the repository is the Dockerfile, and `dockerfile` is the path of the definition file.
    """

    dockerfile: str
    context: str | None = None
    target: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, NamedContext] = field(default_factory=dict)
    failure: str | None = None
    is_inline: bool = False
    starts: tuple[ServiceStart, ...] = ()


class Files:
    """The Dockerfiles and ignore files of both trees, read by one git process."""

    def __init__(
        self,
        repository: Repository,
        trees: Mapping[str, Tree],
        wanted: Iterable[tuple[str, SideDefinition]],
        *,
        evidence: Mapping[str, Evidence] | None = None,
        links: Mapping[str, Mapping[str, LinkedFile]] | None = None,
    ) -> None:
        """`evidence` are the contexts found in each side's files, `links` its Dockerfiles behind symlinks."""
        self.trees = trees
        self.evidence = evidence or {}
        self.links = links or {}
        shas: dict[str, None] = {}
        for side, definition in wanted:
            self._want(shas, side, definition)
        self._data: dict[str, bytes] = {}
        self._ignores = {side: IgnoreFiles(tree, self._data) for side, tree in trees.items()}
        self._parsed: dict[tuple[object, ...], Dockerfile] = {}
        total_bytes = 0
        for sha, data in read_present_blobs(repository, shas, maximum_bytes=MAXIMUM_DOCKERFILE_BYTES) if shas else ():
            if data is None:
                continue
            self._data[sha] = data
            total_bytes += len(data)
            if total_bytes > _MAXIMUM_TOTAL_BYTES:
                raise ConfigError(
                    f"the Dockerfiles exceed {_MAXIMUM_TOTAL_BYTES} bytes together."
                    f" Exclude some: discover.exclude in {DEFAULT_CONFIG}."
                )

    def _want(self, shas: dict[str, None], side: str, definition: SideDefinition) -> None:
        path = definition.dockerfile
        tree = self.trees[side]
        entry = tree.entries.get(self.link_target(side, path) or path)
        if entry is not None and entry.type is not EntryType.SUBMODULE:
            shas[entry.sha] = None
        stated = (one.context for found in self.evidence.values() for one in found.of(path))
        for folder in {*folders_from(posixpath.dirname(path) or ROOT), definition.context or ROOT, *stated}:
            shas.update(dict.fromkeys(ignore_blobs(tree, path, folder)))

    def link_target(self, side: str, path: str) -> str | None:
        """The regular file of the same tree that `path` resolves to through symlinks; ``None`` for any other file."""
        linked = self.links.get(side, {}).get(path)
        return None if linked is None else linked.file

    def has_text(self, side: str, path: str) -> bool:
        """False for a Dockerfile whose content a partial clone lacks."""
        return self._sha(side, path) in self._data

    def text(self, side: str, path: str) -> str:
        """A Dockerfile's text; bytes that are not UTF-8 become U+FFFD. Raises GitError if a partial clone lacks it."""
        sha = self._sha(side, path)
        if sha not in self._data:
            raise GitError(f"{path}: {missing_object(sha)}")
        return self._data[sha].decode("utf-8", "replace")

    def parsed(self, side: str, definition: SideDefinition, platform: str | None) -> Dockerfile:
        """A Dockerfile as built for `platform`; a file of both sides is parsed once. Raises DockerfileError."""
        path = definition.dockerfile
        sha = self._sha(side, path)
        key = (path, sha, platform, tuple(sorted(definition.build_args.items())))
        if key not in self._parsed:
            text = self.text(side, path)
            self._parsed[key] = parse_dockerfile(text, path=path, build_args=definition.build_args, platform=platform)
        return self._parsed[key]

    def _sha(self, side: str, path: str) -> str:
        """The blob of a Dockerfile, also behind symlinks."""
        return self.trees[side].entries[self.link_target(side, path) or path].sha

    def ignore(self, side: str, dockerfile: str, context: str) -> IgnoreFile | None:
        """The ignore file that applies: ``DOCKERFILE.dockerignore``, otherwise the context's ``.dockerignore``."""
        return self._ignores[side].in_force(dockerfile, context)


def plan_side(
    definition: SideDefinition,
    files: Files,
    side: str,
    *,
    image: str,
    platform: str | None,
    image_of_tag: Callable[[str], str | None],
) -> PlannedSide:
    """The side of `image`, built for `platform`. A problem becomes its `failure`.

    `image_of_tag` returns the image of the plan for a reference in the Dockerfile, if any.
    """
    try:
        with contain_defects():
            planned = _read_side(definition, files, side, image=image, platform=platform)
    except (DefectError, MachineError) as error:
        is_defect = isinstance(error, DefectError)
        return PlannedSide(dockerfile=definition.dockerfile, failure=error_line(error), is_defect=is_defect)
    if planned.parsed is not None and planned.failure is None:
        named = dict(planned.contexts)
        for reference in planned.parsed.images(planned.target):
            other = image_of_tag(reference)
            if other is not None and other != image:
                named.setdefault(reference, NamedContext(kind=ContextKind.IMAGE, value=other, by_tag=True))
        planned = replace(planned, contexts=named)
    return planned if definition.failure is None else replace(planned, failure=definition.failure)


def prepared_by(planned: PlannedSide, command: tuple[str, ...]) -> PlannedSide:
    """The side with a command that makes the files which git does not hold."""
    if planned.context is None or planned.problem is not BuildProblem.NOT_IN_GIT:
        return planned if planned.failure is not None else replace(planned, prepare=command)
    return replace(planned, prepare=command, failure=None, problem=None)


def _read_side(definition: SideDefinition, files: Files, side: str, *, image: str, platform: str | None) -> PlannedSide:
    tree, path, context = files.trees[side], definition.dockerfile, definition.context
    planned = PlannedSide(
        dockerfile=path,
        target=definition.target,
        build_args=definition.build_args,
        contexts=definition.contexts,
        starts=definition.starts,
        ignore_file=own if (own := f"{path}.dockerignore") in tree.entries else None,
    )
    if definition.is_inline:
        return replace(planned, failure=definition.failure)
    linked = files.links.get(side, {}).get(path)
    if linked is not None:
        planned = replace(planned, link_target=linked.file, links=tuple(one for one in linked.links if one != path))
    elif path not in tree.entries:
        return replace(planned, failure=definition.failure or f"{path}: not a file of the repository")
    elif tree.entries[path].type is EntryType.SYMLINK:
        return replace(planned, failure=f"{path}: a symlink to no file of the repository. Configure a file.")
    for folder in (context, *(one.value for one in definition.contexts.values() if one.kind is ContextKind.FOLDER)):
        if folder is not None and not tree.is_folder(folder):
            if side == "head" or folder is not context:
                return replace(planned, failure=f"{path}: the context {folder} is not a folder of the repository")
            context = None  # The folder is new in this change: search for the earlier context.
    try:
        written = files.text(side, path)
    except GitError as error:
        return replace(planned, failure=str(error))
    if "weighbridge:" in written:
        planned = replace(planned, ignores=inline_ignores(written), ignore_problems=inline_problems(written))
    parsed = None
    try:
        parsed = files.parsed(side, definition, platform)
        parsed.final_stage(definition.target)
    except DockerfileError as error:
        return replace(planned, context=context, parsed=parsed, failure=str(error))
    search = ContextSearch(
        dockerfile=parsed,
        tree=tree,
        name=image,
        target=definition.target,
        ignore_of=lambda folder: files.ignore(side, path, folder),
    )
    found = search.check(context) if context is not None else _search_context(search, files)
    return replace(
        planned,
        context=found.context,
        context_because=found.because,
        parsed=parsed,
        problem=found.problem,
        failure=found.message or None,
    )


def _search_context(search: ContextSearch, files: Files) -> FoundContext:
    """The context by base's evidence, and by head's only if base's does not decide.

    For a Dockerfile that base has, both sides search base's files first: a line that a change adds to a README must not
    decide how its own image is built.
    """
    path = search.dockerfile.path
    stated = {side: files.evidence[side].of(path) for side in ("base", "head") if side in files.evidence}
    is_known = path in files.trees["base"].entries
    asked = [evidence for side, evidence in stated.items() if evidence or (side == "base" and is_known)]
    answers = []
    for evidence in asked or [()]:
        answer = replace(search, evidence=evidence).find()
        if answer.problem is None:
            return answer
        answers.append(answer)
    return answers[0]
