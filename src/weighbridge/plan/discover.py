"""Which images a git range is about: found in both trees, named, paired, and each judged affected or not.

Everything is read from git itself in a constant number of processes, before anything is checked out.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from weighbridge.config import DEFAULT_CONFIG, Config, ImageSettings
from weighbridge.domain.dockerfile import MAXIMUM_DOCKERFILE_BYTES, parse_dockerfile
from weighbridge.errors import ConfigError, DockerfileError, UsageError
from weighbridge.plan.affected import Changes, Judge
from weighbridge.plan.compose_images import pair_compose_images
from weighbridge.plan.context import find_context
from weighbridge.plan.dockerfile_name import is_dockerfile
from weighbridge.plan.git import EntryType, PathStatus, Repository, diff_trees, list_tree, read_blobs
from weighbridge.plan.globs import match_path
from weighbridge.plan.image_plan import Change, ImagePlan, PlannedSide
from weighbridge.plan.tree import ROOT, Ignore, Tree, join

_MAXIMUM_DOCKERFILES = 10_000
_MAXIMUM_TOTAL_BYTES = 268_435_456
_MAXIMUM_SHOWN_NAMES = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class _Options:
    """What the command line asks of every image."""

    target: str | None = None
    context: str | None = None
    platform: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Definition:
    """An image before its sides are looked at: a path on each side, and what is asked of it.

    `settings` come from the configuration or, `is_composed`, from a Compose file; `failure` says why that cannot be
    built here. `redefined_in` is the Compose file, where its two sides differ about the image.
    """

    name: str
    base_path: str | None
    head_path: str | None
    settings: ImageSettings | None
    is_composed: bool = False
    redefined_in: str | None = None
    failure: str | None = None


def plan_images(
    repository: Repository,
    base: str,
    head: str,
    config: Config,
    *,
    image_globs: Sequence[str] = (),
    target: str | None = None,
    context: str | None = None,
    platform: str | None = None,
    build_args: Mapping[str, str] | None = None,
) -> tuple[ImagePlan, ...]:
    """The images of two commits (full names), by name; only those that one of `image_globs` matches, if there are any.

    `target`, `context`, `platform` and `build_args` are the command line's, above the configuration, for every image.
    What is wrong with one image is a `PlannedSide.failure`. Raises GitError; ConfigError for an image of the
    configuration whose Dockerfile is in neither commit; UsageError for an image glob that matches none.
    """
    options = _Options(target=target, context=context, platform=platform, build_args=build_args or {})
    trees = {"base": Tree(list_tree(repository, base)), "head": Tree(list_tree(repository, head))}
    changes = _read_changes(repository, base, head)
    definitions = _configured(config, trees, changes)
    definitions += _composed(repository, config, trees, definitions)
    definitions += _discovered(repository, config, trees, changes, definitions)
    chosen = _choose(definitions, image_globs)
    files = _Files(repository, trees, chosen)
    judge = Judge(trees=trees, changes=changes, ignore_of=files.ignore, configuration=config.path or DEFAULT_CONFIG)
    planned = [plan for one in chosen for plan in _plan(one, files, judge, options)]
    return tuple(sorted(planned, key=lambda plan: plan.name))


def _read_changes(repository: Repository, base: str, head: str) -> Changes:
    paths: set[str] = set()
    origins: dict[str, str] = {}
    for change in diff_trees(repository, base, head):
        paths |= {change.path, change.old_path}
        if change.status is PathStatus.RENAMED:
            origins[change.path] = change.old_path
    return Changes(
        paths=sorted(paths),
        origins=origins,
        set_of_paths=frozenset(paths),
        attributes=[path for path in sorted(paths) if posixpath.basename(path) == ".gitattributes"],
    )


# --- definitions --------------------------------------------------------------------------------------------------


def _configured(config: Config, trees: Mapping[str, Tree], changes: Changes) -> list[_Definition]:
    definitions = []
    for settings in config.images.values():
        path = settings.dockerfile
        base_path: str | None = path
        if path not in trees["base"].entries:
            base_path = changes.origins.get(path)
        head_path = path if path in trees["head"].entries else None
        if base_path is None and head_path is None:
            raise ConfigError(
                f"{config.path}:{settings.line}: images.{settings.name}.dockerfile: {path} is neither in base nor in"
                " head"
            )
        definitions.append(_Definition(name=settings.name, base_path=base_path, head_path=head_path, settings=settings))
    return definitions


def _composed(
    repository: Repository, config: Config, trees: Mapping[str, Tree], configured: Sequence[_Definition]
) -> list[_Definition]:
    """The images of Compose files, but for those whose Dockerfile the configuration has. Head's definition counts."""
    pairs = pair_compose_images(
        repository,
        trees,
        exclude=config.discover.exclude,
        taken_paths={path for one in configured for path in (one.base_path, one.head_path)},
        taken_names={one.name for one in configured},
    )
    return [
        _Definition(
            name=pair.name,
            base_path=pair.base_path,
            head_path=pair.head_path,
            settings=ImageSettings(
                name=pair.name,
                line=0,
                dockerfile=pair.image.dockerfile,
                context=pair.image.context,
                target=pair.image.target,
                build_args=pair.image.build_args,
            ),
            is_composed=True,
            redefined_in=pair.image.file if pair.is_redefined else None,
            failure=pair.image.failure,
        )
        for pair in pairs
    ]


def _discovered(
    repository: Repository,
    config: Config,
    trees: Mapping[str, Tree],
    changes: Changes,
    configured: Sequence[_Definition],
) -> list[_Definition]:
    """The Dockerfiles that no image is defined by, paired by path or by git's rename detection."""
    taken_base = {one.base_path for one in configured}
    # What a Compose file builds in head alone may still be an image of its own in base: see `pair_compose_images`.
    taken_head = {
        one.head_path
        for one in configured
        if not one.is_composed or one.base_path is not None or one.head_path not in trees["base"].entries
    }
    in_base = _dockerfiles(trees["base"], config.discover.exclude) - taken_base
    in_head = _dockerfiles(trees["head"], config.discover.exclude) - taken_head
    names = name_dockerfiles(in_base | in_head, repository_name=repository.name, taken={one.name for one in configured})
    definitions = []
    paired: set[str] = set()
    for path in sorted(in_head):
        base_path = path if path in in_base else changes.origins.get(path)
        if base_path not in in_base or (base_path != path and base_path in in_head):
            base_path = None
        if base_path is not None:
            paired.add(base_path)
        definitions.append(_Definition(name=names[path], base_path=base_path, head_path=path, settings=None))
    definitions += [
        _Definition(name=names[path], base_path=path, head_path=None, settings=None)
        for path in sorted(in_base - paired)
    ]
    return definitions


def _dockerfiles(tree: Tree, exclude: Sequence[str]) -> set[str]:
    found = {
        path
        for path, entry in tree.entries.items()
        if is_dockerfile(path)
        and entry.type in {EntryType.FILE, EntryType.EXECUTABLE}
        and not any(match_path(glob, path) for glob in exclude)
    }
    if len(found) > _MAXIMUM_DOCKERFILES:
        raise ConfigError(
            f"{len(found)} Dockerfiles are more than the {_MAXIMUM_DOCKERFILES} that one run weighs."
            f" Exclude some: discover.exclude in {DEFAULT_CONFIG}."
        )
    return found


def name_dockerfiles(paths: Iterable[str], *, repository_name: str, taken: Iterable[str] = ()) -> dict[str, str]:
    """A unique name for each Dockerfile: its folder, plus ``/NAME`` for ``Dockerfile.NAME`` and ``NAME.Dockerfile``.

    At the root, the repository's name stands for the folder. Where two would be called alike, the plainer one has the
    name and the other is called by its whole path.
    """
    used = set(taken)
    names: dict[str, str] = {}
    for path in sorted(paths, key=_plainness):
        name = _plain_name(path, repository_name)
        if name in used:
            name = path
        number = 2
        while name in used:
            name = f"{path} ({number})"
            number += 1
        used.add(name)
        names[path] = name
    return names


def _plain_name(path: str, repository_name: str) -> str:
    folder, _, file = path.rpartition("/")
    stem, _, suffix = file.partition(".")
    own = suffix if stem in {"Dockerfile", "Containerfile"} else file[: -len(".dockerfile")]
    return "/".join(part for part in (folder or repository_name, own) if part)


def _plainness(path: str) -> tuple[int, int, str]:
    """Who keeps a name: a bare Dockerfile, then ``Dockerfile.NAME``, then ``NAME.Dockerfile``, then Containerfiles."""
    file = posixpath.basename(path)
    stem, _, suffix = file.partition(".")
    kinds = {"Dockerfile": 0 if not suffix else 1, "Containerfile": 3}
    return kinds.get(stem, 2), path.count("/"), path


def _choose(definitions: Sequence[_Definition], globs: Sequence[str]) -> list[_Definition]:
    """The definitions that the command line's globs ask for; all of them without globs."""
    for glob in globs:
        if definitions and not any(match_path(glob, one.name) for one in definitions):
            names = sorted(one.name for one in definitions)
            shown = ", ".join(names[:_MAXIMUM_SHOWN_NAMES]) + (", …" if len(names) > _MAXIMUM_SHOWN_NAMES else "")
            raise UsageError(f"--image {glob}: no image is called so. There are: {shown}")
    if not globs:
        return list(definitions)
    return [one for one in definitions if any(match_path(glob, one.name) for glob in globs)]


# --- sides --------------------------------------------------------------------------------------------------------


class _Files:
    """The Dockerfiles and ignore files of both trees, read by one git process."""

    def __init__(self, repository: Repository, trees: Mapping[str, Tree], definitions: Sequence[_Definition]) -> None:
        self.trees = trees
        wanted: dict[str, None] = {}
        for one in definitions:
            for side, path in (("base", one.base_path), ("head", one.head_path)):
                if path is not None:
                    context = one.settings.context if one.settings else None
                    self._want(wanted, side, path, context)
        self._data: dict[str, bytes] = {}
        self._ignores: dict[str, Ignore] = {}
        total_bytes = 0
        for sha, data in read_blobs(repository, wanted, maximum_bytes=MAXIMUM_DOCKERFILE_BYTES) if wanted else ():
            self._data[sha] = data
            total_bytes += len(data)
            if total_bytes > _MAXIMUM_TOTAL_BYTES:
                raise ConfigError(
                    f"the Dockerfiles are more than {_MAXIMUM_TOTAL_BYTES} bytes together."
                    f" Exclude some: discover.exclude in {DEFAULT_CONFIG}."
                )

    def _want(self, wanted: dict[str, None], side: str, path: str, context: str | None) -> None:
        own = posixpath.dirname(path) or ROOT
        candidates = [path, f"{path}.dockerignore"]
        candidates += [join(folder, ".dockerignore") for folder in {own, ROOT, context or ROOT}]
        for candidate in candidates:
            entry = self.trees[side].entries.get(candidate)
            if entry is not None and entry.type is not EntryType.SUBMODULE:
                wanted[entry.sha] = None

    def text(self, side: str, path: str) -> str:
        """A Dockerfile's text; what is not UTF-8 becomes U+FFFD."""
        return self._data[self.trees[side].entries[path].sha].decode("utf-8", "replace")

    def ignore(self, side: str, dockerfile: str, context: str) -> Ignore | None:
        """The ignore file in force: ``DOCKERFILE.dockerignore``, else ``.dockerignore`` in the context."""
        for candidate in (f"{dockerfile}.dockerignore", join(context, ".dockerignore")):
            entry = self.trees[side].entries.get(candidate)
            if entry is not None and entry.sha in self._data:
                if entry.sha not in self._ignores:
                    self._ignores[entry.sha] = Ignore(self._data[entry.sha])
                return self._ignores[entry.sha]
        return None


def _plan(one: _Definition, files: _Files, judge: Judge, options: _Options) -> list[ImagePlan]:
    """The plans of one image, one for each platform."""
    settings = one.settings
    platforms: Sequence[str | None] = (
        [options.platform] if options.platform else (settings.platforms if settings else ())
    )
    build_args = {**(settings.build_args if settings else {}), **options.build_args}
    target = options.target or (settings.target if settings else None)
    plans = []
    for platform in platforms or [None]:
        plan = ImagePlan(
            name=one.name if len(platforms) < 2 else f"{one.name}@{platform}",
            image=one.name,
            base=None,
            head=None,
            change=Change.AFFECTED,
            reason="",
            target=target,
            platform=platform,
            build_args=build_args,
        )
        given = options.context or (settings.context if settings else None)
        plan = replace(
            plan,
            base=_side(plan, "base", one.base_path, given, files),
            head=_side(plan, "head", one.head_path, given, files),
        )
        if one.failure is not None:
            plan = _not_buildable(plan, one.failure)
        is_configured = settings is not None and not one.is_composed
        change, reason = judge.judge(plan, is_configured=is_configured, redefined_in=one.redefined_in)
        plans.append(replace(plan, change=change, reason=reason))
    return plans


def _not_buildable(plan: ImagePlan, failure: str) -> ImagePlan:
    base, head = (replace(side, failure=failure) if side else None for side in (plan.base, plan.head))
    return replace(plan, base=base, head=head)


def _side(plan: ImagePlan, side: str, path: str | None, context: str | None, files: _Files) -> PlannedSide | None:
    if path is None:
        return None
    tree = files.trees[side]
    if tree.entries[path].type is EntryType.SYMLINK:
        return PlannedSide(dockerfile=path, failure=f"{path}: a symlink; configure the file that it points to")
    if context is not None and not tree.is_folder(context):
        if side == "head":
            failure = f"{path}: the context {context} is not a folder of the repository"
            return PlannedSide(dockerfile=path, failure=failure)
        context = None  # The folder came with the change: look for what the context was before.
    parsed = None
    try:
        parsed = parse_dockerfile(
            files.text(side, path), path=path, build_args=plan.build_args, platform=plan.platform or "linux/amd64"
        )
        parsed.final_stage(plan.target)
        if context is None:
            context = find_context(
                parsed,
                tree,
                name=plan.image,
                target=plan.target,
                ignore_of=lambda folder: files.ignore(side, path, folder),
            )
    except DockerfileError as error:
        return PlannedSide(dockerfile=path, context=context, parsed=parsed, failure=str(error))
    return PlannedSide(dockerfile=path, context=context, parsed=parsed)
