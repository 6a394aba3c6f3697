"""Reads the Compose and bake files of two commits, each with the files that it refers to in the same commit.

Runs git once for all files of both sides, and buildx once for each different set of files: a set that the range does
not change is read only once.
"""

from __future__ import annotations

import contextlib
import json
import posixpath
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from weighbridge.config import Discover
from weighbridge.config.grammar import BAKE_TARGET
from weighbridge.domain.globs import match_path
from weighbridge.errors import ConfigError
from weighbridge.plan.bake import Bake, images_of_bake
from weighbridge.plan.compose import (
    COMPOSE_NAMES,
    MAXIMUM_COMPOSE_BYTES,
    compose_platforms,
    interpolated,
    parse_compose,
    referenced_files,
)
from weighbridge.plan.compose_start import OVERRIDE_NAMES, with_starts
from weighbridge.plan.definition import DefinitionKind, ImageDefinition
from weighbridge.plan.dotenv import dotenv_variables
from weighbridge.plan.git import REGULAR_FILES, Repository
from weighbridge.plan.git_blobs import missing_object, read_present_blobs
from weighbridge.plan.left_out import is_left_out
from weighbridge.plan.links import LinkedFile, linked_files, with_linked_contexts
from weighbridge.plan.tree import ROOT, Tree, join

BAKE_NAMES = ("docker-bake.json", "docker-bake.hcl", "docker-bake.override.json", "docker-bake.override.hcl")
"""The bake files of a folder, in buildx's merge order, which puts them after the folder's Compose files."""

_MERGED_COMPOSE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")

_MAXIMUM_FILES = 1_000
MAXIMUM_TOTAL_BYTES = 4_194_304
MAXIMUM_SECONDS = 120
"""Maximum time of buildx for all sets. Base's come first: a change cannot use up their time."""
_MAXIMUM_AT_A_TIME = 4

FindBake = Callable[[], Bake | None]
"""Finds a docker client with buildx; ``None`` if there is none. Called only if there is a file for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Definitions:
    """The images that the definition files of ``base`` and ``head`` build; bake files precede Compose files.

    `others` are bake targets outside of the default group: they show how a Dockerfile is built, and define no image.
    `notes` name files that could not be read completely.
    """

    sides: Mapping[str, tuple[ImageDefinition, ...]]
    others: Mapping[str, tuple[ImageDefinition, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """The result of buildx for a set: the default `targets`, and all `others` of a bake file.

    `targets` is ``None`` if buildx gives no result; `note` tells the user why, if it matters.
    """

    targets: Mapping[str, object] | None = None
    others: Mapping[str, object] | None = None
    note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Set:
    """Files of one folder that are read together. `blobs` are all required files, by path.

    `values` are paths whose contents do not matter; `links` are the files of the side that are symlinks; `failures` say
    why buildx cannot read the set.
    """

    kind: DefinitionKind
    folder: str
    files: tuple[str, ...]
    blobs: dict[str, str] = field(default_factory=dict)
    values: dict[str, None] = field(default_factory=dict)
    links: Mapping[str, LinkedFile] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def file(self) -> str:
        """The file that identifies the set in messages and names."""
        own = BAKE_NAMES if self.kind is DefinitionKind.BAKE else COMPOSE_NAMES
        return next(file for file in self.files if posixpath.basename(file) in own)

    @property
    def content(self) -> tuple[object, ...]:
        """An identity: equal for two sets that give the same result."""
        return self.kind, self.files, tuple(sorted(self.blobs.items())), tuple(self.values)


def read_definitions(
    repository: Repository, trees: Mapping[str, Tree], discover: Discover, find_bake: FindBake
) -> Definitions:
    """The images that the Compose and bake files of ``base`` and ``head`` define. Raises GitError.

    A file that cannot be read defines nothing, and adds a note. Its Dockerfiles are then discovered by name.
    """
    links = linked_files(repository, trees, {side: _links_among_definitions(tree) for side, tree in trees.items()})
    sets = {side: _find_sets(tree, discover, links[side]) for side, tree in trees.items()}
    if not any(sets.values()):
        return Definitions(sides=dict.fromkeys(trees, ()))
    notes: dict[str, None] = dict.fromkeys(_cut_off(found) for found in sets.values() if len(found) > _MAXIMUM_FILES)
    data = _read_files(repository, trees, sets)
    bake = find_bake()
    unique = {one.content: one for found in sets.values() for one in found}
    ends = time.monotonic() + MAXIMUM_SECONDS
    with ThreadPoolExecutor(max_workers=_MAXIMUM_AT_A_TIME) as pool:
        answers = dict(
            zip(unique, pool.map(lambda one: _resolve(one, data, bake, discover, ends), unique.values()), strict=True)
        )
    sides, others = {}, {}
    for side, found in sets.items():
        images: list[ImageDefinition] = []
        unasked: list[ImageDefinition] = []
        for one in found:
            answer = answers[one.content]
            images += _images(one, answer.targets, data, trees[side])
            unasked += _images(one, answer.others, data, trees[side]) if answer.others is not None else ()
            notes |= {answer.note: None} if answer.note else {}
        sides[side], others[side] = tuple(images), tuple(unasked)
    return Definitions(
        sides=with_linked_contexts(repository, trees, _with_targets_of_base(sides, others)),
        others=with_linked_contexts(repository, trees, others),
        notes=tuple(notes),
    )


def _with_targets_of_base(
    sides: Mapping[str, tuple[ImageDefinition, ...]], others: Mapping[str, tuple[ImageDefinition, ...]]
) -> dict[str, tuple[ImageDefinition, ...]]:
    """`sides`, with the targets that head no longer builds by default: a group takes no image off the scale."""
    base, head = ({one.key for one in sides.get(side, ())} for side in ("base", "head"))
    kept = tuple(one for one in others.get("head", ()) if one.key in base - head)
    return {side: (*found, *kept) if side == "head" else found for side, found in sides.items()}


def _cut_off(found: list[_Set]) -> str:
    """Keep the first sets, up to the limit, and return a note about the others."""
    dropped = found[_MAXIMUM_FILES:]
    del found[_MAXIMUM_FILES:]
    return f"{dropped[0].file} and others: not read: more than {_MAXIMUM_FILES} Compose and bake files"


# --- which files --------------------------------------------------------------------------------------------------


def _links_among_definitions(tree: Tree) -> list[str]:
    """The symlinks with the name of a file that this module reads: docker follows them."""
    return [path for path in tree.links if posixpath.basename(path) in _ALL_NAMES | {".env", *OVERRIDE_NAMES}]


def _find_sets(tree: Tree, discover: Discover, links: Mapping[str, LinkedFile]) -> list[_Set]:
    """The sets of a tree: first those of bake, then those of Compose, each nearest to the root first."""
    folders: dict[str, dict[str, str]] = {}
    for path, entry in tree.entries.items():
        if not path.endswith(_ENDINGS):
            continue
        name = posixpath.basename(path)
        if name not in _ALL_NAMES or (entry.type not in REGULAR_FILES and path not in links):
            continue
        if not is_left_out(discover, path) and not any(match_path(glob, path) for glob in discover.exclude):
            folders.setdefault(posixpath.dirname(path) or ROOT, {})[name] = path
    ordered = sorted(folders, key=lambda folder: (folder != ROOT, folder.count("/"), folder))
    bakes, composes = [], []
    for folder in ordered:
        names = folders[folder]
        if any(name in names for name in BAKE_NAMES):
            files = tuple(names[name] for name in (*_MERGED_COMPOSE_NAMES, *BAKE_NAMES) if name in names)
            bakes.append(_Set(kind=DefinitionKind.BAKE, folder=folder, files=files, links=links))
        first = next((names[name] for name in COMPOSE_NAMES if name in names), None)
        if first is not None:
            composes.append(_Set(kind=DefinitionKind.COMPOSE, folder=folder, files=(first,), links=links))
    return bakes + composes


_ALL_NAMES = frozenset({*COMPOSE_NAMES, *BAKE_NAMES})
_ENDINGS = (".yaml", ".yml", ".hcl", ".json")


def _read_files(
    repository: Repository, trees: Mapping[str, Tree], sets: Mapping[str, Sequence[_Set]]
) -> dict[str, bytes]:
    """The contents of all files that the sets need, by blob, from one git process: a file may refer to another one."""
    data: dict[str, bytes] = {}
    waiting = [(trees[side], one, path) for side, found in sets.items() for one in found for path in _first_files(one)]
    waiting.reverse()
    asked: list[tuple[Tree, _Set, str]] = []
    left_bytes = MAXIMUM_TOTAL_BYTES  # Base's files come first: a change cannot use up what they need.

    def needed_blobs() -> Iterator[str]:
        while waiting:
            tree, one, path = waiting.pop()
            entry = tree.entries.get(one.links[path].file if path in one.links else path)
            if entry is None or entry.type not in REGULAR_FILES or path in one.blobs:
                continue
            if len(one.blobs) >= _MAXIMUM_FILES:
                one.failures.append(f"{one.file}: it refers to more than {_MAXIMUM_FILES} other files")
                continue
            one.blobs[path] = entry.sha
            if entry.sha in data:
                waiting.extend(_references(tree, one, path, data[entry.sha]))
            else:
                asked.append((tree, one, path))
                yield entry.sha

    for sha, content in read_present_blobs(repository, needed_blobs(), maximum_bytes=MAXIMUM_COMPOSE_BYTES):
        tree, one, path = asked.pop()
        left_bytes -= len(content or b"")
        data[sha] = content or b"" if left_bytes >= 0 else b""
        if content is None:
            one.failures.append(f"{path}: {missing_object(sha)}")
            continue
        if left_bytes < 0:
            one.failures.append(f"more than {MAXIMUM_TOTAL_BYTES} bytes of Compose and bake files")
            continue
        waiting.extend(_references(tree, one, path, content))
    return data


def _first_files(one: _Set) -> tuple[str, ...]:
    overrides = (join(one.folder, name) for name in OVERRIDE_NAMES) if one.kind is DefinitionKind.COMPOSE else ()
    return (*one.files, join(one.folder, ".env"), *overrides)


def _references(tree: Tree, one: _Set, path: str, content: bytes) -> list[tuple[Tree, _Set, str]]:
    """The further files that `path` needs. If they are unknown, adds the reason to the failures of the set."""
    if len(content) > MAXIMUM_COMPOSE_BYTES:
        one.failures.append(f"{path}: larger than {MAXIMUM_COMPOSE_BYTES} bytes")
    if not path.endswith((".yaml", ".yml")):
        return []
    try:
        definitions, values = referenced_files(content, path=path)
    except ConfigError as error:
        one.failures.append(str(error))
        return []
    one.values.update(dict.fromkeys(values))
    return [(tree, one, name) for name in definitions]


# --- what they say ------------------------------------------------------------------------------------------------


def _resolve(one: _Set, data: Mapping[str, bytes], bake: Bake | None, discover: Discover, ends: float) -> _Answer:
    """The result of bake for a set, or a note on why there is none. No set is read after `ends` (monotonic time)."""
    is_bake = one.kind is DefinitionKind.BAKE
    if (
        not is_bake
        and not one.failures
        and not any(b"build" in data[sha] for path, sha in one.blobs.items() if path.endswith(_YAML))
    ):
        return _Answer(targets={"target": {}})  # A Compose file that builds nothing: that is normal.
    if bake is None:
        why = "buildx is missing; the images that it defines are unknown" if is_bake else next(iter(one.failures), None)
        return _Answer(note=f"{one.file}: not read: {why}" if why is not None else None)
    contents = dict.fromkeys(one.values, b"") | {path: data[sha] for path, sha in one.blobs.items()}
    try:
        if one.failures:
            raise ConfigError(one.failures[0])
        if time.monotonic() > ends:
            raise ConfigError(f"the files before it took more than {MAXIMUM_SECONDS} s")
        if not is_bake:
            return _Answer(targets=bake.resolve(one.files, contents, folder=one.folder, targets=()))
    except ConfigError as error:
        if not is_bake and _NOTHING_TO_BUILD in str(error):
            return _Answer(targets={"target": {}})
        what = "the images that it defines are unknown" if is_bake else "only its build sections are used"
        return _Answer(note=f"{one.file}: not read by buildx: {error}; {what}")
    return _resolve_bake(one, contents, bake, discover)


def _resolve_bake(one: _Set, contents: Mapping[str, bytes], bake: Bake, discover: Discover) -> _Answer:
    """The default targets and all others. Leaves out the folder's Compose files if they do not load."""
    alone = tuple(file for file in one.files if posixpath.basename(file) in BAKE_NAMES)
    targets = None
    errors = []
    for files in dict.fromkeys((one.files, alone)):
        try:
            targets = bake.resolve(files, contents, folder=one.folder, targets=discover.bake_targets)
            break
        except ConfigError as error:
            errors.append(str(error))
    names = _named_targets(contents, alone)
    asked = targets.get("target") if targets is not None else None
    unasked = [name for name in names if not isinstance(asked, dict) or name not in asked]
    others = None
    if unasked:
        with contextlib.suppress(ConfigError):
            others = bake.resolve(alone, contents, folder=one.folder, targets=unasked)
    note = None
    if targets is None and not (others is not None and any(_NO_DEFAULT in error for error in errors)):
        note = f"{one.file}: not read: {errors[-1]}; the images that it defines are unknown"
    return _Answer(targets=targets, others=others, note=note)


_YAML = (".yaml", ".yml")
_NOTHING_TO_BUILD = "could not find any target matching"
_NO_DEFAULT = "failed to find target default"
_MAXIMUM_NAMED_TARGETS = 500
_HCL_TARGET = re.compile(rb'^[ \t]*target[ \t]+"?([A-Za-z0-9_][A-Za-z0-9_-]*)"?[ \t]*\{', re.MULTILINE)


def _named_targets(contents: Mapping[str, bytes], files: Sequence[str]) -> list[str]:
    """The targets that the bake files name, in order."""
    found: dict[str, None] = {}
    for file in files:
        data = contents.get(file, b"")
        if file.endswith(".hcl"):
            found.update(dict.fromkeys(one.decode() for one in _HCL_TARGET.findall(data)))
            continue
        with contextlib.suppress(ValueError, RecursionError):
            top = json.loads(data)
            targets = top.get("target") if isinstance(top, dict) else None
            found.update(dict.fromkeys(one for one in targets or () if BAKE_TARGET.fullmatch(one)))
    return list(found)[:_MAXIMUM_NAMED_TARGETS]


def _images(
    one: _Set, answer: Mapping[str, object] | None, data: Mapping[str, bytes], tree: Tree
) -> tuple[ImageDefinition, ...]:
    """The images of a set in its tree; without a result of bake, those that `compose` reads from a Compose file."""
    try:
        if one.kind is DefinitionKind.BAKE:
            return _baked(one, answer, tree) if answer is not None else ()
        content = data[one.blobs[one.file]]
        dotenv = one.blobs.get(join(one.folder, ".env"))
        variables = dotenv_variables(data[dotenv], interpolated) if dotenv is not None else {}
        if answer is None:
            images = parse_compose(content, path=one.file, variables=variables)
        else:
            baked = images_of_bake(answer, kind=one.kind, file=one.file, folder=one.folder)
            images = compose_platforms(baked, content, path=one.file, variables=variables)
        return _started(one, tuple(images), data)
    except ConfigError:
        return ()


def _started(one: _Set, images: tuple[ImageDefinition, ...], data: Mapping[str, bytes]) -> tuple[ImageDefinition, ...]:
    """The images with the starts of their services. An override file that cannot be read leaves those unknown."""
    content = data[one.blobs[one.file]]
    override = next((path for name in OVERRIDE_NAMES if (path := join(one.folder, name)) in one.blobs), None)
    if override is None:
        return with_starts(images, content, path=one.file)
    try:
        return with_starts(images, content, path=one.file, override=(override, data[one.blobs[override]]))
    except ConfigError:
        return images


def _baked(one: _Set, answer: Mapping[str, object], tree: Tree) -> tuple[ImageDefinition, ...]:
    """Bake's images. Their paths are relative to buildx's working folder: the file's folder, otherwise the root."""
    here, root = (images_of_bake(answer, kind=one.kind, file=one.file, folder=folder) for folder in (one.folder, ROOT))
    found = [sum(image.dockerfile in tree.entries for image in images) for images in (here, root)]
    return root if found[1] > found[0] else here
