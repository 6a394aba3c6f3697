"""Finds the images of a git range in both trees, names and pairs them, and decides which are affected.

Reads everything from git in a constant number of processes, before any checkout.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from weighbridge.config import DEFAULT_CONFIG, Config
from weighbridge.domain.dockerfile.template import template_syntax
from weighbridge.domain.globs import match_path
from weighbridge.domain.side import SIDES
from weighbridge.errors import UsageError, WeighbridgeError, contain_defects
from weighbridge.plan.affected import Changes, Judge, redefinition
from weighbridge.plan.attributes import changed_checkouts
from weighbridge.plan.bake_evidence import adopt_bake_target, bake_evidence
from weighbridge.plan.definition_files import Definitions, FindBake, read_definitions
from weighbridge.plan.dependencies import spread
from weighbridge.plan.evidence.read import Evidence, EvidenceReader
from weighbridge.plan.git import PathChange, PathStatus, Repository, changed_tree, diff_trees, list_tree
from weighbridge.plan.image_lookup import Names
from weighbridge.plan.image_plan import Change, ImagePlan, PlannedSide
from weighbridge.plan.images import FoundImage, find_images, left_out_dockerfiles, with_base_definition
from weighbridge.plan.lfs import changed_pointers
from weighbridge.plan.links import linked_files
from weighbridge.plan.sides import Files, SideDefinition, plan_side, prepared_by
from weighbridge.plan.tree import Tree
from weighbridge.plan.unnamed import with_unnamed_dockerfiles
from weighbridge.progress.text import error_line

_MAXIMUM_SHOWN_NAMES = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Overrides:
    """The command line's settings for every image, which override the definitions.

    `prepare` has the prepare command of each image.
    """

    target: str | None = None
    context: str | None = None
    platform: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    prepare: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Discovered:
    """The images of a range. `plans` are the selected ones; `needed` adds the images that they are built on.

    `notes` name what could not be read, for the report. `left_out` are Dockerfiles that are not images of this
    repository, by path, with the reason.
    """

    plans: tuple[ImagePlan, ...]
    needed: tuple[ImagePlan, ...]
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)


def plan_images(
    repository: Repository,
    base: str,
    head: str,
    config: Config,
    *,
    base_config: Config | None = None,
    image_globs: Sequence[str] = (),
    overrides: Overrides | None = None,
    find_bake: FindBake = lambda: None,
) -> Discovered:
    """The images of two commits (full names), by name. `image_globs` select images; empty means all.

    `base_config` is base's configuration; ``None`` means the same as `config`. `find_bake` is called for buildx if
    there are Compose or bake files. A problem with one image becomes its `PlannedSide.failure`. Raises GitError;
    ConfigError for a configured image whose Dockerfile is in neither commit; UsageError for an image glob without a
    match.
    """
    entries = list_tree(repository, base)
    differences = diff_trees(repository, base, head)
    trees = {"base": Tree(entries), "head": Tree(changed_tree(entries, differences))}
    changes = _changes(differences, repository, trees)
    definitions = read_definitions(repository, trees, config.discover, find_bake)
    found = find_images(repository.name, config, base_config or config, trees, changes, definitions=definitions.sides)
    known = with_unnamed_dockerfiles(
        found.images,
        repository,
        trees["base"],
        trees["head"],
        changes,
        is_limited=config.has_limits,
    )
    images = [adopt_bake_target(one, definitions.others) for one in known]
    passed_over = left_out_dockerfiles(trees, config.discover, images)
    names = Names(images, definitions.sides)
    images = [with_base_definition(names.resolve(one), trees, changes) for one in images]
    wanted = {one.name for one in _choose(images, image_globs)}
    files = _read_files(repository, trees, images, definitions)
    if not config.discover.all_dockerfiles and not config.discover.include:
        templates = _templates(images, files)
        images = [one for one in images if one.name not in templates]
        wanted -= set(templates)
        passed_over |= dict(templates.values())
    judge = Judge(
        trees=trees,
        changes=changes,
        ignore_of=files.ignore,
        configuration=config.path or DEFAULT_CONFIG,
        lfs_pointers=changed_pointers(repository, trees, changes),
    )
    planner = _Planner(files=files, judge=judge, names=names, overrides=overrides or Overrides(), config=config)
    needed = sorted(spread(_plan_needed(images, wanted, planner)), key=lambda plan: plan.name)
    plans = tuple(plan for plan in needed if plan.image in wanted)
    notes = (*definitions.notes, *found.notes, *_submodule_notes(plans), *_ignore_notes(config, known))
    return Discovered(plans=plans, needed=tuple(needed), notes=notes, left_out=passed_over)


def _read_files(
    repository: Repository, trees: Mapping[str, Tree], images: Sequence[FoundImage], definitions: Definitions
) -> Files:
    """The Dockerfiles of the images on each side, and the evidence for their contexts in the repository's files."""
    sides = [(name, side) for one in images for name in SIDES if (side := one.side(name))]
    sides += [("head", one.head_as_base) for one in images if one.head_as_base]
    links = linked_files(
        repository, trees, {name: [one.dockerfile for side, one in sides if side == name] for name in SIDES}
    )
    return Files(repository, trees, sides, evidence=_evidence(repository, trees, sides, definitions), links=links)


def _ignore_notes(config: Config, images: Iterable[FoundImage]) -> tuple[str, ...]:
    """Ignores of the configuration that no image can meet, because none has their name."""
    names = {name for one in images for name in one.names}
    globs = dict.fromkeys(one.image for one in config.checks.ignore if one.image is not None)
    return tuple(
        f"checks.ignore: no image has the name {glob[:200]!r}, so this ignore has no effect"
        for glob in globs
        if not any(match_path(glob, name) for name in names)
    )


def _submodule_notes(plans: Iterable[ImagePlan]) -> tuple[str, ...]:
    """One line for all images whose builds use the same submodules."""
    users: dict[tuple[str, ...], list[str]] = {}
    for plan in plans:
        if plan.submodules:
            users.setdefault(plan.submodules, []).append(plan.name)
    return tuple(
        f"{_shown_names(names)}: not weighed: submodule {_shown_names(submodules)}"
        for submodules, names in users.items()
    )


def _shown_names(names: Sequence[str]) -> str:
    hidden = len(names) - _MAXIMUM_SHOWN_NAMES
    return ", ".join(names[:_MAXIMUM_SHOWN_NAMES]) + (f" and {hidden} more" if hidden > 0 else "")


def _templates(images: Sequence[FoundImage], files: Files) -> dict[str, tuple[str, str]]:
    """The undefined images that are templates on all sides: their Dockerfile by name, and the reason."""
    found = {}
    for one in images:
        sides = [(name, side) for name in SIDES if (side := one.side(name)) is not None]
        if one.is_configured or one.pair is not None:
            continue
        if any(side.failure is not None or not files.has_text(name, side.dockerfile) for name, side in sides):
            continue
        syntaxes = [template_syntax(files.text(name, side.dockerfile)) for name, side in sides]
        if all(syntaxes):
            found[one.name] = (sides[-1][1].dockerfile, f"a template ({syntaxes[-1]})")
    return found


def _evidence(
    repository: Repository,
    trees: Mapping[str, Tree],
    sides: Sequence[tuple[str, SideDefinition]],
    definitions: Definitions,
) -> dict[str, Evidence]:
    """The evidence on each side for Dockerfiles whose context is undefined, on any side."""
    wanted = {side.dockerfile for _, side in sides if side.context is None}
    if not wanted:
        return {}
    reader = EvidenceReader(repository, trees, wanted)
    return {
        name: reader.read(name, given=bake_evidence((*definitions.sides[name], *definitions.others.get(name, ()))))
        for name in SIDES
    }


def _changes(differences: Iterable[PathChange], repository: Repository, trees: Mapping[str, Tree]) -> Changes:
    paths: set[str] = set()
    origins: dict[str, str] = {}
    for change in differences:
        paths |= {change.path, change.old_path}
        if change.status is PathStatus.RENAMED:
            origins[change.path] = change.old_path
    return Changes(
        paths=sorted(paths),
        origins=origins,
        set_of_paths=frozenset(paths),
        attributes=changed_checkouts(
            repository, trees, [path for path in sorted(paths) if posixpath.basename(path) == ".gitattributes"]
        ),
    )


def _choose(images: Sequence[FoundImage], globs: Sequence[str]) -> list[FoundImage]:
    """The images that the command line's globs select; all of them without globs."""
    for glob in globs:
        if images and not any(match_path(glob, name) for one in images for name in one.names):
            known = sorted(one.name for one in images)
            raise UsageError(f'no image has the name "{glob}". Images: {_shown_names(known)}')
    if not globs:
        return list(images)
    return [one for one in images if any(match_path(glob, name) for glob in globs for name in one.names)]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Planner:
    """Makes the plans of an image."""

    files: Files
    judge: Judge
    names: Names
    overrides: Overrides
    config: Config

    def plans(self, one: FoundImage) -> list[ImagePlan]:
        """The plans of one image, one for each platform, including platforms that head removes."""
        platforms = self._platforms(one)
        plans = []
        for platform in platforms:
            is_alone = platform is None or len(platforms) < 2
            plan = ImagePlan(
                name=one.name if is_alone else f"{one.name}@{platform}",
                image=one.name,
                base=self._side(one, "base", platform),
                head=self._side(one, "head", platform),
                change=Change.AFFECTED,
                reason="",
                platform=platform,
                is_required=self._is_required(one, platform),
                base_image=one.base_name if one.base_name != one.name else None,
                defined_in=one.defined_in,
                definition_file=one.pair.base.file if one.pair and one.pair.base else None,
            )
            plan = self._as_base_defines(one, plan)
            change, reason = self._judged(plan, is_configured=one.is_configured)
            submodules, _ = self.judge.submodules(plan)
            plan = replace(plan, submodules=submodules, growth_unknown_because=self._unknown(plan))
            if one.replaces is not None:
                reason = f"its Dockerfile is new; it is compared with {one.replaces}, which this change removes"
            was_built = self.overrides.platform or platform in (one.platforms.get("base") or (None,))
            if change is Change.UNAFFECTED and not was_built:
                change, reason = Change.AFFECTED, f"its platforms changed ({one.defined_in})"
            is_unaffected = change is Change.UNAFFECTED
            plans.append(
                replace(
                    plan,
                    change=change,
                    reason=reason,
                    onbuild_decides=is_unaffected and self.judge.onbuild_decides(plan),
                    builder_decides=is_unaffected and self.judge.builder_decides(plan),
                )
            )
        return plans

    def _unknown(self, plan: ImagePlan) -> str | None:
        """Why the growth of an image cannot be known from this checkout."""
        _, submodule = self.judge.submodules(plan)
        if submodule is not None:
            return f"{submodule} is a submodule, whose files are not weighed"
        pointer = self.judge.lfs_pointer(plan)
        if pointer is not None:
            return f"{pointer} is a file of Git LFS, which is not fetched here. Install git-lfs before the checkout"
        return None

    def _platforms(self, one: FoundImage) -> list[str | None]:
        if self.overrides.platform:
            return [self.overrides.platform]
        head, base = (one.platforms.get(name) or (None,) for name in ("head", "base"))
        if one.base is None or one.head is None:
            return list(head if one.head else base)
        return list(dict.fromkeys((*head, *base)))

    def _is_required(self, one: FoundImage, platform: str | None) -> bool:
        """True if the platform must be built: it is requested, or it is new for an image with limits."""
        if platform is None or platform == self.overrides.platform or platform in one.required:
            return platform is not None
        is_new = one.base is not None and platform not in (one.platforms.get("base") or ())
        return is_new and self.config.limits_of(one.name).are_any

    def _as_base_defines(self, one: FoundImage, plan: ImagePlan) -> ImagePlan:
        """`plan` with head's tree built as base defines it, if head changes the definition."""
        if one.head_as_base is None or plan.head is None or plan.base is None:
            return plan
        definition = one.head_as_base
        context = plan.base.context
        if definition.context is None and context is not None and self.files.trees["head"].is_folder(context):
            definition = replace(definition, context=context)
        is_same = plan.head.failure is None and definition == replace(one.head or definition, context=plan.head.context)
        if is_same and not self.names.tags_differ:
            return plan
        side = self._planned(definition, "head", one.name, plan.platform, tags="base")
        change = redefinition(side, plan.head)
        return plan if change is None else replace(plan, head_as_base=side, redefined=change)

    def _judged(self, plan: ImagePlan, *, is_configured: bool) -> tuple[Change, str]:
        """Whether the range affects an image.

        An image with an error counts as affected, so that it is reported.
        """
        if any(side is not None and side.is_defect for side in (plan.base, plan.head)):
            return Change.AFFECTED, "it could not be planned"
        if plan.base is not None and plan.head is not None and (plan.base.prepare or plan.head.prepare):
            return Change.AFFECTED, "its prepare command may use any file"
        try:
            with contain_defects():
                return self.judge.judge(plan, is_configured=is_configured)
        except WeighbridgeError as error:
            return Change.AFFECTED, error_line(error)

    def _side(self, one: FoundImage, side: str, platform: str | None) -> PlannedSide | None:
        definition = one.side(side)
        return None if definition is None else self._planned(definition, side, one.name, platform)

    def _planned(
        self, definition: SideDefinition, side: str, image: str, platform: str | None, *, tags: str | None = None
    ) -> PlannedSide:
        """The plan of `side`. `tags` is the side that says which images of the plan get which tags: `side` itself."""
        planned = plan_side(
            _overridden(definition, self.overrides),
            self.files,
            side,
            image=image,
            platform=platform,
            image_of_tag=lambda reference: self.names.of_tag(tags or side, reference),
        )
        command = self.overrides.prepare.get(image)
        return planned if command is None else prepared_by(planned, tuple(command))


def _plan_needed(images: Sequence[FoundImage], wanted: set[str], planner: _Planner) -> list[ImagePlan]:
    """The plans of the `wanted` images, and of the images that they are built on, which may affect them."""
    by_name = {one.name: one for one in images}
    planned: dict[str, list[ImagePlan]] = {}
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in planned:
            planned[name] = planner.plans(by_name[name])
            waiting += [
                other
                for plan in planned[name]
                for side in (plan.base, plan.head, plan.head_as_base)
                for other in (side.builds_on if side else ())
            ]
    return [plan for plans in planned.values() for plan in plans]


def _overridden(side: SideDefinition, overrides: Overrides) -> SideDefinition:
    return replace(
        side,
        context=overrides.context or side.context,
        target=overrides.target or side.target,
        build_args={**side.build_args, **overrides.build_args},
    )
