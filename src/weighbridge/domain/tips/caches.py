"""Files of the final filesystem that no container needs: caches of package managers, and logs full of nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from weighbridge.domain.align import WeighedLayer
from weighbridge.domain.layer import EntryKind
from weighbridge.domain.rootfs import Node, Rootfs
from weighbridge.domain.tips.model import Basis, Tip

_HOME = r"(?:root|home/[^/]+)"
_CACHES: dict[str, tuple[re.Pattern[str], str]] = {
    "apt": (
        re.compile(r"/var/lib/apt/lists/|/var/cache/apt/"),
        "end the RUN with: && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin",
    ),
    "apk": (re.compile(r"/var/cache/apk/|/etc/apk/cache/"), "apk add --no-cache"),
    "dnf": (re.compile(r"/var/cache/(?:dnf|yum|libdnf5)/"), "end the RUN with: && dnf clean all"),
    "pip": (re.compile(rf"/{_HOME}/\.cache/pip/"), "pip install --no-cache-dir"),
    "uv": (re.compile(rf"/{_HOME}/\.cache/uv/"), "uv --no-cache, or RUN --mount=type=cache,target=/root/.cache/uv"),
    "npm": (re.compile(rf"/{_HOME}/\.npm/_cacache/"), "end the RUN with: && npm cache clean --force"),
    "yarn": (
        re.compile(rf"/usr/local/share/\.cache/yarn/|/{_HOME}/\.cache/yarn/"),
        "end the RUN with: && yarn cache clean",
    ),
    "go": (
        re.compile(rf"/{_HOME}/\.cache/go-build/|/go/pkg/mod/cache/"),
        "RUN --mount=type=cache,target=/root/.cache/go-build",
    ),
    "cargo": (
        re.compile(rf"/usr/local/cargo/registry/|/{_HOME}/\.cargo/registry/"),
        "RUN --mount=type=cache,target=/usr/local/cargo/registry",
    ),
}
"""By package manager: where its cache is, below which every file can be fetched again, and how not to keep it."""

_SPARSE_LOG = re.compile(r"/var/log/(?:lastlog|faillog)")


def package_cache(layers: Sequence[WeighedLayer], rootfs: Rootfs) -> Iterator[Tip]:
    """``package-cache``: what a package manager could fetch again, by manager and layer; exact."""
    for tool, (pattern, remedy) in _CACHES.items():
        for layer, nodes in _by_layer(layers, rootfs, pattern.match).items():
            files = "file" if len(nodes) == 1 else "files"
            yield _tip(
                "package-cache",
                layers[layer],
                nodes,
                f"the cache of {tool}: {len(nodes)} {files} below {_folder(nodes)}. Keep it out: {remedy}.",
            )


def sparse_logs(layers: Sequence[WeighedLayer], rootfs: Rootfs) -> Iterator[Tip]:
    """``sparse-logs``: a user with a large number makes these files as long as that, and layers store the zeros."""
    for layer, nodes in _by_layer(layers, rootfs, _SPARSE_LOG.fullmatch).items():
        names = " and ".join(node.path for node in nodes)
        yield _tip(
            "sparse-logs",
            layers[layer],
            nodes,
            f"{names}: a place for each user up to the largest number. Make the user with useradd --no-log-init.",
        )


def _by_layer(layers: Sequence[WeighedLayer], rootfs: Rootfs, wanted: Callable[[str], object]) -> dict[int, list[Node]]:
    """The files with such a path that the image's own layers hold, each hard link once, by layer."""
    own = {layer.diff_id: index for index, layer in enumerate(layers) if not layer.from_base_image}
    found: dict[int, dict[tuple[str, str], Node]] = {}
    for node in rootfs.nodes():
        if node.kind is EntryKind.FILE and node.size_bytes and node.diff_id in own and wanted(node.path):
            found.setdefault(own[node.diff_id], {}).setdefault((node.diff_id, node.stored_path), node)
    return {layer: list(nodes.values()) for layer, nodes in sorted(found.items())}


def _tip(code: str, layer: WeighedLayer, nodes: Sequence[Node], explanation: str) -> Tip:
    return Tip(
        code=code,
        saved_bytes=sum(node.size_bytes for node in nodes),
        basis=Basis.COMPUTED,
        line=layer.line,
        explanation=explanation,
    )


def _folder(nodes: Sequence[Node]) -> str:
    """The deepest folder that all of them are in."""
    first, last = min(node.path for node in nodes).split("/"), max(node.path for node in nodes).split("/")
    common = []
    for one, other in zip(first[:-1], last[:-1], strict=False):
        if one != other:
            break
        common.append(one)
    return "/".join(common) or "/"
