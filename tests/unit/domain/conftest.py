"""Small root filesystems and small ELF files, made of bytes."""

from __future__ import annotations

import hashlib
import itertools
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest
from images import layers_of

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.image.image import Image, ImageConfig
from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.origins import LayerOrigin
from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.image.weighed import WeighedImage, weigh_image
from weighbridge.domain.tips.tip import DockerfileSource

_COUNTER = itertools.count()


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file of a test image. `content` of a symlink or hard link is its target."""

    content: bytes = b""
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    kind: EntryKind = EntryKind.FILE
    capabilities: bytes | None = None


class Contents:
    """Content by layer and stored path; counts reads."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, str], bytes] = {}
        self.reads = 0

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        self.reads += 1
        return self.files[node.diff_id, node.stored_path][offset : offset + length]


class Images:
    """Builds root filesystems from dictionaries: path → bytes, File, or a string (a symlink's target)."""

    File = File

    def __init__(self) -> None:
        self.contents = Contents()

    def changeset(self, files: Mapping[str, bytes | str | File | None]) -> Changeset:
        """A layer; a path that ends in a slash is a directory, None is a whiteout, ``.../*`` None an opaque one."""
        diff_id = f"sha256:{next(_COUNTER):064x}"
        entries = []
        for path, value in files.items():
            name = path.strip("/")
            if value is None:
                kind = EntryKind.OPAQUE if name.endswith("*") else EntryKind.WHITEOUT
                entries.append(Entry(path=name.removesuffix("*").rstrip("/"), kind=kind))
                continue
            file = File(content=value.encode(), kind=EntryKind.SYMLINK) if isinstance(value, str) else value
            file = File(content=file) if isinstance(file, bytes) else file
            kind = EntryKind.DIRECTORY if path.endswith("/") else file.kind
            is_link = kind in {EntryKind.SYMLINK, EntryKind.HARD_LINK}
            if kind is EntryKind.FILE:
                self.contents.files[diff_id, name] = file.content
            entries.append(
                Entry(
                    path=name,
                    kind=kind,
                    size_bytes=len(file.content) if kind is EntryKind.FILE else 0,
                    mode=file.mode,
                    uid=file.uid,
                    gid=file.gid,
                    link_target=file.content.decode() if is_link else None,
                    capabilities=file.capabilities,
                )
            )
        return Changeset(diff_id=diff_id, entries=entries)

    def rootfs(self, *layers: Mapping[str, bytes | str | File | None]) -> Rootfs:
        """The root filesystem of these layers, lowest first."""
        return Rootfs.from_changesets([self.changeset(layer) for layer in layers], self.contents)

    @staticmethod
    def config(*command: str, **changes: object) -> ImageConfig:
        """A config that runs `command`."""
        return replace(ImageConfig(cmd=command or None), **changes)  # type: ignore[arg-type]


@pytest.fixture
def images() -> Images:
    return Images()


@pytest.fixture
def weighed(images: Images) -> Callable[..., tuple[WeighedImage, DockerfileSource]]:
    """`weighed(dockerfile, layer, …)` is an image of real contents, with its Dockerfile.

    Each instruction that makes a layer has one layer, in order; the layers before these are the base image's.
    """

    def weigh(
        text: str, *layers: Mapping[str, bytes | str | File | None], **config: object
    ) -> tuple[WeighedImage, DockerfileSource]:
        dockerfile = parse_dockerfile(text, path="Dockerfile")
        made = [one for one in dockerfile.final_stage().instructions if one.name in {"RUN", "COPY", "ADD"}]
        in_base = len(layers) - len(made)
        changesets = [_with_digests(images.changeset(layer), images.contents) for layer in layers]
        image = Image(
            image_id="sha256:image",
            config=replace(ImageConfig(), **config),  # type: ignore[arg-type]
            layers=layers_of(changesets),
        )
        origins = [
            LayerOrigin(instruction=None, text="ADD rootfs /", line=None, from_base_image=True) for _ in range(in_base)
        ] + [LayerOrigin(instruction=one, text=one.text, line=one.line, from_base_image=False) for one in made]
        return weigh_image(image, origins, images.contents), DockerfileSource(text=text, dockerfile=dockerfile)

    return weigh


def _with_digests(changeset: Changeset, contents: Contents) -> Changeset:
    entries = [
        replace(entry, content_digest=hashlib.sha256(contents.files[changeset.diff_id, entry.path]).hexdigest())
        if entry.kind is EntryKind.FILE
        else entry
        for entry in changeset.entries
    ]
    return replace(changeset, entries=entries)


@dataclass(frozen=True, kw_only=True, slots=True)
class ElfSpec:
    """The contents of a made ELF file. Version lists: needed `(soname, version, weak)`, defined names."""

    bits: int = 64
    big_endian: bool = False
    machine: int = 62
    type: int = 3
    interpreter: str | None = None
    needed: tuple[str, ...] = ()
    soname: str | None = None
    rpath: str | None = None
    runpath: str | None = None
    filters: tuple[str, ...] = ()
    auxiliary: tuple[str, ...] = ()
    bind_now: bool = False
    flags_1: int = 0
    needed_versions: tuple[tuple[str, str, bool], ...] = ()
    defined_versions: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()
    undefined: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    lazy: tuple[str, ...] = ()
    dynamic: bool = True
    trailer: bytes = b""
    segment_flags: int = 5
    versions_of: Mapping[str, str] = field(default_factory=dict)


def build_elf(spec: ElfSpec) -> bytes:
    """An ELF file of one segment with a dynamic section, symbols, versions and relocations, as `spec` says."""
    order = ">" if spec.big_endian else "<"
    wide = spec.bits == 64
    word = "Q" if wide else "I"
    strings = bytearray(b"\0")

    def string(text: str) -> int:
        strings.extend(text.encode() + b"\0")
        return len(strings) - len(text.encode()) - 1

    def pack(layout: str, *values: int) -> bytes:
        return struct.pack(order + layout, *values)

    tags: list[tuple[int, int]] = [(1, string(name)) for name in spec.needed]
    tags += [(tag, string(text)) for tag, text in ((14, spec.soname), (15, spec.rpath), (29, spec.runpath)) if text]
    tags += [(0x7FFFFFFF, string(name)) for name in spec.filters]
    tags += [(0x7FFFFFFD, string(name)) for name in spec.auxiliary]
    tags += [(24, 0)] if spec.bind_now else []
    tags += [(0x6FFFFFFB, spec.flags_1)] if spec.flags_1 else []
    # Version indices: 2… for the defined ones, then the needed ones.
    index_of: dict[str, int] = {}
    for name in spec.defined_versions:
        index_of[name] = len(index_of) + 2
    for _, name, _ in spec.needed_versions:
        index_of.setdefault(name, len(index_of) + 2)
    names = [*spec.exports, *spec.undefined, *spec.weak, *(name for name in spec.lazy)]
    symbols = bytearray(24 if wide else 16)
    versym = bytearray(2)
    for position, name in enumerate(names):
        defined = position < len(spec.exports)
        info = (2 if name in spec.weak else 1) << 4 | 2
        value = 0x1000 if defined else 0
        at = string(name)
        symbols += (
            pack("IBBHQQ", at, info, 0, int(defined), value, 0)
            if wide
            else pack("IIIBBH", at, value, 0, info, 0, int(defined))
        )
        versym += pack("H", index_of.get(spec.versions_of.get(name, ""), 1))
    first = len(spec.exports) + 1
    shift = 32 if wide else 8

    def relocations(start: int, count: int) -> bytes:
        return b"".join(pack(word * 3, 0x2000, (start + n) << shift | 6, 0) for n in range(count))

    rela = relocations(first, len(spec.undefined) + len(spec.weak))
    plt = relocations(first + len(spec.undefined) + len(spec.weak), len(spec.lazy))
    verdef = bytearray()
    for number, name in enumerate(spec.defined_versions):
        following = 28 if number < len(spec.defined_versions) - 1 else 0
        verdef += pack("HHHHIII", 1, 0, index_of[name], 1, 0, 20, following) + pack("II", string(name), 0)
    verneed = bytearray()
    by_file: dict[str, list[tuple[str, bool]]] = {}
    for soname, name, is_weak in spec.needed_versions:
        by_file.setdefault(soname, []).append((name, is_weak))
    for number, (soname, wanted) in enumerate(by_file.items()):
        size = 16 + 16 * len(wanted)
        verneed += pack("HHIII", 1, len(wanted), string(soname), 16, size if number < len(by_file) - 1 else 0)
        for at, (name, is_weak) in enumerate(wanted):
            step = 16 if at < len(wanted) - 1 else 0
            verneed += pack("IHHII", 0, 2 if is_weak else 0, index_of[name], string(name), step)
    headers = 1 + spec.dynamic + (spec.interpreter is not None)
    ehdr_bytes, phdr_bytes = (64, 56) if wide else (52, 32)
    body = ehdr_bytes + headers * phdr_bytes
    parts: dict[str, int] = {}
    blob = bytearray()
    pieces = {
        "interp": (spec.interpreter or "").encode() + b"\0",
        "symbols": bytes(symbols),
        "versym": bytes(versym),
        "rela": rela,
        "plt": plt,
        "verdef": bytes(verdef),
        "verneed": bytes(verneed),
        "hash": pack("IIII", 1, len(symbols) // (24 if wide else 16), 0, 0),
        "strings": bytes(strings),
    }
    for name, piece in pieces.items():
        blob += bytes(-(body + len(blob)) % 8)
        parts[name] = body + len(blob)
        blob += piece
    tags += [(4, parts["hash"]), (5, parts["strings"]), (6, parts["symbols"]), (10, len(strings))]
    tags += [(0x6FFFFFF0, parts["versym"])]
    tags += [(7, parts["rela"]), (8, len(rela))] if rela else []
    tags += [(23, parts["plt"]), (2, len(plt)), (20, 7)] if plt else []
    tags += [(0x6FFFFFFC, parts["verdef"]), (0x6FFFFFFD, len(spec.defined_versions))] if verdef else []
    tags += [(0x6FFFFFFE, parts["verneed"]), (0x6FFFFFFF, len(by_file))] if verneed else []
    tags.append((0, 0))
    blob += bytes(-(body + len(blob)) % 8)
    dynamic_at = body + len(blob)
    dynamic = b"".join(pack(word * 2, tag, value) for tag, value in tags)
    blob += dynamic if spec.dynamic else b""
    total = body + len(blob) + len(spec.trailer)

    def segment(kind: int, offset: int, size: int) -> bytes:
        if wide:
            return pack("IIQQQQQQ", kind, spec.segment_flags, offset, offset, offset, size, size, 8)
        return pack("IIIIIIII", kind, offset, offset, offset, size, size, spec.segment_flags, 8)

    table = segment(3, parts["interp"], len(pieces["interp"])) if spec.interpreter is not None else b""
    table += segment(1, 0, total)
    table += segment(2, dynamic_at, len(dynamic)) if spec.dynamic else b""
    ident = b"\x7fELF" + bytes([2 if wide else 1, 2 if spec.big_endian else 1, 1]) + bytes(9)
    header = pack(
        "HHI" + word * 3 + "IHHHHHH",
        *(spec.type, spec.machine, 1, 0x1000, ehdr_bytes, 0, 0),
        *(ehdr_bytes, phdr_bytes, headers, 0, 0, 0),
    )
    return ident + header + table + bytes(blob) + spec.trailer


@pytest.fixture
def make_elf() -> Callable[..., bytes]:
    """Makes the bytes of an ELF file: ``make_elf(interpreter="/lib/ld.so", needed=("libc.so.6",))``."""
    return lambda **fields: build_elf(ElfSpec(**fields))


GLIBC_LOADER = "/lib64/ld-linux-x86-64.so.2"
MUSL_LOADER = "/lib/ld-musl-x86_64.so.1"


@pytest.fixture
def glibc() -> dict[str, bytes]:
    """A made glibc: a loader with Debian's directories compiled in, and libc.so.6 with two versions."""
    directories = b"/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0"
    loader = ElfSpec(
        soname="ld-linux-x86-64.so.2",
        exports=("_rtld_global", "__tls_get_addr"),
        defined_versions=("GLIBC_2.2.5", "GLIBC_PRIVATE"),
        trailer=b"\0" + directories,
    )
    libc = ElfSpec(
        interpreter=GLIBC_LOADER,
        soname="libc.so.6",
        needed=("ld-linux-x86-64.so.2",),
        defined_versions=("GLIBC_2.2.5", "GLIBC_2.34"),
        exports=("puts", "__libc_start_main", "stdin"),
        versions_of={"puts": "GLIBC_2.2.5", "__libc_start_main": "GLIBC_2.34", "stdin": "GLIBC_2.2.5"},
    )
    return {GLIBC_LOADER: build_elf(loader), "/lib/x86_64-linux-gnu/libc.so.6": build_elf(libc)}


@pytest.fixture
def musl() -> dict[str, bytes]:
    """A made musl: the loader, which is also libc."""
    loader = ElfSpec(exports=("__dls3", "__libc_start_main", "stdin", "puts", "fopen", "main_thread"))
    return {MUSL_LOADER: build_elf(loader)}
