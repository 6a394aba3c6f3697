"""While images are read that a run built, people see the names that they know, not the tags that the run made up."""

import io
from pathlib import Path

from weighbridge.build.builder import BuildRequest
from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.tips.tip import DockerfileSource
from weighbridge.progress.lines import Lines
from weighbridge.run.build_outcome import BuiltSide
from weighbridge.run.clients import Tools
from weighbridge.run.prefetch import Prefetch
from weighbridge.sources.from_files import OCI
from weighbridge.sources.measurement_cache import Measurements
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.reference import ImageReference

DOCKERFILE = "FROM scratch\nCOPY a /\nCOPY b /\n"


def test_built_images_are_read_under_build_titles(cache, tmp_path, layout, tar, member):
    stream = io.StringIO()
    lines = Lines(stream)
    first = tar([member("a", content=b"1" * 1000)])
    with LayerReader(
        cache=cache,
        progress=lambda reading: lines.reading(reading.what, reading.done_bytes, reading.total_bytes),
    ) as reader:
        tools = Tools(
            progress=lines,
            reader=reader,
            engine=lambda: None,
            find_build_client=lambda: None,
            make_builder=lambda client, settings: None,
            environment={},
            measurements=Measurements(cache),
            cache_folder=tmp_path,
        )
        with Prefetch(tools, []) as prefetch:
            for side in ("base", "head"):
                tag = f"weighbridge.invalid/run-0123456789ab:{side}"
                second = tar([member("b", content=side.encode())])
                layout(layers=[first, second], config={"Cmd": ["/a"]}).write_oci(tmp_path / side, tag=tag)
                prefetch.begin(built(tmp_path / side, tag, side), side)
    assert stream.getvalue().splitlines() == [
        "• reading shop base, layer 1 of 2",
        "• reading shop base, layer 2 of 2",
        "• reading shop head, layer 2 of 2",
    ]


def built(folder: Path, tag: str, side: str) -> BuiltSide:
    return BuiltSide(
        reference=ImageReference(transport=OCI, place=str(folder), name=tag),
        source=DockerfileSource(text=DOCKERFILE, dockerfile=parse_dockerfile(DOCKERFILE, path="Dockerfile")),
        request=BuildRequest(title=f"shop {side}", dockerfile=folder / "Dockerfile", context=folder, side=side),
    )
