"""Images that are read while other builds run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from fake_builder import FakeBuilder

from weighbridge.build.builder import BuildRequest
from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.tips.tip import DockerfileSource
from weighbridge.errors import ImageError
from weighbridge.run.build_outcome import BuiltSide
from weighbridge.run.prefetch import Prefetch
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.reference import ImageReference
from weighbridge.sources.transports import ENGINE


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


@pytest.mark.parametrize("side", ["base", "head"])
def test_built_side_is_weighed_before_context_ends(tmp_path, side):
    (tmp_path / "built").mkdir()
    (tmp_path / "Dockerfile").write_text('FROM scratch\nCOPY Dockerfile /\nCMD ["/x"]\n')
    text = (tmp_path / "Dockerfile").read_text()
    request = BuildRequest(title="a", dockerfile=tmp_path / "Dockerfile", context=tmp_path)
    reference = FakeBuilder(tmp_path / "built").build(request)
    source = DockerfileSource(text=text, dockerfile=parse_dockerfile(text, path="Dockerfile"))
    with LayerReader(cache=LayerCache(tmp_path / "cache")) as reader:
        with Prefetch(SimpleNamespace(reader=reader)) as prefetch:
            prefetch.begin(BuiltSide(reference=reference, source=source, request=request), side)
        image = reader.read([reference])[reference]
        weighed = prefetch.take(reference, image)
        assert weighed is not None
        assert weighed.image.unpacked_bytes == len(text)
        assert prefetch.take(reference, image) is None
