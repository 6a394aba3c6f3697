"""What is fuzzed: each kind of hostile input, its reader, the errors that it may raise, and samples to mutate."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import zstandard

from weighbridge.build.cache import parse_cache_source, parse_cache_target
from weighbridge.config import parse_config
from weighbridge.domain.declarations import read_declarations
from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.gate.ignores import inline_ignores
from weighbridge.domain.gate.limits import parse_limit, parse_size
from weighbridge.domain.image.image import ImageConfig
from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.rootfs import Node, Rootfs
from weighbridge.domain.lint.rules import lint_dockerfile
from weighbridge.domain.packages.archives import list_archive
from weighbridge.domain.packages.find import find_packages
from weighbridge.domain.shell.parse import parse_script
from weighbridge.domain.shell.syntax import Dialect
from weighbridge.domain.shell.words import ShellSyntaxError
from weighbridge.domain.start.accounts import resolve_user
from weighbridge.domain.start.capabilities import parse_file_capabilities
from weighbridge.domain.start.elf import ElfError, read_elf
from weighbridge.domain.start.loader.ldcache import parse_ld_cache
from weighbridge.domain.start.predict import predict_start
from weighbridge.domain.start.shebang import parse_shebang
from weighbridge.errors import WeighbridgeError
from weighbridge.github.event import parse_event
from weighbridge.github.fork import read_artifact
from weighbridge.plan.attributes import checkout_rules
from weighbridge.plan.bake import images_of_bake
from weighbridge.plan.compose import parse_compose, referenced_files
from weighbridge.plan.definition import DefinitionKind
from weighbridge.plan.evidence.commands import TextPlace, build_commands
from weighbridge.plan.evidence.model import EvidenceKind
from weighbridge.plan.evidence.workflows import workflow_commands
from weighbridge.plan.ignore_file import IgnoreFile
from weighbridge.report.model import decode_report
from weighbridge.size_history.lines import read_lines
from weighbridge.sources.changeset import index_layer
from weighbridge.sources.compression import decompressed, sniffed
from weighbridge.sources.layer_cache import decoded_index, decoded_kept
from weighbridge.sources.manifest import Index, Manifest, decode
from weighbridge.sources.platforms import parse_platform
from weighbridge.sources.storage_helper_stream import read_messages
from weighbridge.sources.transports import parse_image_reference

DATA = Path(__file__).parents[1] / "data"


@dataclass(frozen=True, kw_only=True)
class Target:
    """One kind of input. `expected` are the errors that its reader documents; anything else is a finding."""

    read: Callable[[bytes], object]
    samples: tuple[bytes, ...]
    expected: tuple[type[Exception], ...] = (WeighbridgeError,)


@dataclass
class _Contents:
    files: dict[str, bytes] = field(default_factory=dict)

    def read(self, node: Node, *, offset: int, length: int) -> bytes:
        """A part of a file."""
        return self.files[node.stored_path][offset : offset + length]


def _rootfs(files: Mapping[str, bytes]) -> Rootfs:
    entries = tuple(
        Entry(path=path, kind=EntryKind.FILE, size_bytes=len(content), mode=0o755) for path, content in files.items()
    )
    return Rootfs.from_changesets([Changeset(diff_id="sha256:0", entries=entries)], _Contents(dict(files)))


def _packages(path: str, data: bytes) -> object:
    return find_packages(_rootfs({path: data}))


def _starts(path: str, data: bytes, *, command: tuple[str, ...] | None = None, **more: bytes) -> object:
    shell = {
        "bin/sh": b"#!/bin/sh\n",
        "bin/busybox": b"\x7fELF",
        **{name.replace("__", "/"): one for name, one in more.items()},
    }
    return predict_start(ImageConfig(cmd=command or (f"/{path}",)), _rootfs({**shell, path: data}))


_STATIC = (
    b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x400078, 64, 0, 0, 64, 56, 1, 64, 0, 0)
) + struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 120, 120, 4096)
"""A static program for amd64: a header and one segment."""
_BUSYBOX = _STATIC + b"BusyBox v1.36 [\0[[\0" + b"".join(b"applet%d\0" % number for number in range(30))


def _walked(shell: str, data: bytes) -> object:
    """A script, followed to its end: unlike `_starts`, with programs that the kernel takes."""
    names = ("dash", "bash", "true", "cat", "cp", "id", "gosu", "env", "su", "tini", "grep", "mkdir", "sed", "xargs")
    programs = {f"bin/{name}": _STATIC for name in names}
    script = f"#!/bin/{shell}\n".encode() + data
    files = {**programs, "bin/ash": _BUSYBOX, "bin/sh": _BUSYBOX, "etc/passwd": _PASSWD, "e": script}
    return predict_start(ImageConfig(cmd=("/e", "true", "-x"), user="1000"), _rootfs(files))


def _read_by(program: str, path: str, data: bytes) -> object:
    """A file that a program reads before it runs: a script, a module or a configuration."""
    name = program.rpartition("/")[2]
    command = {
        "nginx": ("nginx", "-c", f"/{path}"),
        "supervisord": ("supervisord", "-n", "-c", f"/{path}"),
        "dotnet": ("dotnet", "/a.dll"),
        "npm": ("npm-cli.js", "start"),
    }.get(name, (name, f"/{path}"))
    library = "usr/lib/python3.12"
    files = {
        **{f"usr/bin/{one}": _STATIC for one in ("python3.12", "node", "dotnet", "redis-server", "sh", "true")},
        "usr/bin/python3": _STATIC,
        "usr/bin/nginx": _STATIC
        + b"\0"
        + b"\0".join(b"events http server listen location return set user".split())
        + b"\0",
        "usr/bin/supervisord": b"#!/usr/bin/python3.12\nfrom supervisor.supervisord import main\n",
        "usr/bin/npm-cli.js": b"#!/usr/bin/node\n",
        **{f"{library}/{one}": b"" for one in ("os.py", "encodings/__init__.py", "b/__init__.py", "b/c.py")},
        "a.dll": b"MZ",
    }
    return predict_start(ImageConfig(cmd=command), _rootfs({**files, path: data}))


def _elf(data: bytes) -> object:
    def read_at(offset: int, length: int) -> bytes:
        return data[offset : offset + length]

    return read_elf(read_at, len(data))


def _archive(data: bytes) -> object:
    return list_archive(lambda offset, length: data[offset : offset + length], len(data))


def _dockerfile(data: bytes) -> object:
    text = data.decode("utf-8", "replace")
    inline_ignores(text)
    parsed = parse_dockerfile(text, path="Dockerfile")
    lint_dockerfile(text, parsed)
    return parsed.context_sources(None), parsed.images(None)


def _scripts(data: bytes) -> object:
    text = data.decode("utf-8", "replace")
    return [parse_script(text, dialect) for dialect in Dialect]


def _ignore(data: bytes) -> object:
    return [IgnoreFile(data).ignores(path) for path in ("a", "a/b", ".git/x", "ü/b.c")]


def _layer(data: bytes) -> object:
    return index_layer(iter([data]), expected_diff_id=None)


def _blob(data: bytes) -> object:
    kind, chunks = sniffed(iter([data[:7], data[7:]]))
    return sum(len(piece) for piece in decompressed(kind, chunks))


def _workflow(data: bytes) -> object:
    return list(workflow_commands(".github/workflows/a.yml", {".github/workflows/a.yml": data}))


def _commands(data: bytes) -> object:
    place = TextPlace(kind=EvidenceKind.SCRIPT, file="a.sh", folders=(".",), keeps_folder=True)
    return list(build_commands(data.decode("utf-8", "replace"), place))


def _declarations(path: str, data: bytes) -> object:
    return read_declarations([path], lambda asked: data if asked == path else None)


def _json(data: bytes) -> object:
    value = json.loads(data)
    return value if isinstance(value, dict) else {}


def _bake(data: bytes) -> object:
    return images_of_bake(_json(data), kind=DefinitionKind.BAKE, file="docker-bake.hcl", folder=".")


def _event(data: bytes) -> object:
    return parse_event("pull_request", _json(data), {"GITHUB_REPOSITORY": "o/r", "GITHUB_SHA": "a" * 40})


def _texts(*readers: Callable[[str], object]) -> Callable[[bytes], object]:
    def read(data: bytes) -> object:
        text = data.decode("utf-8", "replace")
        for reader in readers:
            try:
                reader(text)
            except (ValueError, WeighbridgeError):
                continue
        return None

    return read


def _tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("usr/bin/a", "b" * 120, "etc/.wh.gone", "ü"):
            member = tarfile.TarInfo(name)
            member.size = 3
            member.pax_headers = {"SCHILY.xattr.user.a": "1"}
            tar.addfile(member, io.BytesIO(b"abc"))
    return stream.getvalue()


def _zip(files: Mapping[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return stream.getvalue()


_RUN = 'RUN --mount=type=cache,target=/c apt-get install -y curl && rm -rf /x || { echo "$A"; exit 1; }'
_DOCKERFILE = (
    f"# syntax=docker/dockerfile:1\nARG V=1\nFROM debian:$V AS a\n{_RUN}\n"
    'COPY --from=a --chmod=755 a b /\nENV A=b C="d"\n'
    'FROM a\nCOPY <<EOF /x\nhello\nEOF\nONBUILD COPY . /\nHEALTHCHECK CMD curl x\nCMD ["a", "b"]\n'
).encode()
_SCRIPT = (
    b'#!/bin/sh\nset -e\nif [ "$1" = a ]; then exec "$@"; fi\n'
    b"for i in a b; do echo ${i%x*} $((1+2)); done\ncat <<EOF\nx\nEOF\n"
)
_PASSWD = b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n"
_START_SCRIPTS = (
    _SCRIPT.partition(b"\n")[2],
    b'set -eo pipefail\nfile_env() { local var="$1"; local f="${var}_FILE"; export "$var"="${!f:-$2}"; unset "$f"; }\n'
    b'file_env X y\nif [ "$(id -u)" = 0 ]; then exec gosu app "$0" "$@"; fi\nexec "$@"\n',
    b"while getopts ab: o; do case $o in a) x=1 ;; b) y=$OPTARG ;; *) exit 2 ;; esac; done\nshift $((OPTIND-1))\n"
    b'for f in /docker-entrypoint.d/*; do case "$f" in *.sh) . "$f" ;; esac; done\nexec env -S "su app -c true"\n',
    b"shopt -s nullglob\ntrap 'kill $p' TERM\nnosuch & p=$!\nuntil grep -q ^app: /etc/passwd; do sleep 1; done\n"
    b'sed -i s/a/b/ /etc/x || mkdir -p /data\n[[ $1 =~ ^t ]] && wait $p > /var/log/x\neval "set -- $(cat /e)"\n',
)
_COMPOSE = (
    b"services:\n  a: &a { build: { context: ., dockerfile: D, args: "
    b"[X=1], target: '${T:-x}' }, env_file: .env }\n  b: { <<: *a }\n"
)
_WORKFLOW = (
    b"on: push\njobs:\n  a:\n    strategy: { matrix: { d: [x, y], include: [{ d: z }] } }\n    steps:\n"
    b"      - uses: docker/build-push-action@v6\n        with: { context: '${{ matrix.d }}', file: a/Dockerfile }\n"
    b"      - run: docker build -f Dockerfile.x -t y .\n"
)
_STATUS = (
    b"Package: a\nStatus: install ok installed\nArchitecture: amd64\nVe"
    b"rsion: 1\nDepends: b (>= 1) | c, d\n\nPackage: b\nVersion: 2\n"
)
_METADATA = b"Metadata-Version: 2.1\nName: a\nVersion: 1\nRequires-Dist: b (>=1) ; extra == 'x'\n\nText\n"
_MANIFEST = {
    "schemaVersion": 2,
    "config": {"mediaType": "m", "digest": "sha256:" + "a" * 64, "size": 1},
    "layers": [{"mediaType": "m", "digest": "sha256:" + "b" * 64, "size": 2}],
}
_SHELL = Path("/bin/true").read_bytes()
_CONFIG = (
    b"version: 1\nlimits: { max-increase: '+10%', max-size: 500MB }"
    b"\nimages:\n  a: { dockerfile: D, platforms: [linux/amd64] }\n"
)
_PULL = {
    "action": "opened",
    "number": 1,
    "repository": {"full_name": "o/r", "default_branch": "main"},
    "pull_request": {
        "number": 1,
        "state": "open",
        "user": {"login": "a"},
        "labels": [{"name": "x"}],
        "base": {"ref": "main", "sha": "a" * 40, "repo": {"full_name": "o/r"}},
        "head": {"ref": "f", "sha": "b" * 40, "repo": {"full_name": "o/r"}},
    },
}

TARGETS: dict[str, Target] = {
    "dockerfile": Target(read=_dockerfile, samples=(_DOCKERFILE,)),
    **{
        f"start-{shell}": Target(read=partial(_walked, shell), samples=_START_SCRIPTS, expected=())
        for shell in ("dash", "bash", "ash")
    },
    "shell-script": Target(read=_scripts, samples=(_SCRIPT,), expected=(ShellSyntaxError,)),
    "ignore-file": Target(read=_ignore, samples=(b"# a\n*\n!a/**/b\n[a-c]?\\x\n",)),
    "compose-file": Target(read=partial(parse_compose, path="compose.yaml"), samples=(_COMPOSE,)),
    "compose-references": Target(read=partial(referenced_files, path="compose.yaml"), samples=(_COMPOSE,)),
    "bake-answer": Target(
        read=_bake,
        samples=(
            b'{"target": {"a": {"context": ".", "dockerfile": "D", "args": {"x": "1"},'
            b' "contexts": {"b": "target:c"}}}}',
        ),
        expected=(WeighbridgeError, ValueError, RecursionError),  # json.loads is guarded by the caller
    ),
    "configuration": Target(read=partial(parse_config, path="c.yml"), samples=(_CONFIG,)),
    "git-attributes": Target(read=checkout_rules, samples=(b'"a b" text eol=lf\n*.c -text filter=lfs\n[attr]x y\n',)),
    "workflow": Target(read=_workflow, samples=(_WORKFLOW,)),
    "build-script": Target(
        read=_commands, samples=(b"cd x\nA=b\ndocker build -f $A/D --build-arg X=1 \\\n  . && podman build y\n",)
    ),
    "layer-tar": Target(read=_layer, samples=(_tar(),)),
    "compressed-blob": Target(
        read=_blob, samples=(gzip.compress(_tar()), zstandard.compress(_tar()), zlib.compress(b"a" * 100))
    ),
    "manifest": Target(
        read=lambda data: (decode(data, Manifest, "m"), decode(data, Index, "i")),
        samples=(json.dumps(_MANIFEST).encode(),),
    ),
    "cached-index": Target(
        read=lambda data: decoded_index("sha256:0", iter([data[:40], data[40:80], data[80:]])),
        samples=(b"\x94\xa8sha256:0\x01\x01\xc3" + bytes(40),),
        expected=(ValueError,),
    ),
    "cached-files": Target(read=decoded_kept, samples=(b"\x91\x92\xc4\x01a\xc4\x01b",), expected=(ValueError,)),
    "helper-stream": Target(read=lambda data: list(read_messages(iter([data]))), samples=(bytes(8) + b"{}",)),
    "elf-file": Target(read=_elf, samples=(_SHELL[:20_000],), expected=(ElfError,)),
    "program": Target(
        read=partial(_starts, "app"), samples=(_SHELL[:20_000], b"#!/bin/sh -e\nexec /app\n"), expected=()
    ),
    "start-script": Target(
        read=partial(_starts, "run.sh", command=("/bin/sh", "/run.sh")), samples=(_SCRIPT,), expected=()
    ),
    "python-program": Target(
        read=partial(_read_by, "python3.12", "a.py"),
        samples=(b"import os, b.c\nfrom d import (e)\n",),
        expected=(),
    ),
    "node-program": Target(
        read=partial(_read_by, "node", "a.js"),
        samples=(
            b"'use strict';\n/* a */ const { b, c } = require('fs'), d = require('./e');\nrequire('f').config();\n",
            b"var __importDefault = (this && this.__importDefault) || function (m) {\n};\n"
            b"const a = __importDefault(require('b'));",
        ),
        expected=(),
    ),
    "node-modules": Target(
        read=partial(_read_by, "node", "a.mjs"),
        samples=(b"import a, { b as c } from 'fs';\nimport * as d from './e.js'\nimport 'f';\n",),
        expected=(),
    ),
    "nginx-configuration": Target(
        read=partial(_read_by, "nginx", "n.conf"),
        samples=(b'events {}\nhttp { # b\n server { listen 80; location ~ ^/(?<c>x) { return 200 "$c ${d}"; } } }\n',),
        expected=(),
    ),
    "supervisord-configuration": Target(
        read=partial(_read_by, "supervisord", "s.conf"),
        samples=(
            b"[supervisord]\nuser=0 ; b\n[program:c]\ncommand=/d %(ENV_PATH)s\nstdout_logfile=/usr/g\n"
            b"[include]\nfiles=/h/*\n",
        ),
        expected=(),
    ),
    "runtimeconfig": Target(
        read=partial(_read_by, "dotnet", "a.runtimeconfig.json"),
        samples=(b'{"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": "8.0.0"}}}',),
        expected=(),
    ),
    "package-script": Target(
        read=partial(_read_by, "npm", "package.json"),
        samples=(b'{"name": "a", "scripts": {"prestart": "true", "start": "node a.js"}}',),
        expected=(),
    ),
    "shebang": Target(read=parse_shebang, samples=(b"#!/usr/bin/env -S a b\n",), expected=()),
    "ld-cache": Target(
        read=parse_ld_cache,
        samples=(b"glibc-ld.so.cache1.1" + (1).to_bytes(4, "little") + bytes(80) + b"libc.so.6\0/lib/c\0",),
        expected=(ValueError,),
    ),
    "file-capabilities": Target(
        read=parse_file_capabilities, samples=(bytes.fromhex("0100000200040000000000000000000000000000"),), expected=()
    ),
    "accounts": Target(
        read=lambda data: [resolve_user(user, data, data) for user in ("a", "1", "a:b", "1:2", "")],
        samples=(b"root:x:0:0::/root:/bin/sh\na:x:1:1:::\n",),
        expected=(),
    ),
    "dpkg-status": Target(read=partial(_packages, "var/lib/dpkg/status"), samples=(_STATUS,), expected=()),
    "apk-database": Target(
        read=partial(_packages, "lib/apk/db/installed"),
        samples=(b"P:a\nV:1\nD:so:b c>1\nF:usr\nR:x\n\nP:b\n",),
        expected=(),
    ),
    "rpm-database": Target(
        read=partial(_packages, "var/lib/rpm/rpmdb.sqlite"),
        samples=(gzip.decompress((DATA / "packages/rpmdb.sqlite.gz").read_bytes())[:40_000],),
        expected=(),
    ),
    "rpm-berkeley-database": Target(
        read=partial(_packages, "var/lib/rpm/Packages"),
        samples=(gzip.decompress((DATA / "packages/Packages.bdb.gz").read_bytes())[:40_000],),
        expected=(),
    ),
    "python-metadata": Target(
        read=partial(_packages, "usr/lib/python3/dist-packages/a-1.dist-info/METADATA"),
        samples=(_METADATA,),
        expected=(),
    ),
    "npm-package": Target(
        read=partial(_packages, "app/node_modules/a/package.json"),
        samples=(b'{"name": "a", "version": "1", "dependencies": {"b": "1"}}',),
        expected=(),
    ),
    "jar": Target(
        read=partial(_packages, "app/a-1.jar"),
        samples=(
            _zip({"META-INF/MANIFEST.MF": "Main-Class: a\n", "META-INF/maven/g/a/pom.properties": "version=1\n"}),
        ),
        expected=(),
    ),
    "archive-in-image": Target(read=_archive, samples=(_tar(), gzip.compress(_tar()), _zip({"a": "b"})), expected=()),
    "requirements": Target(
        read=partial(_declarations, "requirements.txt"),
        samples=(b"a==1 ; python_version > '3'\n-r b.txt\n",),
        expected=(),
    ),
    "go-manifest": Target(
        read=partial(_declarations, "go.mod"), samples=(b"module a\nrequire (\n\tb v1 // indirect\n)\n",), expected=()
    ),
    "toml-manifest": Target(
        read=partial(_declarations, "pyproject.toml"),
        samples=(b'[project]\nname = "a"\ndependencies = ["b>1"]\n',),
        expected=(),
    ),
    "xml-manifest": Target(
        read=partial(_declarations, "pom.xml"),
        samples=(
            b"<project><dependencies><dependency><artifactId>a</artifactId></dependency></dependencies></project>",
        ),
        expected=(),
    ),
    "report": Target(read=partial(decode_report, name="r"), samples=(b'{"schema_version": 1, "images": []}',)),
    "report-artifact": Target(read=read_artifact, samples=(_zip({"report.json": "{}"}),)),
    "event": Target(
        read=_event, samples=(json.dumps(_PULL).encode(),), expected=(WeighbridgeError, ValueError, RecursionError)
    ),
    "size-history": Target(
        read=read_lines, samples=(b'{"v":1,"commit":"a","at":1,"images":{"a":{"u":1}}}\n',), expected=()
    ),
    "options": Target(
        read=_texts(
            parse_limit, parse_size, parse_image_reference, parse_platform, parse_cache_source, parse_cache_target
        ),
        samples=(b"+5MB and +10%", b"registry:a/b:1@sha256:" + b"a" * 64, b"linux/arm64/v8", b"type=gha,scope={image}"),
    ),
}
"""Every kind of file and text that an image, a repository, a registry, GitHub or another process hands to a run."""
