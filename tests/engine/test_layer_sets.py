"""The final files and the waste of random layer sets are what both engines make of the same layers."""

from __future__ import annotations

import hashlib
import os

import pytest
from tests.conftest import Engine
from tests.engine.layer_sets import LayerSet, Tree, combined, export_all, layer_set

from weighbridge.domain.image.layer import EntryKind
from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.domain.image.tree import FileTree
from weighbridge.domain.image.waste import find_waste
from weighbridge.sources.changeset import index_layer

COUNT = int(os.environ.get("WEIGHBRIDGE_LAYER_SETS", "100"))
FIRST_SEED = int(os.environ.get("WEIGHBRIDGE_LAYER_SETS_SEED", "1"))
_BATCH = 100


class _Bytes:
    """The contents of a set's files, cut out of its tars."""

    def __init__(self, one: LayerSet) -> None:
        self.layers = [index_layer([layer], expected_diff_id=None) for layer in one.layers]
        self._at = {
            (layer.diff_id, entry.path): tar[offset : offset + entry.size_bytes]
            for layer, tar in zip(self.layers, one.layers, strict=True)
            for entry, offset in zip(layer.changeset.entries, layer.data_offsets, strict=True)
            if entry.kind is EntryKind.FILE
        }

    def read(self, node, *, offset: int, length: int) -> bytes:
        return self._at[node.diff_id, node.stored_path][offset : offset + length]


def weighed(one: LayerSet) -> Tree:
    """The final files as the layers give them."""
    contents = _Bytes(one)
    rootfs = Rootfs.from_changesets([layer.changeset for layer in contents.layers], contents)
    found: Tree = {}
    for node in rootfs.nodes():
        kind = node.kind
        if kind is EntryKind.FILE:
            content = rootfs.read(node, limit_bytes=node.size_bytes)
            found[node.path.lstrip("/")] = ("file", hashlib.sha256(content).hexdigest())
        else:
            found[node.path.lstrip("/")] = (kind.value, node.entry.link_target)
    return found


def unaccounted_bytes(one: LayerSet) -> int:
    """Bytes of the layers that are neither visible nor counted as waste; below 0 where some are counted twice."""
    contents = _Bytes(one)
    changesets = [layer.changeset for layer in contents.layers]
    tree = FileTree.from_changesets(changesets)
    visible = sum(node.size_bytes for node, _ in Rootfs(tree, contents).files())
    return sum(layer.unpacked_bytes for layer in changesets) - visible - find_waste(tree).wasted_bytes


@pytest.fixture(params=["overlay2_engine", "containerd_engine"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.getfixturevalue(request.param)


def test_files_of_random_layers_equal_docker_export(engine: Engine) -> None:
    """`WEIGHBRIDGE_LAYER_SETS` and `WEIGHBRIDGE_LAYER_SETS_SEED` choose how many sets, and which is the first."""
    different: dict[str, list[object]] = {}
    refused: list[int] = []
    end = FIRST_SEED + COUNT
    for start in range(FIRST_SEED, end, _BATCH):
        sets = [layer_set(seed) for seed in range(start, min(start + _BATCH, end))]
        theirs, refused_here = export_all(engine.client, sets)
        ours = weighed(combined([one for one in sets if one.seed not in refused_here]))
        refused += refused_here
        for path, file in sorted(set(theirs.items()) ^ set(ours.items()), key=str):
            different.setdefault(path.split("/")[0], []).append((path, file))
    print(f"{engine.store} {engine.version}: {COUNT} sets from seed {FIRST_SEED}; refused by the engine: {refused}")
    assert not different
    assert len(refused) <= COUNT // 100


def test_bytes_of_random_layers_are_visible_or_waste() -> None:
    assert {seed: left for seed in range(1, 401) if (left := unaccounted_bytes(layer_set(seed)))} == {}
