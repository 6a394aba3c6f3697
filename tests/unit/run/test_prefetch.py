"""Images that are read while other builds run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from weighbridge.build.builder import BuildRequest
from weighbridge.errors import ImageError
from weighbridge.run.build import BuiltSide
from weighbridge.run.prefetch import Prefetch
from weighbridge.sources.from_engine import ENGINE
from weighbridge.sources.reference import ImageReference


class RecordingReader:
    """Keeps the arguments of each read, and has no image."""

    def __init__(self, *, reads_alone: bool) -> None:
        self._reads_apart = reads_alone
        self.reads: list[tuple[list[str], bool]] = []

    def reads_alone(self, reference: ImageReference) -> bool:
        del reference
        return self._reads_apart

    def read(self, references, *, titles, estimate_sizes=True, base_images):
        assert not base_images, "only base names the registry of its base image"
        self.reads.append((list(titles.values()), estimate_sizes))
        return {one: ImageError("no image") for one in references}


def built(tmp_path, name: str) -> BuiltSide:
    request = BuildRequest(title=name, dockerfile=tmp_path / "Dockerfile", context=tmp_path)
    return BuiltSide(
        reference=ImageReference(transport=ENGINE, place=name),
        source=SimpleNamespace(dockerfile=None, target=None),
        request=request,
    )


@pytest.mark.parametrize("estimate_sizes", [True, False])
def test_begin_weighing_reads_each_image_before_context_ends(tmp_path, estimate_sizes):
    reader = RecordingReader(reads_alone=True)
    with Prefetch(SimpleNamespace(reader=reader), estimate_sizes=estimate_sizes) as prefetch:
        prefetch.begin_weighing(built(tmp_path, "a"))
        prefetch.begin_weighing(built(tmp_path, "b"))
    assert reader.reads == [(["a"], estimate_sizes), (["b"], estimate_sizes)]


def test_image_read_with_others_is_not_prefetched(tmp_path):
    reader = RecordingReader(reads_alone=False)
    with Prefetch(SimpleNamespace(reader=reader)) as prefetch:
        prefetch.begin_weighing(built(tmp_path, "a"))
    assert reader.reads == []
