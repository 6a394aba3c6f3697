"""One image of a plan: how to build it on each side of a range, and how the range changes it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from weighbridge.domain.dockerfile import Dockerfile
from weighbridge.domain.gate.ignores import Ignore
from weighbridge.domain.side import Side
from weighbridge.domain.start.service import ServiceStart
from weighbridge.plan.build_problem import BuildProblem
from weighbridge.plan.tree import ROOT


class Change(enum.StrEnum):
    """The effect of the range on an image, as far as the repository determines it."""

    ADDED = "added"
    REMOVED = "removed"
    AFFECTED = "affected"
    UNAFFECTED = "unaffected"


class ContextKind(enum.StrEnum):
    """The kind of an additional build context."""

    FOLDER = "folder"
    IMAGE = "image"
    REMOTE = "remote"


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedContext:
    """An additional build context.

    `value` depends on `kind`: a folder from the repository's root; the `ImagePlan.image` of another image of the plan;
    or text that BuildKit gets unchanged (``docker-image://…``, ``https://…``). `by_tag`: no file declares the image as
    a context; the Dockerfile uses its tag.
    """

    kind: ContextKind
    value: str
    by_tag: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedSide:
    """An image in one of the trees, and how to build it there.

    `dockerfile` and `context` are from the root, ``.`` for the root. `contexts` are the additional contexts by name,
    including images of the repository that the Dockerfile uses by tag. `ignore_file` is the Dockerfile's own ignore
    file (``DOCKERFILE.dockerignore``), if it has one. `failure` says why it cannot be built (the Dockerfile does not
    parse, the context is missing); `context` and `parsed` may then be ``None``. `context_because` names the evidence
    for the context. `problem` is set if the files in git are not sufficient for a build: the image is then skipped.
    `link_target` is the target of a Dockerfile that is a symlink, `links` are the symlinks on the way to it. `ignores`
    are the findings that comments of the Dockerfile accept, `ignore_problems` are errors in such comments.
    `is_defect`: the failure is a defect in Weighbridge. `prepare` is the command that runs in a checkout before the
    build, word by word. `starts` is how Compose services start the image.
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
    prepare: tuple[str, ...] = ()
    starts: tuple[ServiceStart, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The files and folders of the tree that a build needs. A prepare command may need all."""
        if self.prepare:
            return (ROOT,)
        files = (*self.dockerfiles, self.ignore_file, self.context)
        folders = (one.value for one in self.contexts.values() if one.kind is ContextKind.FOLDER)
        return tuple(dict.fromkeys(path for path in (*files, *folders) if path is not None))

    @property
    def dockerfiles(self) -> tuple[str, ...]:
        """The Dockerfile, and for a symlink the links and the target."""
        is_behind_folder = any(self.dockerfile.startswith(f"{link}/") for link in self.links)
        own = () if is_behind_folder else (self.dockerfile,)
        return (*own, *self.links, *((self.link_target,) if self.link_target is not None else ()))

    @property
    def builds_on(self) -> tuple[str, ...]:
        """The other images of the plan that this one is built on, without duplicates."""
        return tuple(dict.fromkeys(self.own_images.values()))

    @property
    def own_images(self) -> Mapping[str, str]:
        """The other images of the plan by the name that the Dockerfile has for them."""
        return {name: one.value for name, one in self.contexts.items() if one.kind is ContextKind.IMAGE}

    @property
    def external_images(self) -> tuple[str, ...]:
        """The images that the build pulls, as the Dockerfile and its contexts name them.

        The repository does not determine their content: the build cache compares their digests.
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
    """One image on one platform: how to build it on each side, and why it is or is not affected.

    `platform` ``None`` means the engine's own. `name` is unique in a plan; `image` is the same for all platforms of an
    image. `defined_in` describes the source of the definition, `definition_file` is its bake or Compose file. A
    platform that is not `is_required` is skipped if the builder cannot run it; that is not a failure. `base_image` is
    the image's name in base, if it differs: limits and accepted findings refer to names, and a change must not choose
    them.

    `head_as_base` is head's tree, built as base defines the image. It is set if head changes the definition;
    `redefined` then names the difference. `submodules` are used by the build and cannot be weighed;
    `growth_unknown_because` says why the growth is unknown. `onbuild_decides` is true if the changed files are copied
    only by ``ONBUILD`` of a base image, not by the Dockerfile. `builder_decides` is true if the image is unaffected as
    BuildKit reads its files, and another builder may copy a changed file.
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
    builder_decides: bool = False

    def side(self, side: Side) -> PlannedSide | None:
        """How to build it on a side; ``None`` if the image does not exist there."""
        return self.base if side == "base" else self.head

    @property
    def problem(self) -> BuildProblem | None:
        """Why the image is skipped: no side can be built from git alone. ``None`` if a side can be built."""
        problems = [side.problem for side in (self.head, self.base) if side is not None]
        return problems[0] if problems and all(problems) else None

    @property
    def target(self) -> str | None:
        """The stage to build: head's, or base's if the image was removed."""
        side = self.head or self.base
        return side.target if side else None

    @property
    def build_args(self) -> Mapping[str, str]:
        """The build arguments: head's, or base's if the image was removed."""
        side = self.head or self.base
        return side.build_args if side else {}
