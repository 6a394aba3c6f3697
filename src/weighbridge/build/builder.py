"""Builds a Dockerfile to an image: in the engine, or in a folder if the builder is not the engine's.

Each run uses unique tags and removes them at the end. So parallel runs, the user's tags and the build cache do not
change.
"""

from __future__ import annotations

import functools
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import docker
import docker.errors
import requests

from weighbridge.build.cache import BuildCaches, unavailable
from weighbridge.build.client import BuildClient, BuildKind
from weighbridge.build.command import BoundedCommands
from weighbridge.build.disk import require_room
from weighbridge.build.driver import BuilderDriver, find_driver, watch_builder
from weighbridge.build.failure_causes import cause_of
from weighbridge.build.folders import LayoutFolders
from weighbridge.build.load_image import load_image
from weighbridge.build.masked_output import MaskedLines, build_secrets, by_environment
from weighbridge.build.podman import on_podman
from weighbridge.domain.secret_values import SecretMask
from weighbridge.domain.side import Side
from weighbridge.engine.connection import engine_host, watch_of
from weighbridge.engine.leftovers import TAG_PREFIX, new_mark, remove_leftovers, this_place
from weighbridge.engine.removal import RemovalError, remove_all
from weighbridge.engine.watch import EngineWatch
from weighbridge.errors import BuildError, BuildTimeoutError, EngineError
from weighbridge.network_errors import network_words
from weighbridge.progress.lines import Progress
from weighbridge.sources.from_files import OCI
from weighbridge.sources.reference import ImageReference
from weighbridge.sources.transports import ENGINE
from weighbridge.temporary_folders import keep_folder

LOG_TAIL_LINES = 40
LOG_LINE_CHARACTERS = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildRequest:
    """One build. `dockerfile` and `context` are existing paths; `title` is its name in the output.

    `image` and `side` select the build caches; ``None`` uses none. `contexts` are additional build contexts by name, as
    in ``--build-context``. `secret_files` are BuildKit secrets by ID, for ``RUN --mount=type=secret``. `no_cache` runs
    every instruction again and writes the results to the builder's cache. `timeout_seconds` can only shorten the
    builder's timeout. `checkout` is the checkout that Dockerfile and context stand in.
    """

    title: str
    dockerfile: Path
    context: Path
    checkout: Path | None = None
    image: str | None = None
    side: Side = "head"
    target: str | None = None
    platform: str | None = None
    build_args: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, str] = field(default_factory=dict)
    secret_files: Mapping[str, Path] = field(default_factory=dict)
    no_cache: bool = False
    timeout_seconds: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildSettings:
    """Settings of all builds.

    `timeout_seconds` is the timeout per build; `builder_name` ``None``: the current builder.
    """

    timeout_seconds: float = 1800.0
    builder_name: str | None = None
    caches: BuildCaches = field(default_factory=BuildCaches)


class Builder:
    """Builds images with one client, and removes them in `clean_up`.

    The engine's own builder loads its images into the engine. Any other builder (docker-container, remote, kubernetes)
    writes to an OCI layout in a temporary folder, where base and head share blobs. It needs no engine.
    """

    def __init__(
        self,
        client: BuildClient,
        engine: Callable[[], docker.DockerClient],
        *,
        environment: Mapping[str, str],
        progress: Progress,
        settings: BuildSettings,
    ) -> None:
        self._engine = engine
        self.progress = progress
        self._settings = settings
        driver = find_driver(client, client.environment(environment), settings.builder_name)
        self.client, self._driver = on_podman(client, driver, engine, environment)
        self._environment = self.client.environment(environment)
        self._caches = self._usable_caches(settings.caches)
        self._commands = BoundedCommands(environment=self._environment)
        self._run = secrets.token_hex(6)
        self._watch: EngineWatch | None = None
        self._lock = threading.Lock()
        self._count = 0
        self._is_kept = False
        self._made: list[tuple[str, ImageReference]] = []
        self._in_engine: set[str] = set()
        self._folders: LayoutFolders | None = None
        if self._driver.is_engines_own:
            client_of_engine = engine()
            self._places = _storage(client_of_engine, self._environment)
            self._watch = watch_of(client_of_engine)
            if self._watch is not None:
                self._begin_run(client_of_engine)
        else:
            self._folders = LayoutFolders()
            self._places = (self._folders.root,)
            self._watch = watch_builder(self.client, self._environment, self._driver)
            progress.step(f"building with {self._driver.name} ({self._driver.driver}); images go to a folder")

    def _begin_run(self, engine: docker.DockerClient) -> None:
        """Mark what this run makes, and remove what killed runs left."""
        place = this_place(engine)
        self._run = new_mark(place)
        if removed := remove_leftovers(engine, place):
            self.progress.step(f"images and containers of killed runs removed from the engine: {removed}")

    @property
    def driver(self) -> BuilderDriver:
        """The driver of the builder."""
        return self._driver

    def machine(self) -> tuple[str, str]:
        """The builder's native operating system and architecture. An unknown architecture is empty.

        Raises EngineError if the engine does not answer.
        """
        if self._folders is not None:
            return "linux", ""
        try:
            version = self._engine().version()
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise EngineError(
                f"the engine does not answer a request for its platform: {network_words(error)}"
            ) from error
        return str(version.get("Os", "linux")), str(version.get("Arch", ""))

    def build(self, request: BuildRequest) -> ImageReference:
        """Build an image, and return its reference. Thread-safe.

        Raises BuildError with the end of the output if the build fails, exceeds its timeout, or comes after `stop`.
        Raises EngineError if the disk is full, or if the engine stops answering during the build.
        """
        if self._watch is not None:
            self._watch.require()
        require_room(self._places)
        tag = self._new_tag()
        tail: deque[str] = deque(maxlen=LOG_TAIL_LINES)

        def tell(clean: str) -> None:
            if self._watch is not None:
                self._watch.saw_life()
            self.progress.build_line(request.title, clean)
            if clean.strip():
                tail.append(clean[:LOG_LINE_CHARACTERS])

        output = MaskedLines(self._mask(request), tell)

        longest_seconds = self._settings.timeout_seconds
        timeout_seconds = min(request.timeout_seconds or longest_seconds, longest_seconds)
        with nullcontext() if self._folders is None else self._folders.one(request.image) as layout:
            reference = ImageReference(transport=ENGINE, place=tag)
            if layout is not None:
                reference = ImageReference(transport=OCI, place=str(layout), name=tag)
            command = self._command(request, reference)
            extra = by_environment(request.build_args, self._environment)
            outcome = self._timed(request.title, command, output, timeout_seconds, extra)
        if outcome is None:
            raise BuildTimeoutError(
                f"{request.title}: the build exceeded its timeout of {timeout_seconds:g} seconds. Set --build-timeout.",
                log_tail=tuple(tail),
            )
        if outcome != 0:
            self._require_engine(request.title)
            cause, missing_image = cause_of(tail)
            raise BuildError(f"{request.title}: {cause}", log_tail=tuple(tail), missing_image=missing_image)
        with self._lock:
            self._made.append((request.title, reference))
        return reference

    def in_engine(self, reference: ImageReference) -> str:
        """The name of a built image in the engine. Loads the image into the engine first if necessary.

        Raises EngineError if no engine answers, or if it refuses the image.
        """
        if reference.is_in_engine or reference.name is None:
            return reference.place
        if reference.name not in self._in_engine:
            self._in_engine.add(reference.name)
            load_image(self._engine(), Path(reference.place), reference.name, reference.name)
        return reference.name

    def stop(self) -> None:
        """Stop the builds in other threads, and start no more."""
        self._commands.stop()

    def forget(self) -> None:
        """Remove the built images. Layers stay if the engine or another tag uses them."""
        if self._is_kept:
            return
        try:
            self._forget_tags()
        finally:
            self._in_engine.clear()
            self._made.clear()
            if self._folders is not None:
                self._folders.renew()

    def clean_up(self) -> None:
        """Remove all built images and their folder."""
        try:
            self.forget()
        finally:
            if self._folders is not None:
                self._folders.remove()
                if self._watch is not None:
                    self._watch.stop()

    def keep(self) -> tuple[str, ...]:
        """Make `clean_up` remove nothing. Returns one line per kept image, with its title and reference."""
        self._is_kept = True
        if self._folders is not None:
            keep_folder(self._folders.root)
        return tuple(f"{title} is {reference}" for title, reference in self._made)

    def _timed(
        self, title: str, command: list[str], output: MaskedLines, timeout_seconds: float, variables: Mapping[str, str]
    ) -> int | None:
        begun, outcome = time.monotonic(), None
        try:
            is_lost = (lambda: False) if self._watch is None else (lambda watch=self._watch: watch.is_lost)
            outcome = self._commands.run(command, output.add, timeout_seconds, variables=variables, is_lost=is_lost)
        finally:
            output.end()
            self.progress.build_ended(title, seconds=time.monotonic() - begun, failed=outcome != 0)
        return outcome

    def _require_engine(self, title: str) -> None:
        """Raise EngineError if the engine stopped during a build: then the Dockerfile is not the cause."""
        if self._watch is not None:
            self._watch.require()
        if self._folders is not None:
            return
        try:
            self._engine().ping()
        except (EngineError, docker.errors.DockerException, requests.RequestException) as error:
            raise EngineError(
                f"{title}: the engine stopped answering during the build: {network_words(error)}. Start it."
            ) from error

    def _forget_tags(self) -> None:
        """Remove the images in the engine. If it does not answer, the next run removes the remaining images."""
        tags = sorted(self._in_engine)
        if not tags:
            return
        errors: Sequence[RemovalError | None]
        try:
            engine = self._engine()
            errors = remove_all(engine, [functools.partial(engine.images.remove, tag) for tag in tags])
        except EngineError as no_engine:
            errors = [no_engine] * len(tags)
        left: list[str] = []
        why = ""
        for tag, error in zip(tags, errors, strict=True):
            if error is None or isinstance(error, docker.errors.NotFound):
                continue
            if isinstance(error, docker.errors.APIError):
                self.progress.warn(f"cannot remove the image {tag}: {network_words(error)}")
                continue
            left.append(tag)
            why = why or network_words(error)
        if left:
            images = f"the image {left[0]}" if len(left) == 1 else f"{len(left)} images"
            self.progress.warn(f"cannot remove {images}: {why}. The next run on this engine removes them")

    def _new_tag(self) -> str:
        with self._lock:
            tag = f"{TAG_PREFIX}-{self._run}:{self._count}"
            self._count += 1
            if self._folders is None:
                self._in_engine.add(tag)
        return tag

    def _usable_caches(self, caches: BuildCaches) -> BuildCaches:
        """`caches` without unsupported ones. Warns about each."""
        if (caches.sources or caches.targets) and self.client.kind is not BuildKind.BUILDX:
            raise EngineError("cache-from and cache-to need buildx. Install docker-buildx.")
        for place in (*caches.sources, *caches.targets):
            if why := unavailable(place, self._environment):
                self.progress.warn(why)
        return BuildCaches(
            sources=tuple(place for place in caches.sources if unavailable(place, self._environment) is None),
            targets=tuple(place for place in caches.targets if unavailable(place, self._environment) is None),
        )

    def _mask(self, request: BuildRequest) -> SecretMask:
        """The mask for the secrets of a build in its output."""
        own = build_secrets(request.build_args, request.secret_files, self._environment)
        return SecretMask((*self._caches.secrets, *own))

    def _command(self, request: BuildRequest, reference: ImageReference) -> list[str]:
        command = [*self.client.command(), "--file", str(request.dockerfile)]
        if self.client.has_buildkit:
            command += ["--progress", "plain"]
            for name, path in request.secret_files.items():
                command += ["--secret", f"id={name},src={path}"]
        if reference.transport == OCI:
            # BuildKit's default compression: a push sends the same blobs, and BuildKit caches compressed blobs.
            # Uncompressed layers would be faster here, but the user's next push from this builder would reuse them.
            command += ["--output", f"type=oci,dest={reference.place},tar=false,name={reference.name}"]
        else:
            command += ["--tag", reference.place]
        if self.client.kind is BuildKind.BUILDX:
            command += ["--provenance=false", *(["--load"] if self._folders is None else [])]
            if self._settings.builder_name:
                command += ["--builder", self._settings.builder_name]
            if request.image is not None:
                command += self._caches.options(request.image, request.side)
        if request.no_cache:
            command.append("--no-cache")
        if request.target:
            command += ["--target", request.target]
        if request.platform:
            command += ["--platform", request.platform]
        hidden = by_environment(request.build_args, self._environment)
        for name, value in request.build_args.items():
            command += ["--build-arg", name if name in hidden else f"{name}={value}"]
        for name, value in request.contexts.items():
            if self.client.kind is not BuildKind.BUILDX:
                raise EngineError(
                    f"{request.dockerfile.name}: the additional build context {name} needs buildx."
                    " Install docker-buildx."
                )
            command += ["--build-context", f"{name}={value}"]
        return [*command, "--", str(request.context)]


def _storage(engine: docker.DockerClient, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """The engine's storage folders, if they are on this machine."""
    try:
        folder = engine.info().get("DockerRootDir")
    except (docker.errors.DockerException, requests.RequestException):
        return ()
    return (Path(str(folder)),) if folder and engine_host(environment).startswith("unix://") else ()
