"""Chooses the image of an index, a registry's answer or a layout: skips artifacts, then selects by platform.

The rules are the same for every source; a source only provides documents by descriptor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from weighbridge.errors import ImageError
from weighbridge.sources.artifacts import artifact, artifact_in_index, artifact_kind, best_known
from weighbridge.sources.manifest import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    Descriptor,
    Index,
    Manifest,
    config_platform,
    decode,
    media_type_of,
)
from weighbridge.sources.platforms import Platform, this_machine

MAX_INDEX_DEPTH = 8
"""Maximum nesting of indexes; containerd writes 2 levels, the spec sets no limit."""
MAX_DOCUMENTS = 1000
"""Maximum number of manifests and indexes that are read to find one image."""


class DocumentSource(Protocol):
    """A source of manifests and configs. It verifies each document against its digest."""

    @property
    def what(self) -> str:
        """The name of this source in messages."""

    def manifest_document(self, descriptor: Descriptor) -> bytes:
        """The manifest or index; raises `ImageError` if it is missing or damaged."""

    def config_document(self, descriptor: Descriptor) -> bytes:
        """The config of an image; raises `ImageError` if it is missing or damaged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenImage:
    """The chosen manifest. `notes` explain the choice if there were several.

    `platform` is that of its entry in an index, ``None`` without one. `root` is the digest of the entry that leads to
    it: its own without an index. `beside` are all entries of the indexes that were read, artifacts included.
    """

    descriptor: Descriptor
    manifest: Manifest
    root: str
    platform: Platform | None = None
    notes: tuple[str, ...] = ()
    beside: tuple[Descriptor, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """The digests that a statement about this image may name."""
        return frozenset({self.descriptor.digest, self.root})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Candidate:
    """An entry that may be the image, and the top-level entry that leads to it.

    `manifest` is ``None`` until it has to be read.
    """

    root: Descriptor
    descriptor: Descriptor
    platform: Platform | None
    manifest: Manifest | None = None


class ImageChoice:
    """Chooses among `descriptors`. `platform` is the requested one, ``None`` if none was requested."""

    def __init__(
        self,
        source: DocumentSource,
        platform: Platform | None,
        *,
        name_of: Callable[[Descriptor], str] = lambda descriptor: descriptor.digest,
    ) -> None:
        """`name_of` gives the name of an entry in the message about an ambiguity."""
        self._source = source
        self._platform = platform
        self._name_of = name_of
        self._artifacts: list[str] = []
        self._seen: list[Descriptor] = []
        self._documents = 0

    def choose(self, descriptors: Sequence[Descriptor]) -> ChosenImage:
        """The one image of `descriptors`, each of which is an image or an index.

        Within one index the first image of a platform wins, as in containerd. Raises `ImageError` if there is no image,
        or if several images of one platform match.
        """
        candidates = [one for each in descriptors for one in self._expanded(each, each, depth=0)]
        candidates = self._images(candidates)
        if not candidates:
            raise self._nothing()
        fitting, notes = self._of_platform(candidates)
        read = [one for one in map(self._read, fitting) if one is not None]
        if not read:
            others = [one for one in candidates if one not in fitting]
            if not others:
                raise self._nothing()
            fitting, notes = self._of_platform(others)
            read = [one for one in map(self._read, fitting) if one is not None]
            if not read:
                raise self._nothing()
        primary = [one for one in read if one.manifest.subject is None] or read
        firsts = list({one.root.digest: one for one in reversed(primary)}.values())
        if len({one.manifest.config.digest for one in firsts}) > 1:
            raise self._ambiguous(firsts)
        return ChosenImage(
            descriptor=primary[0].descriptor,
            manifest=primary[0].manifest,
            root=primary[0].root.digest,
            platform=primary[0].descriptor.platform,
            beside=tuple(self._seen),
            notes=(*notes, *_compression_note([one for one in primary if _is_same(one, primary[0])])),
        )

    def _expanded(self, root: Descriptor, descriptor: Descriptor, depth: int) -> list[_Candidate]:
        """`descriptor`, or the entries in it if it is an index."""
        self._seen.append(descriptor)
        kind = artifact_in_index(descriptor)
        if kind is not None:
            self._artifacts.append(kind)
            return []
        media_type = descriptor.media_type
        if media_type in MANIFEST_TYPES:
            return [_Candidate(root=root, descriptor=descriptor, platform=_stated_platform(descriptor))]
        if media_type and media_type not in INDEX_TYPES:
            self._artifacts.append(artifact_kind(media_type))
            return []
        if depth == MAX_INDEX_DEPTH:
            raise ImageError(f"{self._source.what}: its indexes nest more than {MAX_INDEX_DEPTH} deep")
        content = self._document(descriptor)
        media_type = media_type or media_type_of(content, self._source.what)
        what = f"{self._source.what}: {descriptor.digest}"
        if media_type in MANIFEST_TYPES:
            manifest = decode(content, Manifest, what)
            platform = _stated_platform(descriptor)
            return [_Candidate(root=root, descriptor=descriptor, platform=platform, manifest=manifest)]
        if media_type not in INDEX_TYPES:
            self._artifacts.append(artifact_kind(media_type))
            return []
        index = decode(content, Index, what)
        if index.artifact_type:
            self._artifacts.append(artifact_kind(index.artifact_type))
            return []
        return [one for each in index.manifests for one in self._expanded(root, each, depth + 1)]

    def _document(self, descriptor: Descriptor) -> bytes:
        self._documents += 1
        if self._documents > MAX_DOCUMENTS:
            raise ImageError(f"{self._source.what}: more than {MAX_DOCUMENTS} manifests")
        return self._source.manifest_document(descriptor)

    def _images(self, candidates: Sequence[_Candidate]) -> list[_Candidate]:
        """`candidates` without artifacts. Reads those without a platform, if the platform matters."""
        if len(candidates) == 1:
            return list(candidates)
        found = []
        for one in candidates:
            if one.platform is not None:
                found.append(one)
                continue
            read = self._read(one)
            if read is not None:
                config = self._source.config_document(read.manifest.config)
                platform = config_platform(config)
                found.append(
                    _Candidate(root=one.root, descriptor=one.descriptor, platform=platform, manifest=read.manifest)
                )
        return found

    def _of_platform(self, candidates: Sequence[_Candidate]) -> tuple[list[_Candidate], tuple[str, ...]]:
        offered = list(dict.fromkeys(one.platform.normalised() for one in candidates if one.platform is not None))
        if self._platform is None and len(offered) < 2:
            return list(candidates), ()
        if not offered:
            return list(candidates), ()
        wanted = self._platform or this_machine()
        best = wanted.best_of(offered)
        if best is None:
            names = ", ".join(sorted(map(str, offered)))
            advice = "" if self._platform else ". Choose one with --platform"
            raise ImageError(f"{self._source.what} holds no image for {wanted}; it holds: {names}{advice}")
        fitting = [one for one in candidates if one.platform is not None and one.platform.normalised() == best]
        fitting, notes = self._of_version(fitting)
        if self._platform is not None:
            return fitting, notes
        others = ", ".join(sorted(str(one) for one in offered if one != best))
        return fitting, (
            f"platform {best} is weighed, as on this machine; also available: {others} (--platform)",
            *notes,
        )

    def _of_version(self, candidates: list[_Candidate]) -> tuple[list[_Candidate], tuple[str, ...]]:
        """`candidates` of the requested version of the operating system, and a note if there are several versions.

        An index of Windows images has one image for each build of Windows. Without a request the first one is taken,
        as containerd does on Linux.
        """
        wanted = self._platform.os_version if self._platform is not None else ""
        versions = list(dict.fromkeys(one.platform.os_version for one in candidates if one.platform is not None))
        if wanted:
            found = [one for one in candidates if one.platform is not None and _is_of_version(one.platform, wanted)]
            if not found:
                there = ", ".join(filter(None, versions)) or "none named"
                raise ImageError(f"{self._source.what} holds no image for {self._platform}; versions: {there}")
            return found, ()
        if len(versions) < 2:
            return candidates, ()
        first = candidates[0].platform
        others = ", ".join(version or "none named" for version in versions[1:])
        return candidates, (
            f"the image for {first} is weighed; also available for: {others} (--platform 'windows(VERSION)/amd64')",
        )

    def _read(self, candidate: _Candidate) -> _ReadCandidate | None:
        """The candidate with its manifest; ``None`` if the manifest is an artifact's."""
        manifest = candidate.manifest
        if manifest is None:
            what = f"{self._source.what}: image manifest {candidate.descriptor.digest}"
            manifest = decode(self._document(candidate.descriptor), Manifest, what)
        kind = artifact(manifest)
        if kind is not None:
            self._artifacts.append(kind)
            return None
        return _ReadCandidate(root=candidate.root, descriptor=candidate.descriptor, manifest=manifest)

    def _nothing(self) -> ImageError:
        if self._artifacts:
            return ImageError(f"{self._source.what} is not a container image: {best_known(self._artifacts)}")
        return ImageError(f"{self._source.what} holds no image: its index lists none. Export the image again.")

    def _ambiguous(self, candidates: Sequence[_ReadCandidate]) -> ImageError:
        names = ", ".join(sorted({self._name_of(one.root) for one in candidates}))
        return ImageError(f"{self._source.what} holds several images ({names}); name one: its tag, @INDEX or @DIGEST")


@dataclass(frozen=True, kw_only=True, slots=True)
class _ReadCandidate:
    root: Descriptor
    descriptor: Descriptor
    manifest: Manifest


def _stated_platform(descriptor: Descriptor) -> Platform | None:
    """The platform of an entry of an index; ``None`` without one, or if it names no architecture."""
    platform = descriptor.platform
    return platform if platform is not None and platform.architecture else None


def _is_of_version(platform: Platform, version: str) -> bool:
    """True for ``10.0.20348`` and an image for ``10.0.20348.169``."""
    return f"{platform.os_version}.".startswith(f"{version}.")


def _is_same(one: _ReadCandidate, other: _ReadCandidate) -> bool:
    return one.manifest.config.digest == other.manifest.config.digest


def _compression_note(same: Sequence[_ReadCandidate]) -> tuple[str, ...]:
    """A note if one image is stored in several compressions."""
    named = [_compression(one.manifest) for one in same]
    if len(set(named)) < 2:
        return ()
    return (f"the image is stored as {' and as '.join(dict.fromkeys(named))}; {named[0]} is weighed",)


def _compression(manifest: Manifest) -> str:
    suffixes = {layer.media_type.rpartition("+")[2] for layer in manifest.layers if "+" in layer.media_type}
    suffixes |= {"gzip" for layer in manifest.layers if layer.media_type.endswith(".tar.gzip")}
    return ", ".join(sorted(suffixes)) or "uncompressed"
