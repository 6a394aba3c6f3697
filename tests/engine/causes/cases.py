# ruff: noqa: E501 - a case is a table of files, one file in one line
"""Repositories with planted causes: what base has, what head changes, and what the answer must be.

Each case is one service of a repository with all of them, so that one run builds and weighs them all. Every case also
has noise: a changed remark in a file that is copied, and a new small file.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tars import tar_of

Files = Mapping[str, "str | bytes"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """A planted cause; `place` is ``path:line`` or a path, below the service's folder. `sign` is +1 or −1."""

    kind: str
    what: str
    place: str
    sign: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One service. `head` are the files that differ in head; ``None`` removes one. The first expected is the largest."""

    name: str
    base: Files
    head: Mapping[str, str | bytes | None]
    expected: tuple[Expected, ...]


def content(size_bytes: int, seed: int = 1) -> bytes:
    """Bytes that do not compress and are the same in every run."""
    return random.Random(seed).randbytes(size_bytes)


PIP = "FROM python:3-slim\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt\nCOPY . .\n"
VENV = (
    "FROM python:3-slim AS builder\nRUN python3 -m venv /venv\nCOPY requirements.txt .\n"
    "RUN /venv/bin/pip install --no-cache-dir -r requirements.txt\n"
    "FROM python:3-slim\nCOPY --from=builder /venv /venv\nCOPY app.py .\n"
)
NPM = (
    "FROM node:20-slim\nWORKDIR /app\nCOPY package.json .\nRUN npm install --omit=dev --no-audit --no-fund\nCOPY . .\n"
)
NPM_STAGES = (
    "FROM node:20-slim AS build\nWORKDIR /app\nCOPY package.json .\nRUN npm install --no-audit --no-fund\nCOPY . .\n"
    "FROM node:20-slim\nWORKDIR /app\nCOPY --from=build /app /app\n"
)
COPY_ALL = "FROM busybox:musl\nWORKDIR /srv\nCOPY . .\n"
APP = {"app.py": "print('hello')\n"}


def package_json(**dependencies: str) -> str:
    """A ``package.json`` with each dependency on a line of its own, from line 4."""
    lines = ",\n".join(f'    "{name.replace("__", "/")}": "{version}"' for name, version in dependencies.items())
    return f'{{\n  "name": "service",\n  "dependencies": {{\n{lines}\n  }}\n}}\n'


def _one(
    name: str, base: Files, head: Mapping[str, str | bytes | None], kind: str, what: str, place: str, sign: int = 1
) -> Case:
    return Case(name=name, base=base, head=head, expected=(Expected(kind=kind, what=what, place=place, sign=sign),))


def _python() -> Iterator[Case]:
    base = {"Dockerfile": PIP, "requirements.txt": "idna==3.7\n", **APP}
    req = "requirements.txt"
    yield _one("pip-added", base, {req: "idna==3.7\npygments==2.18.0\n"}, "dependency", "pygments", f"{req}:2")
    yield _one("pip-transitive", base, {req: "# http\nidna==3.7\nhttpx==0.27.0\n"}, "dependency", "httpx", f"{req}:3")
    yield _one(
        "pip-extra",
        {**base, req: "idna==3.7\nhttpx==0.27.0\n"},
        {req: "idna==3.7\nhttpx[http2]==0.27.0\n"},
        "dependency",
        "httpx",
        f"{req}:2",
    )
    yield _one(
        "pip-upgraded",
        {**base, req: "idna==3.7\npygments==2.3.0\n"},
        {req: "idna==3.7\npygments==2.18.0\n"},
        "dependency",
        "pygments",
        f"{req}:2",
    )
    yield _one(
        "pip-removed",
        {**base, req: "idna==3.7\nsqlalchemy==2.0.30\n"},
        {req: "idna==3.7\n"},
        "dependency",
        "sqlalchemy",
        f"{req}:2",
        -1,
    )
    yield _one(
        "pip-include",
        {
            **base,
            "Dockerfile": PIP.replace("COPY requirements.txt .", "COPY requirements.txt deps.txt ./"),
            "requirements.txt": "-r deps.txt\n",
            "deps.txt": "idna==3.7\n",
        },
        {"deps.txt": "idna==3.7\njinja2==3.1.4\n"},
        "dependency",
        "jinja2",
        "deps.txt:2",
    )
    yield _one(
        "pip-in-run",
        {**APP, "Dockerfile": "FROM python:3-slim\nRUN pip install --no-cache-dir idna\nCOPY . .\n"},
        {
            "Dockerfile": "FROM python:3-slim\nRUN pip install --no-cache-dir \\\n    idna \\\n    rich==13.7.1\nCOPY . .\n"
        },
        "dependency",
        "rich",
        "Dockerfile:4",
    )
    yield _one(
        "pip-in-stage",
        {"Dockerfile": VENV, req: "idna==3.7\n", **APP},
        {req: "idna==3.7\nflask==3.0.3\n"},
        "dependency",
        "flask",
        f"{req}:2",
    )
    yield _one(
        "pip-other-file",
        {**base, "Dockerfile": PIP.replace("COPY requirements.txt", "COPY *.txt"), "dev.txt": "pygments==2.18.0\n"},
        {
            "Dockerfile": PIP.replace("COPY requirements.txt", "COPY *.txt").replace(
                "-r requirements.txt", "-r requirements.txt -r dev.txt"
            )
        },
        "dependency",
        "pygments",
        "dev.txt:1",
    )
    project = '[project]\nname = "service"\nversion = "1"\ndependencies = [\n  "idna==3.7",\n]\n[tool.setuptools]\npackages = []\n'
    pyproject = "FROM python:3-slim\nWORKDIR /src\nCOPY pyproject.toml .\nRUN pip install --no-cache-dir .\nCOPY . .\n"
    yield _one(
        "pyproject-added",
        {"Dockerfile": pyproject, "pyproject.toml": project, **APP},
        {"pyproject.toml": project.replace('"idna==3.7",', '"idna==3.7",\n  "pydantic==2.7.1",')},
        "dependency",
        "pydantic",
        "pyproject.toml:6",
    )
    yield _one(
        "pip-argument",
        {
            **APP,
            "Dockerfile": "FROM python:3-slim\nARG VERSION=2.3.0\nRUN pip install --no-cache-dir pygments==$VERSION\nCOPY . .\n",
        },
        {
            "Dockerfile": "FROM python:3-slim\nARG VERSION=2.18.0\nRUN pip install --no-cache-dir pygments==$VERSION\nCOPY . .\n"
        },
        "dependency",
        "pygments",
        "Dockerfile:3",
    )
    compiled = "# This file is autogenerated by pip-compile\nidna==3.7\n    # via -r requirements.in\n"
    yield _one(
        "pip-compiled",
        {**base, req: compiled, "requirements.in": "idna\n"},
        {
            req: compiled + "markupsafe==2.1.5\n    # via mako\nmako==1.3.5\n    # via -r requirements.in\n",
            "requirements.in": "idna\nmako\n",
        },
        "dependency",
        "mako",
        "requirements.in:2",
    )
    yield Case(
        name="pip-two",
        base=base,
        head={req: "idna==3.7\nclick==8.1.7\npygments==2.18.0\n"},
        expected=(
            Expected(kind="dependency", what="pygments", place=f"{req}:3"),
            Expected(kind="dependency", what="click", place=f"{req}:2"),
        ),
    )
    yield Case(
        name="pip-and-file",
        base=base,
        head={req: "idna==3.7\npygments==2.18.0\n", "model.bin": content(900_000)},
        expected=(
            Expected(kind="dependency", what="pygments", place=f"{req}:2"),
            Expected(kind="file", what="model.bin", place="model.bin"),
        ),
    )


def _node() -> Iterator[Case]:
    base = {"Dockerfile": NPM, "package.json": package_json(ms="2.1.3"), "index.js": "1\n"}
    yield _one(
        "npm-added",
        base,
        {"package.json": package_json(ms="2.1.3", moment="2.30.1")},
        "dependency",
        "moment",
        "package.json:5",
    )
    yield _one(
        "npm-transitive",
        base,
        {"package.json": package_json(ms="2.1.3", express="4.19.2")},
        "dependency",
        "express",
        "package.json:5",
    )
    yield _one(
        "npm-upgraded",
        {**base, "package.json": package_json(ms="2.1.3", uuid="3.4.0")},
        {"package.json": package_json(ms="2.1.3", uuid="9.0.1")},
        "dependency",
        "uuid",
        "package.json:5",
    )
    yield _one(
        "npm-removed",
        {**base, "package.json": package_json(ms="2.1.3", lodash="4.17.21")},
        {"package.json": package_json(ms="2.1.3")},
        "dependency",
        "lodash",
        "package.json:5",
        -1,
    )
    yield _one(
        "npm-in-stage",
        {**base, "Dockerfile": NPM_STAGES},
        {"package.json": package_json(ms="2.1.3", dayjs="1.11.11")},
        "dependency",
        "dayjs",
        "package.json:5",
    )
    yield _one(
        "npm-global",
        {"Dockerfile": "FROM node:20-slim\nRUN npm install -g --no-audit ms@2.1.3\nCOPY . .\n", "index.js": "1\n"},
        {"Dockerfile": "FROM node:20-slim\nRUN npm install -g --no-audit ms@2.1.3 semver@7.6.2\nCOPY . .\n"},
        "dependency",
        "semver",
        "Dockerfile:2",
    )
    development = '{\n  "dependencies": {"ms": "2.1.3"},\n  "devDependencies": {\n    "lodash": "4.17.21"\n  }\n}\n'
    yield Case(
        name="npm-dev-kept",
        base={**base, "package.json": development},
        head={"Dockerfile": NPM.replace(" --omit=dev", "")},
        expected=(Expected(kind="dependency", what="lodash", place="Dockerfile:4"),),
    )
    yield Case(
        name="npm-scoped-and-two",
        base=base,
        head={"package.json": package_json(ms="2.1.3", **{"@sindresorhus__is": "4.6.0"}, moment="2.30.1")},
        expected=(
            Expected(kind="dependency", what="moment", place="package.json:6"),
            Expected(kind="dependency", what="@sindresorhus/is", place="package.json:5"),
        ),
    )


def _debian() -> Iterator[Case]:
    def apt(*words: str, options: str = " --no-install-recommends") -> str:
        named = " \\\n    ".join(words)
        return f"FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y{options} \\\n    {named} \\\n && rm -rf /var/lib/apt/lists/*\nCOPY . .\n"

    base = {"Dockerfile": apt("less"), "app.sh": "true\n"}
    yield _one("apt-added", base, {"Dockerfile": apt("less", "file")}, "system-package", "file", "Dockerfile:4")
    yield _one("apt-transitive", base, {"Dockerfile": apt("less", "jq")}, "system-package", "jq", "Dockerfile:4")
    yield _one(
        "apt-removed",
        {**base, "Dockerfile": apt("less", "sqlite3")},
        {"Dockerfile": apt("less")},
        "system-package",
        "sqlite3",
        "Dockerfile:4",
        -1,
    )
    yield Case(
        name="apt-recommends",
        base={**base, "Dockerfile": apt("less", "openssh-client")},
        head={"Dockerfile": apt("less", "openssh-client", options="")},
        expected=(Expected(kind="system-package", what="apt-get", place="Dockerfile:2"),),
    )
    yield _one(
        "apt-lists-kept",
        base,
        {"Dockerfile": apt("less").replace(" \\\n && rm -rf /var/lib/apt/lists/*", "")},
        "instruction",
        "apt package lists",
        "Dockerfile:2",
    )
    yield Case(
        name="apt-two",
        base=base,
        head={"Dockerfile": apt("less", "file", "tree")},
        expected=(
            Expected(kind="system-package", what="file", place="Dockerfile:4"),
            Expected(kind="system-package", what="tree", place="Dockerfile:5"),
        ),
    )


def _files() -> Iterator[Case]:
    base = {"Dockerfile": COPY_ALL, "index.html": "x\n", "a/b.txt": "y\n"}
    yield _one("file-new", base, {"assets/demo.mp4": content(700_000)}, "file", "assets/demo.mp4", "assets/demo.mp4")
    yield _one(
        "file-grown",
        {**base, "data.bin": content(100_000)},
        {"data.bin": content(800_000, 2)},
        "file",
        "data.bin",
        "data.bin",
    )
    yield _one(
        "file-removed", {**base, "old.bin": content(600_000)}, {"old.bin": None}, "file", "old.bin", "old.bin", -1
    )
    yield _one(
        "folder-new", base, {f"static/{n}.png": content(80_000, n) for n in range(9)}, "file", "static/", "static"
    )
    yield _one(
        "file-added-by-add",
        {**base, "Dockerfile": "FROM busybox:musl\nADD conf /etc/conf\n", "conf/a": "1\n"},
        {"conf/blob": content(500_000)},
        "file",
        "conf/blob",
        "conf/blob",
    )
    yield _one(
        "file-new-copy-line",
        {**base, "Dockerfile": "FROM busybox:musl\nCOPY index.html /\n", "big.bin": content(500_000)},
        {"Dockerfile": "FROM busybox:musl\nCOPY index.html /\nCOPY big.bin /\n"},
        "file",
        "big.bin",
        "Dockerfile:3",
    )
    yield _one(
        "file-unignored",
        {**base, ".dockerignore": "videos\n", "videos/x.mp4": content(400_000)},
        {".dockerignore": "tmp\n"},
        "file",
        "videos/x.mp4",
        ".dockerignore:1",
    )
    yield _one(
        "file-through-stage",
        {
            **base,
            "Dockerfile": "FROM busybox:musl AS build\nCOPY . /src\nFROM busybox:musl\nCOPY --from=build /src /srv\n",
        },
        {"img/logo.svg": content(300_000)},
        "file",
        "img/logo.svg",
        "img/logo.svg",
    )
    yield _one(
        "file-renamed-and-grown",
        {**base, "one.bin": content(50_000)},
        {"one.bin": None, "two.bin": content(450_000, 9)},
        "file",
        "two.bin",
        "two.bin",
    )
    yield Case(
        name="file-two",
        base=base,
        head={"x/one.bin": content(500_000, 3), "y/two.bin": content(300_000, 4)},
        expected=(
            Expected(kind="file", what="x/one.bin", place="x/one.bin"),
            Expected(kind="file", what="y/two.bin", place="y/two.bin"),
        ),
    )


def _instructions() -> Iterator[Case]:
    start = "FROM busybox:musl\nCOPY . /srv\n"
    base = {"Dockerfile": start + "RUN mkdir /opt\n", "index.html": "x\n"}
    yield _one(
        "run-new",
        base,
        {"Dockerfile": start + "RUN mkdir /opt\nRUN dd if=/dev/urandom of=/opt/model.bin bs=1000 count=700\n"},
        "instruction",
        "/opt/model.bin",
        "Dockerfile:4",
    )
    yield _one(
        "run-edited",
        {**base, "Dockerfile": start + "RUN mkdir /opt && dd if=/dev/zero of=/opt/data bs=1000 count=100\n"},
        {"Dockerfile": start + "RUN mkdir /opt && dd if=/dev/zero of=/opt/data bs=1000 count=900\n"},
        "instruction",
        "/opt/data",
        "Dockerfile:3",
    )
    yield _one(
        "run-log",
        base,
        {
            "Dockerfile": start
            + "RUN mkdir -p /opt /var/log && dd if=/dev/zero of=/var/log/build.log bs=1000 count=400\n"
        },
        "instruction",
        "logs",
        "Dockerfile:3",
    )
    yield _one(
        "run-temporary",
        base,
        {"Dockerfile": start + "RUN mkdir -p /opt /tmp && dd if=/dev/zero of=/tmp/archive.tar bs=1000 count=400\n"},
        "instruction",
        "temporary files",
        "Dockerfile:3",
    )
    yield _one(
        "run-stage-output",
        {
            **base,
            "Dockerfile": "FROM busybox:musl AS build\nCOPY . /srv\nRUN mkdir /out && dd if=/dev/zero of=/out/x.dat bs=1000 count=10\nFROM busybox:musl\nCOPY --from=build /out /out\n",
        },
        {
            "Dockerfile": "FROM busybox:musl AS build\nCOPY . /srv\nRUN mkdir /out && dd if=/dev/zero of=/out/x.dat bs=1000 count=510\nFROM busybox:musl\nCOPY --from=build /out /out\n"
        },
        "instruction",
        "/out/x.dat",
        "Dockerfile:3",
    )
    yield _one(
        "waste-removed",
        base,
        {
            "Dockerfile": start
            + "RUN mkdir /opt && dd if=/dev/zero of=/opt/archive bs=1000 count=600\nRUN rm /opt/archive\n"
        },
        "waste",
        "/opt/archive",
        "Dockerfile:3",
    )
    yield _one(
        "waste-overwritten",
        base,
        {
            "Dockerfile": start
            + "RUN mkdir /opt && dd if=/dev/zero of=/opt/archive bs=1000 count=600\nRUN echo 1 > /opt/archive\n"
        },
        "waste",
        "/opt/archive",
        "Dockerfile:3",
    )
    big = {"big.bin": content(500_000, 5)}
    yield _one(
        "copy-for-mode",
        {**base, **big},
        {"Dockerfile": start + "RUN mkdir /opt\nRUN chmod -R 700 /srv\n"},
        "duplication",
        "/srv/big.bin",
        "Dockerfile:4",
    )
    yield _one(
        "copy-for-owner",
        {**base, **big},
        {"Dockerfile": start + "RUN mkdir /opt\nRUN chown -R 7:7 /srv\n"},
        "duplication",
        "/srv/big.bin",
        "Dockerfile:4",
    )
    linked = "FROM busybox:musl\nCOPY . /srv\nRUN mkdir /opt && cp /srv/big.bin /opt/one && {} /opt/one /opt/two\n"
    yield _one(
        "links-lost",
        {**base, **big, "Dockerfile": linked.format("ln")},
        {"Dockerfile": linked.format("cp")},
        "duplication",
        "/opt/two",
        "Dockerfile:3",
    )
    yield Case(
        name="run-two",
        base=base,
        head={
            "Dockerfile": start
            + "RUN mkdir /opt && dd if=/dev/zero of=/opt/one bs=1000 count=500 && mkdir -p /tmp && dd if=/dev/zero of=/tmp/two bs=1000 count=300\n"
        },
        expected=(
            Expected(kind="instruction", what="/opt/one", place="Dockerfile:3"),
            Expected(kind="instruction", what="temporary files", place="Dockerfile:3"),
        ),
    )


def _base_images() -> Iterator[Case]:
    def files(base: str, name: str = "Dockerfile") -> dict[str, str]:
        return {name: f"FROM {base}\nCOPY . /srv\n", "index.html": "x\n"}

    yield _one("base-larger", files("busybox:musl"), files("alpine:3"), "base-image", "alpine:3", "Dockerfile:1")
    yield _one(
        "base-other-release",
        files("debian:bookworm-slim"),
        files("debian:bookworm"),
        "base-image",
        "debian:bookworm",
        "Dockerfile:1",
    )
    yield _one(
        "base-smaller",
        files("debian:bookworm-slim"),
        files("busybox:musl"),
        "base-image",
        "busybox:musl",
        "Dockerfile:1",
        -1,
    )
    yield _one(
        "base-by-argument",
        {"Dockerfile": "ARG BASE=busybox:musl\nFROM $BASE\nCOPY . /srv\n", "index.html": "x\n"},
        {"Dockerfile": "ARG BASE=alpine:3\nFROM $BASE\nCOPY . /srv\n"},
        "base-image",
        "alpine:3",
        "Dockerfile:2",
    )
    yield Case(
        name="base-and-file",
        base=files("busybox:musl"),
        head={**files("debian:bookworm-slim"), "big.bin": content(400_000, 6)},
        expected=(
            Expected(kind="base-image", what="debian:bookworm-slim", place="Dockerfile:1"),
            Expected(kind="file", what="big.bin", place="big.bin"),
        ),
    )


def _programs() -> Iterator[Case]:
    go = "FROM golang:1 AS build\nWORKDIR /src\nCOPY . .\nRUN CGO_ENABLED=0 go build {}-o /out/app .\nFROM scratch\nCOPY --from=build /out/app /app\n"
    hello = 'package main\n\nimport (\n\t"fmt"\n)\n\nfunc main() { fmt.Println("x") }\n'
    server = 'package main\n\nimport (\n\t"fmt"\n\t"net/http"\n)\n\nfunc main() { fmt.Println(http.ListenAndServe(":1", nil)) }\n'
    base = {"Dockerfile": go.format(""), "main.go": hello, "go.mod": "module example.org/app\n\ngo 1.18\n"}
    yield _one("go-import", base, {"main.go": server}, "program", "/app", "main.go:5")
    yield _one(
        "go-flags",
        {**base, "Dockerfile": go.format('-ldflags "-s -w" ')},
        {"Dockerfile": go.format("")},
        "program",
        "/app",
        "Dockerfile:4",
    )
    embedding = 'package main\n\nimport (\n\t_ "embed"\n\t"fmt"\n)\n\n//go:embed data.bin\nvar data []byte\n\nfunc main() { fmt.Println(len(data)) }\n'
    yield _one(
        "go-embedded",
        {**base, "main.go": embedding, "data.bin": content(1_000)},
        {"data.bin": content(900_000, 7)},
        "program",
        "/app",
        "data.bin",
    )
    table = "var table = [...]string{" + ", ".join(f'"{n:060d}"' for n in range(6000)) + "}\n"
    library = (
        f"package big\n\n{table}\n"
        + "\n".join(
            f"func F{n}(i int) string {{ return table[(i*{n + 1})%len(table)] + table[(i+{n})%len(table)] }}"
            for n in range(900)
        )
        + "\n\nvar All = []func(int) string{"
        + ", ".join(f"F{n}" for n in range(900))
        + "}\n"
    )
    using = 'package main\n\nimport (\n\t"fmt"\n\n\t"example.com/big"\n)\n\nfunc main() { for i, f := range big.All { fmt.Println(f(i)) } }\n'
    yield _one(
        "go-vendored",
        {**base, "Dockerfile": go.format("-mod=vendor ")},
        {"main.go": using, "go.mod": "module example.org/app\n\ngo 1.18\n\nrequire example.com/big v1.0.0\n", "vendor/modules.txt": "# example.com/big v1.0.0\n## explicit; go 1.18\nexample.com/big\n", "vendor/example.com/big/big.go": library},
        "dependency", "example.com/big", "go.mod:5",
    )  # fmt: skip
    c = "FROM gcc:12 AS build\nWORKDIR /src\nCOPY . .\nRUN gcc {}-o /out main.c\nFROM busybox:glibc\nCOPY --from=build /out /usr/bin/tool\n"
    small, large = (
        '#include <stdio.h>\nint main(void) { puts("x"); return 0; }\n',
        '#include <stdio.h>\nstatic const char data[400000] = {1, 2};\nint main(int c, char **v) { puts("x"); return data[c]; }\n',
    )
    yield _one(
        "c-grown",
        {"Dockerfile": c.format(""), "main.c": small},
        {"main.c": large},
        "program",
        "/usr/bin/tool",
        "main.c:2",
    )
    yield _one(
        "c-static",
        {"Dockerfile": c.format(""), "main.c": small},
        {"Dockerfile": c.format("-static ")},
        "program",
        "/usr/bin/tool",
        "Dockerfile:4",
    )
    rust = "FROM rust:1 AS build\nWORKDIR /src\nCOPY . .\nRUN rustc {}-o /tool main.rs\nFROM debian:bookworm-slim\nCOPY --from=build /tool /usr/bin/tool\n"
    yield _one(
        "rust-flags",
        {"Dockerfile": rust.format("-C strip=symbols "), "main.rs": 'fn main() { println!("x"); }\n'},
        {"Dockerfile": rust.format("")},
        "program",
        "/usr/bin/tool",
        "Dockerfile:4",
    )


def _moves() -> Iterator[Case]:
    single = "FROM golang:1\nWORKDIR /src\nCOPY . .\nRUN CGO_ENABLED=0 go build -o /app .\n"
    stages = "FROM golang:1 AS build\nWORKDIR /src\nCOPY . .\nRUN CGO_ENABLED=0 go build -o /app .\nFROM busybox:musl\nCOPY --from=build /app /app\n"
    files = {
        "main.go": 'package main\n\nfunc main() { println("x") }\n',
        "go.mod": "module example.org/app\n\ngo 1.18\n",
    }
    yield _one(
        "to-stages",
        {**files, "Dockerfile": single},
        {"Dockerfile": stages},
        "base-image",
        "busybox:musl",
        "Dockerfile:5",
        -1,
    )
    yield _one(
        "stage-dropped",
        {**files, "Dockerfile": stages},
        {"Dockerfile": single},
        "base-image",
        "golang:1",
        "Dockerfile:1",
    )
    flat = "FROM busybox:musl\nCOPY big.bin /srv/big.bin\nRUN mkdir /opt\n"
    yield Case(
        name="moved-file-and-new",
        base={"Dockerfile": flat, "big.bin": content(500_000, 8)},
        head={
            "Dockerfile": flat.replace("/srv/big.bin", "/data/big.bin").replace(
                "RUN mkdir /opt", "RUN mkdir /opt && dd if=/dev/zero of=/opt/new bs=1000 count=100"
            )
        },
        expected=(Expected(kind="instruction", what="/opt/new", place="Dockerfile:3"),),
    )
    yield _one(
        "venv-moved-and-added",
        {"Dockerfile": PIP, "requirements.txt": "idna==3.7\n", **APP},
        {"Dockerfile": PIP.replace("WORKDIR /app", "WORKDIR /srv"), "requirements.txt": "idna==3.7\nmarkdown==3.6\n"},
        "dependency",
        "markdown",
        "requirements.txt:2",
    )


def _fake(script: str, *, files: str, out: str = "/out", base: str = "busybox:musl") -> str:
    """A Dockerfile whose build stage runs a Python script that installs what a manifest names, as its tool would."""
    return (
        f"FROM python:3-slim AS build\nWORKDIR /src\nCOPY {files} ./\nCOPY install.py /\n"
        f"RUN python3 /install.py\nFROM {base}\nCOPY --from=build {out} {out}\nCOPY . /app\n"
    )


_CONDA = """
import json, os, random, re
text = open("environment.yml").read()
os.makedirs("/out/conda/conda-meta")
for name, version in re.findall(r"- ([a-z0-9]+)=([0-9.]+)", text):
    path = f"lib/{name}/data.bin"
    os.makedirs(f"/out/conda/lib/{name}")
    open(f"/out/conda/{path}", "wb").write(random.Random(name).randbytes(20_000 * len(version) + 300_000 * (name == "numpy")))
    depends = ["numpy >=1.0"] if name == "pandas" else []
    json.dump({"name": name, "version": version, "files": [path], "depends": depends}, open(f"/out/conda/conda-meta/{name}-{version}-0.json", "w"))
"""
_NUGET = """
import json, os, random, re
os.makedirs("/out/app")
libraries, targets = {"service/1.0.0": {"type": "project"}}, {"service/1.0.0": {"dependencies": {}}}
for name, version in re.findall(r'Include="([^"]+)" Version="([^"]+)"', open("service.csproj").read()):
    open(f"/out/app/{name}.dll", "wb").write(random.Random(name).randbytes(400_000))
    libraries[f"{name}/{version}"] = {"type": "package"}
    targets["service/1.0.0"]["dependencies"][name] = version
    targets[f"{name}/{version}"] = {"runtime": {f"lib/net8.0/{name}.dll": {}}}
json.dump({"runtimeTarget": {"name": "net8.0"}, "targets": {"net8.0": targets}, "libraries": libraries}, open("/out/app/service.deps.json", "w"))
"""
_GRADLE = """
import os, random, re, zipfile
os.makedirs("/out/libs")
for group, name, version in re.findall(r'implementation\\("([^:"]+):([^:"]+):([^"]+)"\\)', open("build.gradle.kts").read()):
    with zipfile.ZipFile(f"/out/libs/{name}-{version}.jar", "w") as jar:
        jar.writestr(f"META-INF/maven/{group}/{name}/pom.properties", f"groupId={group}\\nartifactId={name}\\nversion={version}\\n")
        jar.writestr("data", random.Random(name).randbytes(300_000))
"""
_LOCKED = """
import subprocess, tomllib
found = tomllib.load(open("poetry.lock", "rb"))["package"]
subprocess.run(["pip", "install", "--no-cache-dir", "--no-deps", "--target", "/out/site-packages", *(f"{one['name']}=={one['version']}" for one in found)], check=True)
"""
_COMPOSER = """
import json, os, random
wanted = json.load(open("composer.lock"))["packages"]
installed = []
for one in wanted:
    os.makedirs(f"/out/vendor/{one['name']}")
    open(f"/out/vendor/{one['name']}/code.php", "wb").write(random.Random(one["name"]).randbytes(300_000))
    installed.append({**one, "install-path": f"../{one['name']}"})
os.makedirs("/out/vendor/composer")
json.dump({"packages": installed}, open("/out/vendor/composer/installed.json", "w"))
"""


def _ecosystems() -> Iterator[Case]:
    """Ecosystems whose registries may be out of reach: a script installs from the manifest what its tool would."""
    conda = "name: service\ndependencies:\n  - python=3.11\n"
    yield _one(
        "conda-added",
        {"Dockerfile": _fake(_CONDA, files="environment.yml"), "install.py": _CONDA, "environment.yml": conda},
        {"environment.yml": conda + "  - numpy=1.26.4\n"},
        "dependency", "numpy", "environment.yml:4",
    )  # fmt: skip
    project = '<Project Sdk="Microsoft.NET.Sdk">\n  <ItemGroup>\n    <PackageReference Include="Serilog" Version="3.1.1" />\n{}  </ItemGroup>\n</Project>\n'
    yield _one(
        "nuget-added",
        {"Dockerfile": _fake(_NUGET, files="service.csproj"), "install.py": _NUGET, "service.csproj": project.format("")},
        {"service.csproj": project.format('    <PackageReference Include="Dapper" Version="2.1.35" />\n')},
        "dependency", "dapper", "service.csproj:4",
    )  # fmt: skip
    gradle = 'plugins { java }\ndependencies {\n    implementation("com.example:small:1.0")\n}\n'
    yield _one(
        "gradle-added",
        {"Dockerfile": _fake(_GRADLE, files="build.gradle.kts"), "install.py": _GRADLE, "build.gradle.kts": gradle},
        {"build.gradle.kts": gradle.replace('1.0")\n', '1.0")\n    implementation("com.example:large:2.0")\n')},
        "dependency", "large", "build.gradle.kts:4",
    )  # fmt: skip
    poetry = '[tool.poetry.dependencies]\npython = "^3.11"\njinja2 = "*"\n'
    lock = '[[package]]\nname = "jinja2"\nversion = "3.1.4"\n\n[[package]]\nname = "markupsafe"\nversion = "2.1.5"\n'
    yield _one(
        "poetry-lock-added",
        {"Dockerfile": _fake(_LOCKED, files="poetry.lock pyproject.toml"), "install.py": _LOCKED, "pyproject.toml": poetry, "poetry.lock": lock},
        {"pyproject.toml": poetry + 'pygments = "^2"\n', "poetry.lock": lock + '\n[[package]]\nname = "pygments"\nversion = "2.18.0"\n'},
        "dependency", "pygments", "pyproject.toml:4",
    )  # fmt: skip
    tied = '[[package]]\nname = "rich"\nversion = "13.7.1"\n\n[[package]]\nname = "pygments"\nversion = "{}"\n'
    yield _one(
        "poetry-lock-transitive",
        {"Dockerfile": _fake(_LOCKED, files="poetry.lock pyproject.toml"), "install.py": _LOCKED, "pyproject.toml": '[tool.poetry.dependencies]\nrich = "*"\n', "poetry.lock": tied.format("2.3.0")},
        {"poetry.lock": tied.format("2.18.0")},
        "dependency", "pygments", "poetry.lock:6",
    )  # fmt: skip
    one = {"name": "monolog/monolog", "version": "3.6.0"}
    two = {"name": "symfony/console", "version": "7.0.7"}
    manifest = '{{\n  "require": {{\n    "monolog/monolog": "^3"{}\n  }}\n}}\n'
    yield _one(
        "composer-added",
        {"Dockerfile": _fake(_COMPOSER, files="composer.json composer.lock"), "install.py": _COMPOSER, "composer.json": manifest.format(""), "composer.lock": json.dumps({"packages": [one]})},
        {"composer.json": manifest.format(',\n    "symfony/console": "^7"'), "composer.lock": json.dumps({"packages": [one, two]})},
        "dependency", "symfony/console", "composer.json:4",
    )  # fmt: skip


def _workspaces() -> Iterator[Case]:
    root = '{\n  "name": "root",\n  "private": true,\n  "workspaces": ["packages/*"]\n}\n'
    npm = "FROM node:20-slim\nWORKDIR /app\nCOPY . .\nRUN npm install --omit=dev --no-audit --no-fund\n"
    api = "packages/api/package.json"
    yield _one(
        "npm-workspace",
        {"Dockerfile": npm, "package.json": root, api: package_json(ms="2.1.3").replace("service", "api"), "packages/api/index.js": "1\n"},
        {api: package_json(ms="2.1.3", moment="2.30.1").replace("service", "api")},
        "dependency", "moment", f"{api}:5",
    )  # fmt: skip
    pnpm = "FROM node:20-slim\nRUN npm install -g --no-audit pnpm@9\nWORKDIR /app\nCOPY package.json .\nRUN pnpm install --prod\nCOPY . .\n"
    yield _one(
        "pnpm-added",
        {"Dockerfile": pnpm, "package.json": package_json(ms="2.1.3"), "index.js": "1\n"},
        {"package.json": package_json(ms="2.1.3", express="4.19.2")},
        "dependency", "express", "package.json:5",
    )  # fmt: skip
    yarn = "FROM node:20-slim\nRUN npm install -g --no-audit yarn@1.22.22\nWORKDIR /app\nCOPY package.json .\nRUN yarn install --production && yarn cache clean\nCOPY . .\n"
    yield _one(
        "yarn-removed",
        {"Dockerfile": yarn, "package.json": package_json(ms="2.1.3", lodash="4.17.21"), "index.js": "1\n"},
        {"package.json": package_json(ms="2.1.3")},
        "dependency", "lodash", "package.json:5", -1,
    )  # fmt: skip

    def locked(version: str) -> str:
        packages = {"": {"name": "service", "dependencies": {"ms": "2.1.3", "debug": "4.3.4", "uuid": "*"}}}
        packages |= {
            f"node_modules/{name}": {"version": of}
            for name, of in (("ms", "2.1.2"), ("debug", "4.3.4"), ("uuid", version))
        }
        packages["node_modules/ms"]["version"] = "2.1.3"
        packages["node_modules/debug"]["dependencies"] = {"ms": "2.1.2"}  # type: ignore[assignment]
        packages["node_modules/debug/node_modules/ms"] = {"version": "2.1.2"}
        return json.dumps({"name": "service", "lockfileVersion": 3, "packages": packages}, indent=2) + "\n"

    ci = "FROM node:20-slim\nWORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci --no-audit --no-fund\nCOPY . .\n"
    line = next(n for n, text in enumerate(locked("9.0.1").split("\n"), 1) if "node_modules/uuid" in text)
    yield _one(
        "npm-lock-only",
        {"Dockerfile": ci, "package.json": package_json(ms="2.1.3", debug="4.3.4", uuid="*"), "package-lock.json": locked("3.4.0")},
        {"package-lock.json": locked("9.0.1")},
        "dependency", "uuid", f"package-lock.json:{line}",
    )  # fmt: skip
    cargo = "FROM rust:1 AS build\nWORKDIR /src\nCOPY . .\nRUN cargo build --release --offline\nFROM debian:bookworm-slim\nCOPY --from=build /src/target/release/tool /usr/bin/tool\n"
    crates = {
        "Cargo.toml": '[workspace]\nmembers = ["tool", "util"]\nresolver = "2"\n',
        "tool/Cargo.toml": '[package]\nname = "tool"\nversion = "0.1.0"\nedition = "2021"\n\n[dependencies]\nutil = { path = "../util" }\n',
        "tool/src/main.rs": 'fn main() { println!("{}", util::data()[std::env::args().count()]); }\n',
        "util/Cargo.toml": '[package]\nname = "util"\nversion = "0.1.0"\nedition = "2021"\n',
        "util/src/lib.rs": "static DATA: [u8; 8] = [1; 8];\npub fn data() -> &'static [u8] { &DATA }\n",
    }
    yield _one(
        "cargo-workspace",
        {"Dockerfile": cargo, **crates},
        {"util/src/lib.rs": "static DATA: [u8; 900000] = [1; 900000];\npub fn data() -> &'static [u8] { &DATA }\n"},
        "program", "/usr/bin/tool", "util/src/lib.rs:1",
    )  # fmt: skip
    go = "FROM golang:1 AS build\nWORKDIR /src\nCOPY . .\nRUN CGO_ENABLED=0 go build -mod=mod -o /out/app .\nFROM scratch\nCOPY --from=build /out/app /app\n"
    table = "var table = [...]string{" + ", ".join(f'"{n:060d}"' for n in range(6000)) + "}\n"
    functions = "\n".join(
        f"func F{n}(i int) string {{ return table[(i*{n + 1})%len(table)] + table[(i+{n})%len(table)] }}"
        for n in range(900)
    )
    big = f"package big\n\n{table}\n{functions}\n\nvar All = []func(int) string{{{', '.join(f'F{n}' for n in range(900))}}}\n"
    small = 'package big\n\nvar All = []func(int) string{func(i int) string { return "x" }}\n'
    module = "module example.org/app\n\ngo 1.18\n\nrequire example.com/big v1.0.0\n\nreplace example.com/big => ./{}\n"
    using = 'package main\n\nimport (\n\t"fmt"\n\n\t"example.com/big"\n)\n\nfunc main() { for i, f := range big.All { fmt.Println(f(i)) } }\n'
    mods = {f"{name}/go.mod": "module example.com/big\n\ngo 1.18\n" for name in ("one", "two")}
    yield _one(
        "go-replace",
        {"Dockerfile": go, "main.go": using, "go.mod": module.format("one"), "one/big.go": small, "two/big.go": big, **mods},
        {"go.mod": module.format("two")},
        "dependency", "example.com/big", "go.mod:7",
    )  # fmt: skip
    yield _one(
        "go-replaced-folder-grown",
        {"Dockerfile": go, "main.go": using, "go.mod": module.format("one"), "one/big.go": small, **mods},
        {"one/big.go": big},
        "program", "/app", "one/big.go:3",
    )  # fmt: skip


def _together() -> Iterator[Case]:
    """Several causes in one instruction, one layer or one change."""
    both = "FROM python:3-slim\nRUN apt-get update && apt-get install -y --no-install-recommends less{} && pip install --no-cache-dir idna==3.7{} && rm -rf /var/lib/apt/lists/*\nCOPY . /app\n"
    yield Case(
        name="apt-and-pip-in-one-run",
        base={**APP, "Dockerfile": both.format("", "")},
        head={"Dockerfile": both.format(" tree", " pygments==2.18.0")},
        expected=(
            Expected(kind="dependency", what="pygments", place="Dockerfile:2"),
            Expected(kind="system-package", what="tree", place="Dockerfile:2"),
        ),
    )
    yield Case(
        name="two-requirements-in-one-layer",
        base={"Dockerfile": PIP, "requirements.txt": "idna==3.7\nsqlalchemy==2.0.30\n", **APP},
        head={"requirements.txt": "idna==3.7\npygments==2.18.0\n"},
        expected=(
            Expected(kind="dependency", what="sqlalchemy", place="requirements.txt:2", sign=-1),
            Expected(kind="dependency", what="pygments", place="requirements.txt:2"),
        ),
    )
    stages = (
        "FROM busybox:musl AS one\nCOPY big.bin /data/big.bin\nFROM busybox:musl AS two\nCOPY small.bin /data/small.bin\n"
        "FROM busybox:musl\nCOPY --from={} /data /data\n"
    )
    yield _one(
        "copy-from-other-stage",
        {"Dockerfile": stages.format("two"), "big.bin": content(600_000, 11), "small.bin": content(1_000, 12)},
        {"Dockerfile": stages.format("one")},
        "file", "big.bin", "Dockerfile:6",
    )  # fmt: skip
    compiler = (
        "FROM debian:bookworm-slim AS build\nCOPY . /src\nFROM debian:bookworm-slim\nCOPY --from=build /src /app\n"
    )
    yield _one(
        "package-moved-to-final-stage",
        {"Dockerfile": compiler.replace("COPY . /src\n", "RUN apt-get update && apt-get install -y --no-install-recommends tree\nCOPY . /src\n", 1), **APP},
        {"Dockerfile": compiler + "RUN apt-get update && apt-get install -y --no-install-recommends tree && rm -rf /var/lib/apt/lists/*\n"},
        "system-package", "tree", "Dockerfile:5",
    )  # fmt: skip
    constrained = PIP.replace("COPY requirements.txt .", "COPY *.txt ./").replace(
        "-r requirements.txt", "-r requirements.txt -c constraints.txt"
    )
    yield _one(
        "pip-constraint-moved",
        {"Dockerfile": constrained, "requirements.txt": "rich==13.7.1\n", "constraints.txt": "idna==3.7\npygments==2.13.0\n", **APP},
        {"constraints.txt": "idna==3.7\npygments==2.18.0\n"},
        "dependency", "pygments", "constraints.txt:2",
    )  # fmt: skip


def _idioms() -> Iterator[Case]:
    base = {"Dockerfile": PIP, "requirements.txt": "idna==3.7\n", **APP}
    req = "requirements.txt"
    yield _one(
        "idiom-uv",
        {
            **base,
            "Dockerfile": "FROM python:3-slim\nRUN pip install --no-cache-dir uv==0.4.30\nWORKDIR /app\nCOPY requirements.txt .\nRUN uv pip install --system --no-cache -r requirements.txt\nCOPY . .\n",
        },
        {req: "idna==3.7\npygments==2.18.0\n"},
        "dependency",
        "pygments",
        f"{req}:2",
    )
    nested = {
        "requirements/base.txt": "idna==3.7\n",
        "requirements/prod.txt": "-r base.txt\nclick==8.1.7\n",
        **APP,
        "Dockerfile": "FROM python:3-slim\nWORKDIR /app\nCOPY requirements requirements\nRUN pip install --no-cache-dir -r requirements/prod.txt\nCOPY . .\n",
    }
    yield _one(
        "idiom-nested",
        nested,
        {"requirements/base.txt": "idna==3.7\njinja2==3.1.4\n"},
        "dependency",
        "jinja2",
        "requirements/base.txt:2",
    )
    yield _one(
        "idiom-names",
        base,
        {req: "idna==3.7\n# yaml\nPyYAML>=6.0 ; python_version >= '3.8'\n"},
        "dependency",
        "pyyaml",
        f"{req}:3",
    )
    yield _one(
        "idiom-continued",
        base,
        {req: "idna==3.7\npygments==2.18.0 \\\n    ; python_version >= '3.6'\n"},
        "dependency",
        "pygments",
        f"{req}:2",
    )
    yield _one(
        "idiom-target",
        {
            **APP,
            req: "idna==3.7\n",
            "Dockerfile": "FROM python:3-slim AS deps\nCOPY requirements.txt .\nRUN pip install --no-cache-dir --target /deps -r requirements.txt\nFROM python:3-slim\nCOPY --from=deps /deps /deps\nENV PYTHONPATH=/deps\nCOPY app.py .\n",
        },
        {req: "idna==3.7\npygments==2.18.0\n"},
        "dependency",
        "pygments",
        f"{req}:2",
    )
    yield _one(
        "idiom-mount",
        {
            **base,
            "Dockerfile": "FROM python:3-slim\nRUN --mount=type=bind,source=requirements.txt,target=/tmp/r.txt pip install --no-cache-dir -r /tmp/r.txt\nCOPY app.py .\n",
        },
        {req: "idna==3.7\npygments==2.18.0\n"},
        "dependency",
        "pygments",
        f"{req}:2",
    )
    yield _one(
        "idiom-npm-dev-to-prod",
        {
            "Dockerfile": NPM,
            "package.json": '{\n  "name": "s",\n  "dependencies": {\n    "ms": "2.1.3"\n  },\n  "devDependencies": {\n    "uuid": "9.0.1"\n  }\n}\n',
            "i.js": "1\n",
        },
        {"package.json": '{\n  "name": "s",\n  "dependencies": {\n    "ms": "2.1.3",\n    "uuid": "9.0.1"\n  }\n}\n'},
        "dependency",
        "uuid",
        "package.json:5",
    )
    apt = "FROM debian:bookworm\nCOPY packages.txt .\nRUN apt-get update && apt-get install -y --no-install-recommends $(cat packages.txt) && rm -rf /var/lib/apt/lists/*\n"
    yield _one(
        "idiom-apt-file",
        {"Dockerfile": apt, "packages.txt": "less\n"},
        {"packages.txt": "less\nfile\n"},
        "system-package",
        "file",
        "packages.txt:2",
    )
    xargs = "FROM debian:bookworm\nCOPY packages.txt .\nRUN apt-get update && xargs apt-get install -y --no-install-recommends < packages.txt && rm -rf /var/lib/apt/lists/*\n"
    yield _one(
        "idiom-apt-xargs",
        {"Dockerfile": xargs, "packages.txt": "less\n"},
        {"packages.txt": "less\nfile\n"},
        "system-package",
        "file",
        "packages.txt:2",
    )
    lists = "FROM debian:bookworm\nRUN apt-get update \\\n && apt-get install -y --no-install-recommends less%s\n"
    yield _one(
        "idiom-lists",
        {"Dockerfile": lists % " \\\n && rm -rf /var/lib/apt/lists/*"},
        {"Dockerfile": lists % ""},
        "instruction",
        "package lists",
        "Dockerfile:2",
    )
    add = "FROM busybox:musl\nADD data.tar.gz /data/\n"
    yield _one(
        "idiom-add-tar",
        {"Dockerfile": add, "data.tar.gz": tar_of({"a": b"x"}, "w:gz")},
        {"data.tar.gz": tar_of({"a": b"x", "b": content(700_000)}, "w:gz")},
        "file",
        "data.tar.gz",
        "data.tar.gz",
    )
    yield _one(
        "idiom-rename-grow",
        {"Dockerfile": COPY_ALL, "assets/old.bin": content(300_000)},
        {
            "assets/old.bin": None,
            "assets/new.bin": content(300_000)
            + content(
                500_000,
            ),
        },
        "file",
        "assets/new.bin",
        "assets/new.bin",
    )
    bundle = "FROM busybox:musl AS build\nWORKDIR /src\nCOPY src src\nRUN mkdir dist && cat src/* > dist/bundle.js\nFROM busybox:musl\nCOPY --from=build /src/dist /www\n"
    yield _one(
        "idiom-bundle",
        {"Dockerfile": bundle, "src/a.js": "a\n", "src/b.js": "b\n"},
        {"src/b.js": content(600_000)},
        "instruction",
        "/www/bundle.js",
        "Dockerfile:4",
    )
    dd = "FROM busybox:musl\nRUN dd if=/dev/urandom of=/blob bs=1000 count=%d\n"
    yield _one("idiom-dd", {"Dockerfile": dd % 100}, {"Dockerfile": dd % 900}, "instruction", "/blob", "Dockerfile:2")
    yield _one(
        "idiom-extra-pyproject",
        {
            **APP,
            "pyproject.toml": '[project]\nname = "service"\nversion = "1"\ndependencies = []\n[project.optional-dependencies]\nprod = [\n  "idna==3.7",\n]\n[tool.setuptools]\npackages = []\n',
            "Dockerfile": "FROM python:3-slim\nWORKDIR /src\nCOPY pyproject.toml .\nRUN pip install --no-cache-dir .[prod]\nCOPY . .\n",
        },
        {
            "pyproject.toml": '[project]\nname = "service"\nversion = "1"\ndependencies = []\n[project.optional-dependencies]\nprod = [\n  "idna==3.7",\n  "pygments==2.18.0",\n]\n[tool.setuptools]\npackages = []\n'
        },
        "dependency",
        "pygments",
        "pyproject.toml:8",
    )
    yield _one(
        "idiom-setupcfg",
        {
            **APP,
            "setup.py": "from setuptools import setup\nsetup()\n",
            "setup.cfg": "[metadata]\nname = service\nversion = 1\n[options]\npy_modules =\ninstall_requires =\n    idna==3.7\n",
            "Dockerfile": "FROM python:3-slim\nWORKDIR /src\nCOPY setup.* ./\nRUN pip install --no-cache-dir .\n",
        },
        {
            "setup.cfg": "[metadata]\nname = service\nversion = 1\n[options]\npy_modules =\ninstall_requires =\n    idna==3.7\n    pygments==2.18.0\n"
        },
        "dependency",
        "pygments",
        "setup.cfg:8",
    )
    yield _one(
        "idiom-arg-base",
        {"Dockerfile": "ARG BASE=debian:bookworm-slim\nFROM ${BASE}\nRUN echo hi > /x\n"},
        {"Dockerfile": "ARG BASE=debian:bookworm\nFROM ${BASE}\nRUN echo hi > /x\n"},
        "base-image",
        "debian:bookworm",
        "Dockerfile:2",
    )
    yield _one(
        "idiom-shell-file",
        {
            **APP,
            "install.sh": "#!/bin/sh\npip install --no-cache-dir idna==3.7\n",
            "Dockerfile": "FROM python:3-slim\nCOPY install.sh .\nRUN sh install.sh\n",
        },
        {
            "install.sh": "#!/bin/sh\npip install --no-cache-dir idna==3.7\npip install --no-cache-dir pygments==2.18.0\n"
        },
        "dependency",
        "pygments",
        "install.sh:3",
    )
    yield _one(
        "idiom-onecopy-two",
        {"Dockerfile": "FROM busybox:musl\nCOPY a b /srv/\n", "a/x": content(100_000), "b/y": content(100_000)},
        {"b/z": content(400_000)},
        "file",
        "b/z",
        "b/z",
    )
    yield _one(
        "idiom-wheel",
        {
            **base,
            "Dockerfile": "FROM python:3-slim AS b\nCOPY requirements.txt .\nRUN pip wheel --no-cache-dir -w /wheels -r requirements.txt\nFROM python:3-slim\nCOPY --from=b /wheels /wheels\nRUN pip install --no-cache-dir /wheels/*.whl\nCOPY app.py .\n",
        },
        {req: "idna==3.7\npygments==2.18.0\n"},
        "dependency",
        "pygments",
        f"{req}:2",
    )


def all_cases() -> tuple[Case, ...]:
    """Every case, by ecosystem and kind."""
    families = (_python, _node, _debian, _files, _instructions, _base_images, _programs, _moves)
    families = (*families, _ecosystems, _workspaces, _together, _idioms)
    return tuple(case for family in families for case in family())
