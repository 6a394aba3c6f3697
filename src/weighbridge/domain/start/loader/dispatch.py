"""Identifies the loader of a program, and returns its result."""

from __future__ import annotations

from dataclasses import replace

from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.start.loader.glibc import load_with_glibc
from weighbridge.domain.start.loader.musl import load_with_musl
from weighbridge.domain.start.loader.objects import Libc, LoadReport, LoadRequest, elf_of, libc_of_loader

_GCOMPAT_LIBRARY = "/lib/libgcompat.so.0"
_MUSL_LOADERS = ("/lib/ld-musl-x86_64.so.1", "/lib/ld-musl-aarch64.so.1", "/lib/ld-musl-i386.so.1")


def load(request: LoadRequest) -> LoadReport:
    """Load `request`'s program with its loader, by the rules of that loader's C library."""
    match libc_of_loader(request.process.rootfs, request.loader):
        case Libc.GLIBC:
            return load_with_glibc(request)
        case Libc.MUSL:
            return load_with_musl(request)
        case Libc.GCOMPAT:
            return _load_with_gcompat(request)
        case Libc.UNKNOWN:
            return LoadReport(
                libc=Libc.UNKNOWN,
                objects=(),
                not_checked=(f"{request.loader.path} is neither the loader of glibc nor that of musl",),
            )


def _load_with_gcompat(request: LoadRequest) -> LoadReport:
    """Gcompat's loader executes musl's loader with gcompat's own library preloaded."""
    rootfs = request.process.rootfs
    for name in _MUSL_LOADERS:
        node = rootfs.lookup(name)
        if isinstance(node, Node) and libc_of_loader(rootfs, node) is Libc.MUSL:
            report = load_with_musl(
                replace(
                    request,
                    loader=node,
                    loader_elf=elf_of(rootfs, node),
                    loader_name=name,
                    preload=(_GCOMPAT_LIBRARY, *request.preload),
                )
            )
            return replace(report, libc=Libc.GCOMPAT)
    return LoadReport(
        libc=Libc.GCOMPAT, objects=(), not_checked=(f"{request.loader.path} (gcompat) without musl's loader",)
    )
