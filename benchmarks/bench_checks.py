"""How long the checks take, and whether a damaged file can stop them.

    python benchmarks/bench_checks.py                       # 1,500 ELF files; 100,000 damaged files
    python benchmarks/bench_checks.py --mutations 2000      # quicker

The ELF files are this machine's own programs and libraries. `cold` is the first check of an image whose files were
never looked at, `warm` the second check of the same image. Damaged files are made from real ones with a fixed seed;
each must be judged without an exception and within the time limit.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

from weighbridge.domain.checks.check import check
from weighbridge.domain.image.image import Healthcheck, ImageConfig
from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.start.accounts import resolve_user
from weighbridge.domain.start.loader.ldcache import parse_ld_cache

FOLDERS = ("/usr/lib", "/usr/bin", "/usr/sbin", "/usr/libexec", "/usr/local")
LIMIT_SECONDS = 2.0
COLD_SECONDS, WARM_SECONDS = 1.0, 0.1


class OnDisk:
    """Content of files by where they really are."""

    def __init__(self, places: dict[str, Path]) -> None:
        self.places = places

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        with self.places[node.stored_path].open("rb") as file:
            file.seek(offset)
            return file.read(length)


class InMemory:
    """Content of files by their path."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        return self.files[node.stored_path][offset : offset + length]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--elf-files", type=int, default=1500)
    parser.add_argument("--mutations", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    good = time_checks(arguments.elf_files)
    return 0 if mutate(arguments.mutations, arguments.seed) and good else 1


def time_checks(count: int) -> bool:
    """Check one image of `count` ELF files, all of them add-ons of the interpreter that is started."""
    config, entries, places = image_of_this_machine(count)
    contents = OnDisk(places)
    cold: list[float] = []
    warm: list[float] = []
    starts = ""
    for _ in range(3):
        rootfs = Rootfs.from_changesets([Changeset(diff_id="sha256:" + "1" * 64, entries=entries)], contents)
        for figures in (cold, warm):
            start = time.perf_counter()
            result = check(config, rootfs)
            figures.append(time.perf_counter() - start)
            starts = f"starts {result.start.starts}, {len(result.findings)} findings"
    print(f"{count} ELF files, {len(entries)} entries: {starts}")
    print(f"cold {min(cold):.3f} s (target {COLD_SECONDS} s), warm {min(warm):.3f} s (target {WARM_SECONDS} s)")
    return bool(min(cold) <= COLD_SECONDS and min(warm) <= WARM_SECONDS)


def image_of_this_machine(count: int) -> tuple[ImageConfig, list[Entry], dict[str, Path]]:
    """An image with `count` of this machine's ELF files: the started Python with its libraries, and add-ons."""
    elf_files: list[Path] = []
    for folder in FOLDERS:
        for path in sorted(Path(folder).rglob("*")):
            if len(elf_files) < count and path.is_file() and not path.is_symlink() and _is_elf(path):
                elf_files.append(path)
    entries, places = [], {}

    def add(name: str, path: Path) -> None:
        size = path.stat().st_size
        entries.append(Entry(path=name, kind=EntryKind.FILE, size_bytes=size, mode=0o755))
        places[name] = path

    add("usr/bin/python3", Path(sys.executable).resolve())
    library = Path(sysconfig.get_path("stdlib"))
    for name in ("os.py", "encodings/__init__.py"):
        add(f"usr/lib/python{sysconfig.get_python_version()}/{name}", library / name)
    for name in ("lib64/ld-linux-x86-64.so.2", "etc/ld.so.cache", "etc/passwd", "etc/os-release"):
        if Path("/", name).exists():
            add(name, Path("/", name).resolve())
    for library in sorted(Path("/usr/lib/x86_64-linux-gnu").glob("*.so*")):
        if library.is_file():
            add(f"usr/lib/x86_64-linux-gnu/{library.name}", library.resolve())
    for number, path in enumerate(elf_files):
        add(f"usr/lib/python3/dist-packages/package{number}/module.so", path)
    entries.append(Entry(path="lib", kind=EntryKind.SYMLINK, link_target="usr/lib"))
    return ImageConfig(cmd=("/usr/bin/python3", "-c", "pass")), entries, places


def mutate(count: int, seed: int) -> bool:
    """Judge `count` damaged files of each kind in turn; True where none of them did harm."""
    randomness = random.Random(seed)
    kinds = damaged_kinds()
    slowest, harmed = 0.0, 0
    began = time.perf_counter()
    for number in range(count):
        kind, judge_file, originals = kinds[number % len(kinds)]
        data = damaged(randomness, randomness.choice(originals))
        faulthandler.dump_traceback_later(60, exit=True)
        start = time.perf_counter()
        try:
            judge_file(data)
        except Exception as error:  # noqa: BLE001 - this is what is looked for
            harmed += 1
            print(f"{kind}: {type(error).__name__}: {error}")
            Path(f"damaged-{kind}-{number}").write_bytes(data)
        seconds = time.perf_counter() - start
        slowest = max(slowest, seconds)
        if seconds > LIMIT_SECONDS:
            harmed += 1
            print(f"{kind}: took {seconds:.1f} s")
    faulthandler.cancel_dump_traceback_later()
    spent = time.perf_counter() - began
    print(f"{count} damaged files: {harmed} did harm, the slowest took {slowest * 1000:.0f} ms, all {spent:.0f} s")
    return harmed == 0


def damaged_kinds() -> list[tuple[str, Callable[[bytes], object], list[bytes]]]:
    """Kinds of files, how each is judged, and the sound files that are damaged."""
    programs = [path.read_bytes()[:400_000] for path in map(Path, ("/bin/true", "/bin/cat")) if path.exists()]
    libraries = [path.read_bytes()[:60_000] for path in sorted(Path("/usr/lib/x86_64-linux-gnu").glob("lib?.so*"))[:3]]
    loader = Path("/lib64/ld-linux-x86-64.so.2")
    script = (
        b'#!/usr/bin/env -S sh -e\nset -e\nif [ "$1" = x ]; then echo "${A:-$(date)}"; fi\ncd /app && ./x\nexec "$@"\n'
    )
    passwd = b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n"
    cache = Path("/etc/ld.so.cache")
    system = {"lib64/ld-linux-x86-64.so.2": loader.resolve().read_bytes()} if loader.exists() else {}
    return [
        ("program", lambda data: _check_program(data, system), programs),
        ("library", lambda data: _check_library(data, {**system, "app/program": programs[0]}), libraries),
        ("loader", lambda data: _check_loader(data, programs[0]), list(system.values()) or programs),
        ("script", _check_script, [script, b"#!/bin/sh\r\n", b"#!" + b"./" * 200 + b"sh\n"]),
        ("passwd", lambda data: resolve_user("app:app", data, data), [passwd]),
        (
            "ld.so.cache",
            parse_ld_cache,
            [cache.read_bytes() if cache.exists() else b"glibc-ld.so.cache1.1" + bytes(99)],
        ),
    ]


def damaged(randomness: random.Random, data: bytes) -> bytes:
    """`data` with some bytes changed, in its headers mostly, or cut short, or with a part repeated."""
    changed = bytearray(data)
    for _ in range(randomness.choice((1, 2, 4, 16, 64))):
        if not changed:
            break
        reach = randomness.choice((64, 1024, len(changed)))
        at = randomness.randrange(min(reach, len(changed)))
        what = randomness.randrange(6)
        if what == 0:
            changed[at] = randomness.randrange(256)
        elif what == 1:
            changed[at] ^= 1 << randomness.randrange(8)
        elif what == 2:
            changed[at : at + 8] = randomness.choice(
                (b"\xff" * 8, bytes(8), b"\x7f" + b"\xff" * 7, b"\0\0\0\0\0\0\0\x80")
            )
        elif what == 3 and randomness.random() < 0.2:
            del changed[at:]
        elif what == 4:
            changed[at:at] = changed[at : at + randomness.randrange(64)]
        else:
            changed[at : at + 1] = randomness.choice((b"$", b"'", b'"', b"\n", b"\0", b":", b"(", b"\r", b"\\", b"#"))
    return bytes(changed)


def _rootfs(files: dict[str, bytes]) -> Rootfs:
    entries = [
        Entry(path=path, kind=EntryKind.FILE, size_bytes=len(content), mode=0o755) for path, content in files.items()
    ]
    return Rootfs.from_changesets([Changeset(diff_id="sha256:" + "2" * 64, entries=entries)], InMemory(files))


def _check_program(data: bytes, system: dict[str, bytes]) -> object:
    return check(ImageConfig(cmd=("/app/program",)), _rootfs({**system, "app/program": data}))


def _check_library(data: bytes, system: dict[str, bytes]) -> object:
    return check(ImageConfig(cmd=("/app/program",)), _rootfs({**system, "lib/x86_64-linux-gnu/libc.so.6": data}))


def _check_loader(data: bytes, program: bytes) -> object:
    return _check_program(program, {"lib64/ld-linux-x86-64.so.2": data})


def _check_script(data: bytes) -> object:
    config = ImageConfig(
        entrypoint=("/app/run",), cmd=("nowhere",), healthcheck=Healthcheck(test=("CMD-SHELL", data.decode("latin-1")))
    )
    shell = _FAKE_DASH
    return check(config, _rootfs({"app/run": data, "bin/dash": shell, "bin/sh": data, "usr/bin/env": shell}))


# A static program of headers only: enough to recognise `dash` and `env` by name.
_FAKE_DASH = (
    b"\x7fELF\x02\x01\x01"
    + bytes(9)
    + (2).to_bytes(2, "little")
    + (62).to_bytes(2, "little")
    + (1).to_bytes(4, "little")
    + (0x400000).to_bytes(8, "little")
    + (64).to_bytes(8, "little")
    + bytes(8)
    + bytes(4)
    + (64).to_bytes(2, "little")
    + (56).to_bytes(2, "little")
    + (1).to_bytes(2, "little")
    + bytes(6)
    + (1).to_bytes(4, "little")
    + (5).to_bytes(4, "little")
    + bytes(48)
)


def _is_elf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
