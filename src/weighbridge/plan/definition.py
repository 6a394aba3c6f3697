"""The definition of one image in a Compose or bake file, on one side of a range."""

from __future__ import annotations

import enum
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from weighbridge.domain.start.service import ServiceStart
from weighbridge.plan.image_plan import ContextKind, NamedContext
from weighbridge.plan.tree import ROOT, join

_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[A-Za-z0-9_.-]+@[A-Za-z0-9_.-]+:|github\.com/|git@")
_CONTEXT_NAME = re.compile(r"[^=\s\-][^=\s]*")
_ON_DISK = ("oci-layout:", "file:")
_OF_THE_FILE = re.compile(r"(?:target|service):(?P<name>.+)")


class DefinitionKind(enum.StrEnum):
    """The kind of the file that defines an image, and its word for one image."""

    BAKE = "target"
    COMPOSE = "service"


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageDefinition:
    """One target of a bake file or one service of a Compose file, called `name` in `file`.

    Paths are from the repository's root. `contexts` are the additional ones; one of kind ``IMAGE`` keeps its name in
    the file. `tags` are the references that the built image gets. `failure` says why it cannot be built here. `starts`
    is how Compose services start it. `is_inline`: the Dockerfile is part of the file. `is_remote`: the context is
    remote or outside of the repository. In both cases `dockerfile` is the path of the file.
    """

    kind: DefinitionKind
    name: str
    file: str
    dockerfile: str
    context: str
    target: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    platforms: tuple[str, ...] = ()
    contexts: Mapping[str, NamedContext] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    failure: str | None = None
    is_inline: bool = False
    is_remote: bool = False
    starts: tuple[ServiceStart, ...] = ()

    @property
    def folder(self) -> str:
        """The folder of the file."""
        return posixpath.dirname(self.file) or ROOT

    @property
    def key(self) -> tuple[str, str]:
        """An identity that survives a change of the file format: a bake target and a service may be equal."""
        return self.folder, self.name

    @property
    def what(self) -> tuple[object, ...]:
        """An identity without the name: equal for two names of one image."""
        contexts = tuple(sorted((name, one.kind, one.value) for name, one in self.contexts.items()))
        folder = self.folder if any(one.kind is ContextKind.IMAGE for one in self.contexts.values()) else None
        arguments = tuple(sorted(self.build_args.items()))
        inline = self.name if self.is_inline or self.is_remote else None
        return (inline, self.dockerfile, self.context, self.target, arguments, self.platforms, contexts, folder)

    @property
    def is_plain(self) -> bool:
        """True if a build of the Dockerfile without the definition gives the same image."""
        return (
            not self.is_inline
            and not self.is_remote
            and self.target is None
            and not self.build_args
            and not self.platforms
            and not self.contexts
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.name} of {self.file}"


def inline_definition(kind: DefinitionKind, name: str, file: str) -> ImageDefinition:
    """An image with an inline Dockerfile in `file`: it is reported, and not weighed."""
    failure = f"{file}: {kind} {name}: inline Dockerfiles are unsupported. Move it into a file to weigh the image"
    return replace(_not_weighed(kind, name, file, failure), is_inline=True)


def remote_definition(kind: DefinitionKind, name: str, file: str) -> ImageDefinition:
    """An image whose context is remote or outside of the repository: it is reported, and not weighed."""
    failure = f"{file}: {kind} {name}: its context is not in the repository. Name a folder of it to weigh the image"
    return replace(_not_weighed(kind, name, file, failure), is_remote=True)


def _not_weighed(kind: DefinitionKind, name: str, file: str, failure: str) -> ImageDefinition:
    context = posixpath.dirname(file) or ROOT
    return ImageDefinition(kind=kind, name=name, file=file, dockerfile=file, context=context, failure=failure)


def path_below(folder: str, path: str) -> str | None:
    """`path`, relative to `folder`, as a path from the root; ``None`` if it leads out of the repository."""
    if path.startswith(("/", "~")):
        return None
    whole = posixpath.normpath(join(folder, path) if path else folder)
    return None if whole == ".." or whole.startswith("../") else whole


def is_remote(context: str) -> bool:
    """True for a remote build context: a URL, or git's short forms of one."""
    return _REMOTE.match(context) is not None


def named_contexts(folder: str, written: Mapping[str, str]) -> tuple[dict[str, NamedContext], str | None]:
    """The additional contexts, resolved from `folder`, and the reason if one of them is out of reach."""
    contexts: dict[str, NamedContext] = {}
    failure = None
    for name, value in written.items():
        context = _named_context(folder, value)
        if context is not None and _CONTEXT_NAME.fullmatch(name):
            contexts[name] = context
        elif context is not None:
            failure = f"{name[:200]!r} is not a valid name for an additional context"
        else:
            failure = f"the additional context {name[:200]!r} is {value[:200]!r}, which is outside of the repository"
    return contexts, failure


def _named_context(folder: str, written: str) -> NamedContext | None:
    of_the_file = _OF_THE_FILE.fullmatch(written)
    if of_the_file is not None:
        return NamedContext(kind=ContextKind.IMAGE, value=of_the_file["name"])
    if written.startswith(_ON_DISK):
        return None
    if is_remote(written):
        return NamedContext(kind=ContextKind.REMOTE, value=written)
    path = path_below(folder, written.removeprefix("local:"))
    return None if path is None else NamedContext(kind=ContextKind.FOLDER, value=path)


def text_or(value: object, default: str) -> str:
    """`value` of a definition file if it is a text with characters, otherwise `default`."""
    return value if isinstance(value, str) and value else default
