"""Writes docs/limits.md: every limit on the input of a run, with its value in the code.

`make limits` writes the page; a unit test holds it to the code.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "limits.md"

INTRODUCTION = """# Limits

Images, registries and repositories are hostile input: each read, loop and recursion has a bound. A run names what is
over a bound: exit code 5 for an image, "not checked" for a check. The other images of the run are not affected.

`scripts/limits_page.py` writes this page from the code.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """A constant of the code, the unit of its value, and what it bounds."""

    place: str
    unit: str
    what: str


GROUPS: dict[str, tuple[Limit, ...]] = {
    "Layers": (
        Limit(place="sources.compression.FREE_UNPACKED_BYTES", unit="bytes", what="a compressed blob may unpack to"),
        Limit(place="sources.compression.FREE_UNPACKED_SLOWLY_BYTES", unit="bytes", what="the same with bzip2 and xz"),
        Limit(place="sources.compression.MAX_RATIO", unit="times", what="its size that a larger blob may unpack to"),
        Limit(place="sources.compression.FREE_GZIP_MEMBERS", unit="", what="members of a gzip stream without content"),
        Limit(place="sources.changeset.MAX_ENTRIES", unit="", what="entries of a layer, whiteouts included"),
        Limit(place="sources.changeset.MAX_WHITEOUTS", unit="", what="whiteouts of a layer"),
        Limit(
            place="sources.changeset.MAX_NAMES_BYTES", unit="bytes", what="for the names and link targets of a layer"
        ),
        Limit(place="sources.changeset.MAX_NAME_BYTES", unit="bytes", what="of a name or link target"),
        Limit(place="sources.layer_paths.MAX_PATH_COMPONENTS", unit="", what="directories of a path"),
        Limit(place="sources.tar.MAX_EXTENSION_BYTES", unit="bytes", what="of an extension header"),
        Limit(place="domain.image.tree.MAX_IMPLIED_DIRECTORIES", unit="", what="directories that no layer names"),
        Limit(place="domain.image.rootfs.MAX_SYMLINKS", unit="", what="symlinks on the way to a file"),
    ),
    "Images": (
        Limit(place="sources.manifest.MAX_LAYERS", unit="", what="layers of an image"),
        Limit(place="sources.manifest.MAX_DOCUMENT_BYTES", unit="bytes", what="of a manifest, index or configuration"),
        Limit(place="sources.image_choice.MAX_INDEX_DEPTH", unit="", what="indexes inside each other"),
        Limit(place="sources.blob_stores.MAX_ARCHIVE_MEMBERS", unit="", what="members of a saved archive"),
        Limit(place="sources.file_contents.MAX_READ_BYTES", unit="bytes", what="of a file read at once"),
    ),
    "Programs": (
        Limit(place="domain.start.elf.symbols.MAX_SYMBOLS", unit="", what="dynamic symbols of a file"),
        Limit(place="domain.start.elf.symbols.MAX_SYMBOL_NAME_BYTES", unit="bytes", what="of a symbol's name"),
        Limit(
            place="domain.start.elf.symbols.SPARE_NAMES_BYTES",
            unit="bytes",
            what="of symbol names beyond twice the string table",
        ),
        Limit(place="domain.start.elf.dynamic.MAX_DYNAMIC_ENTRIES", unit="", what="entries of a dynamic section"),
        Limit(place="domain.start.loader.ldcache.MAX_CACHE_BYTES", unit="bytes", what="of `ld.so.cache`"),
        Limit(place="domain.start.loader.ldcache.MAX_STRINGS_BYTES", unit="bytes", what="of names in `ld.so.cache`"),
        Limit(place="domain.start.loader.objects.MAX_OBJECTS", unit="", what="libraries of a program"),
        Limit(place="domain.start.follow.MAX_STEPS", unit="", what="programs that execute programs"),
    ),
    "Registries": (
        Limit(place="sources.registry.CONNECT_TIMEOUT_SECONDS", unit="s", what="to connect"),
        Limit(
            place="sources.registry.STALL_TIMEOUT_SECONDS",
            unit="s",
            what="for an answer, a token or the next piece of a blob",
        ),
        Limit(place="sources.registry.SLOWEST_BYTES_A_SECOND", unit="bytes/s", what="of a blob, at least"),
        Limit(place="sources.registry.MAX_RETRY_AFTER_SECONDS", unit="s", what="of `Retry-After` that are waited"),
        Limit(place="sources.registry.MAX_CHALLENGE_CHARACTERS", unit="characters", what="of `WWW-Authenticate`"),
        Limit(place="sources.registry.MAX_TOKEN_BYTES", unit="bytes", what="of a token server's answer"),
        Limit(
            place="sources.registry_sizes.MAX_SIZES_SECONDS",
            unit="s",
            what="for the layer sizes of a base image; all registries that do not answer share this time",
        ),
        Limit(
            place="sources.registry.MAX_REFERRERS_SECONDS",
            unit="s",
            what="to look for referrers of an image, in all requests together",
        ),
        Limit(place="sources.registry.MAX_ATTACHED_SECONDS", unit="s", what="for all attached documents of an image"),
        Limit(place="sources.credentials.HELPER_TIMEOUT_SECONDS", unit="s", what="for a credential helper"),
    ),
    "Definitions of images": (
        Limit(place="plan.definition_files.MAXIMUM_TOTAL_BYTES", unit="bytes", what="of all Compose and bake files"),
        Limit(place="plan.definition_files.MAXIMUM_SECONDS", unit="s", what="for buildx to read them, base's first"),
        Limit(place="plan.compose.MAXIMUM_COMPOSE_BYTES", unit="bytes", what="of a Compose file"),
        Limit(place="plan.compose.MAXIMUM_VALUES", unit="", what="values of a Compose file, merged ones included"),
        Limit(place="plan.compose.MAXIMUM_ARGUMENTS", unit="", what="build arguments of all services of a file"),
        Limit(
            place="plan.affected.MAXIMUM_PATTERNS",
            unit="",
            what="patterns that a Dockerfile copies; with more, every change of the context affects the image",
        ),
        Limit(
            place="plan.affected.MAXIMUM_COMPARISONS",
            unit="",
            what="comparisons of such patterns with changed paths, or of copied paths with links; likewise",
        ),
    ),
    "Messages": (
        Limit(place="progress.text.ERROR_LINE_CHARACTERS", unit="characters", what="of an error, in one line"),
        Limit(place="domain.dockerfile.MAXIMUM_DOCKERFILE_BYTES", unit="bytes", what="of a Dockerfile"),
    ),
}


def page() -> str:
    """The text of docs/limits.md."""
    lines = [INTRODUCTION]
    for title, limits in GROUPS.items():
        lines += [f"## {title}", "", "| At most | of what |", "| ---: | --- |"]
        lines += [f"| {value_of(one):,} {one.unit} | {one.what} |".replace("  |", " |") for one in limits]
        lines.append("")
    return "\n".join(lines)


def value_of(limit: Limit) -> int:
    """The value that the code has."""
    module, _, name = limit.place.rpartition(".")
    value = getattr(importlib.import_module(f"weighbridge.{module}"), name)
    assert isinstance(value, int)
    return value


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")
