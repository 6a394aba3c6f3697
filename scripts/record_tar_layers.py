"""Records what engines make of odd layer tars: ``tests/data/tar_layers/<engine>.json``.

Run it for each engine: ``eval "$(python3 scripts/engine.py env overlay2)"``, then this script with ``overlay2``.
`weighbridge.sources.tar` is held to these records by ``tests/unit/sources/test_tar_engines.py``.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import subprocess
import tarfile
import zlib
from pathlib import Path

_GNU = b"ustar  \0"
_USTAR = b"ustar\x0000"


def header(
    name: bytes = b"f",
    *,
    size: int = 0,
    kind: bytes = b"0",
    magic: bytes = _USTAR,
    prefix: bytes = b"",
    size_field: bytes | None = None,
    tail: bytes = b"",
    link: bytes = b"",
) -> bytes:
    """One header block; `tail` is what stands from byte 345 on, instead of `prefix`."""
    block = bytearray(512)
    block[0 : len(name)] = name
    block[100:124] = b"0000644\x000000000\x000000000\0"
    block[124:136] = size_field if size_field is not None else b"%011o\0" % size
    block[136:148] = b"00000000000\0"
    block[156:157] = kind
    block[157 : 157 + len(link)] = link
    block[257 : 257 + len(magic)] = magic
    block[345 : 345 + len(tail or prefix)] = tail or prefix
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data: bytes) -> bytes:
    """`data` up to a whole number of blocks."""
    return data + bytes(-len(data) % 512)


def pax(*records: tuple[str, str], kind: bytes = b"x") -> bytes:
    """An extended header with `records`, which may repeat a key."""
    data = b""
    for key, value in records:
        body = f" {key}={value}\n".encode()
        length = len(body) + 1
        while len(str(length)) + len(body) != length:
            length = len(str(length)) + len(body)
        data += str(length).encode() + body
    return header(b"PaxHeaders/x", size=len(data), kind=kind) + padded(data)


def long_name(name: bytes, kind: bytes = b"L") -> bytes:
    """GNU's record of a long name or link."""
    return header(b"././@LongLink", size=len(name) + 1, kind=kind, magic=_GNU) + padded(name + b"\0")


def file(name: bytes = b"f", data: bytes = b"x" * 2000, **more: object) -> bytes:
    """A regular file."""
    return header(name, size=len(data), **more) + padded(data)  # type: ignore[arg-type]


def sparse_tail(real: int, *pieces: tuple[int, int]) -> bytes:
    """What an old GNU sparse header has from byte 345 on."""
    table = b"".join(b"%011o\0%011o\0" % piece for piece in pieces)
    return bytes(41) + table.ljust(96, b"\0") + b"\0" + b"%011o\0" % real


def base_256(number: int, first: int = 0x80) -> bytes:
    """A number field of 12 bytes in GNU's base 256."""
    field = bytearray((number & (1 << 96) - 1).to_bytes(12, "big"))
    field[0] |= first
    return bytes(field)


_MAP_1_0 = padded(b"1\n0\n2000\n")
_AFTER = file(b"after", b"y" * 10)

CASES: dict[str, bytes] = {
    "plain": file(),
    "realsize alone": pax(("GNU.sparse.realsize", "1")) + file(),
    "size alone": pax(("GNU.sparse.size", "1")) + file(),
    "name alone": pax(("GNU.sparse.name", "other")) + file(),
    "major alone": pax(("GNU.sparse.major", "1"), ("GNU.sparse.realsize", "1")) + file(),
    "minor alone": pax(("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "1")) + file(),
    "version 2.0": pax(("GNU.sparse.major", "2"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "1")) + file(),
    "version 1.1": pax(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "1"), ("GNU.sparse.realsize", "1")) + file(),
    "0.0 whole": pax(
        ("GNU.sparse.size", "2000"),
        ("GNU.sparse.numblocks", "1"),
        ("GNU.sparse.offset", "0"),
        ("GNU.sparse.numbytes", "2000"),
    )
    + file(),
    "0.0 hole": pax(
        ("GNU.sparse.size", "9000"),
        ("GNU.sparse.numblocks", "1"),
        ("GNU.sparse.offset", "100"),
        ("GNU.sparse.numbytes", "2000"),
    )
    + file(),
    "0.0 too short": pax(
        ("GNU.sparse.size", "1"),
        ("GNU.sparse.numblocks", "1"),
        ("GNU.sparse.offset", "0"),
        ("GNU.sparse.numbytes", "2000"),
    )
    + file(),
    "0.0 without numblocks": pax(("GNU.sparse.size", "1"), ("GNU.sparse.offset", "0"), ("GNU.sparse.numbytes", "1"))
    + file(),
    "0.0 less than stored": pax(
        ("GNU.sparse.size", "1"),
        ("GNU.sparse.numblocks", "1"),
        ("GNU.sparse.offset", "0"),
        ("GNU.sparse.numbytes", "1"),
    )
    + file(),
    "0.1 hole": pax(
        ("GNU.sparse.name", "real"),
        ("GNU.sparse.size", "9000"),
        ("GNU.sparse.numblocks", "1"),
        ("GNU.sparse.map", "100,2000"),
    )
    + file(),
    "0.1 empty map": pax(
        ("GNU.sparse.name", "real"), ("GNU.sparse.size", "1"), ("GNU.sparse.numblocks", "0"), ("GNU.sparse.map", "")
    )
    + file(),
    "0.1 explicit version, empty map": pax(
        ("GNU.sparse.major", "0"),
        ("GNU.sparse.minor", "1"),
        ("GNU.sparse.name", "real"),
        ("GNU.sparse.size", "1"),
        ("GNU.sparse.numblocks", "0"),
        ("GNU.sparse.map", ""),
    )
    + file(),
    "0.1 overlapping": pax(
        ("GNU.sparse.size", "2000"), ("GNU.sparse.numblocks", "2"), ("GNU.sparse.map", "0,1500,1000,500")
    )
    + file(),
    "1.0": pax(
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "real"),
        ("GNU.sparse.realsize", "7000"),
    )
    + file(data=_MAP_1_0 + b"x" * 2000),
    "1.0 less than stored": pax(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "1"))
    + file(data=padded(b"1\n0\n1\n") + b"x" * 2000),
    "1.0 without realsize": pax(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"))
    + file(data=_MAP_1_0 + b"x" * 2000),
    "1.0 realsize of no number": pax(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "x"))
    + file(data=_MAP_1_0 + b"x" * 2000),
    "old GNU sparse": header(size=1000, kind=b"S", magic=_GNU, tail=sparse_tail(5000, (0, 1000))) + padded(b"x" * 1000),
    "old GNU sparse, magic of ustar": header(size=1000, kind=b"S", tail=sparse_tail(5000, (0, 1000)))
    + padded(b"x" * 1000),
    "old GNU sparse less than stored": header(size=1000, kind=b"S", magic=_GNU, tail=sparse_tail(1, (0, 1)))
    + padded(b"x" * 1000),
    "pax size larger": pax(("size", "2000")) + header(size=1) + padded(b"x" * 2000),
    "pax size smaller": pax(("size", "512")) + header(size=4096) + bytes(512) + _AFTER,
    "pax size empty": pax(("size", "")) + file(),
    "pax size with plus": pax(("size", "+2000")) + file(),
    "pax size negative": pax(("size", "-1")) + file(),
    "pax size twice": pax(("size", "512"), ("size", "2000")) + file(),
    "pax size then empty": pax(("size", "512"), ("size", "")) + file(),
    "pax size with zeros": pax(("size", "000000000000000000000000002000")) + file(),
    "pax path": pax(("path", "other")) + file(),
    "pax path empty": pax(("path", "")) + file(),
    "pax path then empty": pax(("path", "other"), ("path", "")) + file(),
    "pax path then long name": pax(("path", "other")) + long_name(b"long") + file(),
    "long name then pax path": long_name(b"long") + pax(("path", "other")) + file(),
    "long name empty": long_name(b"") + file(),
    "two pax headers": pax(("size", "1"), ("path", "one")) + pax(("path", "two")) + file(),
    "pax, global, file": pax(("path", "one")) + pax(("comment", "c"), kind=b"g") + file(),
    "long name, global, file": long_name(b"long") + pax(("comment", "c"), kind=b"g") + file(),
    "global with size": pax(("size", "1"), ("path", "g"), kind=b"g") + file(),
    "Solaris X header": pax(("path", "other"), kind=b"X") + file(),
    "prefix": file(prefix=b"dir"),
    "prefix of star": file(tail=b"dir".ljust(163, b"\0") + b"tar\0"),
    "prefix with GNU magic": file(magic=_GNU, prefix=b"dir"),
    "GNU magic with times": file(magic=_GNU, tail=b"00000000001\x0000000000001\0"),
    "GNU magic, prefix of digits": file(magic=_GNU, prefix=b"0000001"),
    "GNU magic, prefix not ASCII": file(magic=_GNU, prefix="dé".encode()),
    "two GNU names that prefixes tell apart": file(magic=_GNU, prefix=b"one") + file(magic=_GNU, prefix=b"two"),
    "prefix with V7": file(magic=b"", prefix=b"dir"),
    "prefix with version of GNU": file(magic=b"ustar\0 \0", prefix=b"dir"),
    "size in base 256": header(size_field=base_256(2000)) + padded(b"x" * 2000),
    "size in base 256, marker C0": header(size_field=base_256(2000, 0xC0)) + padded(b"x" * 2000),
    "size in base 256, negative": header(size_field=base_256(-1, 0xFF)) + _AFTER,
    "size in base 256, marker 81": header(size_field=base_256(2000, 0x81)) + padded(b"x" * 2000),
    "size behind a NUL": header(size_field=b"\x0000000003720") + padded(b"x" * 2000),
    "size behind spaces": header(size_field=b"       3720 ") + padded(b"x" * 2000),
    "size behind NULs and spaces": header(size_field=b"\0 \0 \0\0\0 3720") + padded(b"x" * 2000),
    "size before a NUL": header(size_field=b"3720\x000000001") + padded(b"x" * 2000),
    "size without end": header(size_field=b"000000003720") + padded(b"x" * 2000),
    "size with a space within": header(size_field=b"3720 000001\0") + padded(b"x" * 2000),
    "size empty": header(size_field=bytes(12)) + _AFTER,
    "size of no number": header(size_field=b"x" * 12) + _AFTER,
    "size negative octal": header(size_field=b"-0000003720\0") + _AFTER,
    "V7 folder": header(b"dir/", kind=b"\0", size=0) + _AFTER,
    "V7 folder by sparse name": pax(
        ("GNU.sparse.major", "0"),
        ("GNU.sparse.minor", "1"),
        ("GNU.sparse.name", "dir/"),
        ("GNU.sparse.numblocks", "1"),
        ("GNU.sparse.map", "0,2000"),
        ("GNU.sparse.size", "2000"),
    )
    + file(kind=b"\0"),
    "folder with size": header(b"dir/", kind=b"5", size=2000) + _AFTER,
    "link with size": file(b"t", b"z") + header(b"l", kind=b"1", size=2000, link=b"t") + _AFTER,
    "sparse symlink": pax(
        ("GNU.sparse.major", "0"), ("GNU.sparse.minor", "1"), ("GNU.sparse.numblocks", "0"), ("GNU.sparse.size", "9")
    )
    + header(b"l", kind=b"2", link=b"t"),
    "contiguous file": file(kind=b"7"),
    "zero block, then a file": bytes(512) + file(),
    "name with trailing slash": file(b"f/"),
    "same name twice": file(data=b"x") + file(),
}


def image_of(layer: bytes, tag: str) -> bytes:
    """A saved image with one layer below a first one that holds a program name."""
    first = file(b"sh", b"#!")
    layers = [first + bytes(1024), layer]
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/sh"]},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(one).hexdigest() for one in layers]},
        }
    ).encode()
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [tag], "Layers": names}]).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in [("config.json", config), *zip(names, layers, strict=True), ("manifest.json", manifest)]:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def answer(layer: bytes, number: int) -> dict[str, int] | None:
    """The regular files, links left out, that a container has; ``None`` if the engine refuses the layer."""
    tag = f"weighbridge.invalid/tar-layer:{number}"
    loaded = subprocess.run(["docker", "load", "-q"], input=image_of(layer, tag), capture_output=True, check=False)
    if loaded.returncode != 0:
        return None
    try:
        made = subprocess.run(["docker", "create", tag], capture_output=True, check=False, text=True)
        if made.returncode != 0:
            return None
        container = made.stdout.strip()
        try:
            exported = subprocess.run(["docker", "export", container], capture_output=True, check=True).stdout
        finally:
            subprocess.run(["docker", "rm", "-f", container], capture_output=True, check=True)
    finally:
        subprocess.run(["docker", "rmi", "-f", tag], capture_output=True, check=False)
    ours = {".dockerenv", "sh", "etc/hosts", "etc/hostname", "etc/resolv.conf", "dev/console"}
    with tarfile.open(fileobj=io.BytesIO(exported)) as archive:
        return {member.name: member.size for member in archive if member.isreg() and member.name not in ours}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("engine")
    engine = parser.parse_args().engine
    records = []
    for number, (name, content) in enumerate(CASES.items()):
        layer = content + bytes(1024)
        files = answer(layer, number)
        print(name, files)
        packed = base64.b64encode(zlib.compress(layer, 9)).decode()
        records.append({"case": name, "layer": packed, "files": files})
    lines = ",\n".join(json.dumps(record) for record in records)
    target = Path(__file__).parents[1] / "tests/data/tar_layers" / f"{engine}.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
