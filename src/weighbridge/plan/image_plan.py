"""One image of a plan: what to build on each side of a range, and what the range does to it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from weighbridge.domain.dockerfile import Dockerfile
from weighbridge.domain.gate.ignores import Ignore
from weighbridge.domain.side import Side
from weighbridge.plan.build_problem import BuildProblem


class Change(enum.StrEnum):
    """What the range does to an image, as far as the repository alone can say."""

    ADDED = "added"
    REMOVED = "removed"
    AFFECTED = "affected"
    UNAFFECTED = "unaffected"


class ContextKind(enum.StrEnum):
    """What stands behind the name of an additional build context."""

    FOLDER = "folder"
    IMAGE = "image"
    REMOTE = "remote"


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedContext:
    """An additional build context.

    `value` is, by `kind`: a folder from the repository's root; the `ImagePlan.image` of another image of the plan; or
    what BuildKit is given as it stands (``docker-image://…``, ``https://…``). `by_tag` is an image of the plan that
    nobody declared as a context: the Dockerfile names the tag that it gets.
    """

    kind: ContextKind
    value: str
    by_tag: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedSide:
    """An image in one of the trees, and how it is built there.

    `dockerfile` and `context` are from the root, ``.`` for the root. `contexts` are the additional contexts by name;
    among them the images that the Dockerfile names by a tag which another image of the repository has. `ignore_file` is
    the Dockerfile's own one (``DOCKERFILE.dockerignore``), where it has one. `failure` says why it cannot be built (the
    Dockerfile does not parse, the context is not found); then `context` and `parsed` may be ``None``. `context_because`
    names the evidence for the context. `problem` is set where the files of git alone do not suffice for a build: the
    image is then skipped. `link_target` is the file behind a Dockerfile that is a symlink, `links` are the symlinks on
    the way to it. `ignores` are the findings
    that comments of the Dockerfile accept, `ignore_problems` say what is wrong with such comments.
    `is_defect`: the failure is a defect in Weighbridge.
    """

    dockerfile: str
    context: str | None = None
    parsed: Dockerfile | None = None
    failure: str | None = None
    target: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, NamedContext] = field(default_factory=dict)
    ignore_file: str | None = None
    link_target: str | None = None
    links: tuple[str, ...] = ()
    context_because: str = ""
    problem: BuildProblem | None = None
    ignores: tuple[Ignore, ...] = ()
    ignore_problems: tuple[str, ...] = ()
    is_defect: bool = False

    @property
    def paths(self) -> tuple[str, ...]:
        """The files and folders of the tree that a build needs."""
        files = (*self.dockerfiles, self.ignore_file, self.context)
        folders = (one.value for one in self.contexts.values() if one.kind is ContextKind.FOLDER)
        return tuple(dict.fromkeys(path for path in (*files, *folders) if path is not None))

    @property
    def dockerfiles(self) -> tuple[str, ...]:
        """The Dockerfile, and the file that it leads to where it is a symlink."""
        is_behind_folder = any(self.dockerfile.startswith(f"{link}/") for link in self.links)
        own = () if is_behind_folder else (self.dockerfile,)
        return (*own, *self.links, *((self.link_target,) if self.link_target is not None else ()))

    @property
    def builds_upon(self) -> tuple[str, ...]:
        """The other images of the plan that this one is built upon, each once."""
        images = [one.value for one in self.contexts.values() if one.kind is ContextKind.IMAGE]
        return tuple(dict.fromkeys(images))

    @property
    def external_images(self) -> tuple[str, ...]:
        """The images that are pulled for the build, as the Dockerfile and its contexts name them.

        What they are at a moment is no matter of the repository: whoever keeps a measurement compares their digests.
        """
        named = () if self.parsed is None else self.parsed.images(self.target)
        pulled = [image for image in named if image not in self.contexts]
        prefix = "docker-image://"
        pulled += [
            one.value.removeprefix(prefix)
            for one in self.contexts.values()
            if one.kind is ContextKind.REMOTE and one.value.startswith(prefix)
        ]
        return tuple(dict.fromkeys(pulled))


@dataclass(frozen=True, kw_only=True, slots=True)
class ImagePlan:
    """One image on one platform: what to build on each side, and why it is or is not affected.

    `platform` ``None`` is the engine's own. `name` is unique in a plan; `image` is the same for all platforms of one.
    `defined_in` says in words where the definition comes from, `definition_file` is its bake or Compose file. A
    platform that is not `is_required` may be one that the builder cannot run: then the image is not built there, and
    that is no failure. `base_image` is what base calls the image, where that is another name: limits and accepted
    findings are given to names, and a change does not choose them.

    `head_as_base` is head's tree, built as base defines the image; it is there where head defines the image in another
    way, which `redefined` says. `submodules` are what the build is given and nobody here can weigh;
    `growth_unknown_because` says why no growth can be known. `onbuild_decides` is true where nothing changed that the
    Dockerfile copies, but something that ``ONBUILD`` of a base image could.
    """

    name: str
    image: str
    base: PlannedSide | None
    head: PlannedSide | None
    change: Change
    reason: str
    platform: str | None = None
    is_required: bool = False
    defined_in: str = ""
    definition_file: str | None = None
    base_image: str | None = None
    head_as_base: PlannedSide | None = None
    redefined: str | None = None
    submodules: tuple[str, ...] = ()
    growth_unknown_because: str | None = None
    onbuild_decides: bool = False

    def side(self, side: Side) -> PlannedSide | None:
        """What to build on a side; ``None`` where the image is not there."""
        return self.base if side == "base" else self.head

    @property
    def problem(self) -> BuildProblem | None:
        """Why the image is skipped: git alone suffices on none of its sides. ``None`` where a side builds."""
        problems = [side.problem for side in (self.head, self.base) if side is not None]
        return problems[0] if problems and all(problems) else None

    @property
    def target(self) -> str | None:
        """The stage that is built: head's, or base's where the image is gone."""
        side = self.head or self.base
        return side.target if side else None

    @property
    def build_args(self) -> Mapping[str, str]:
        """The build arguments: head's, or base's where the image is gone."""
        side = self.head or self.base
        return side.build_args if side else {}
