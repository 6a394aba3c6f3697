"""What `run/` relies on in a builder and a source: the same checks for the real ones and for the fakes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from weighbridge.build.builder import BuildRequest
from weighbridge.domain.image.image import Image
from weighbridge.errors import BuildError
from weighbridge.run.clients import ImageBuilder, ImageReader

DOCKERFILE = """\
FROM scratch AS files
COPY data /data/
FROM scratch
COPY --from=files /data/small /small
COPY data/large /large
CMD ["/small"]
"""


class BuilderContract:
    """Subclasses give `builder` and `source`."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Iterator[Path]:
        (tmp_path / "context/data").mkdir(parents=True)
        (tmp_path / "context/data/small").write_bytes(b"x" * 1_000)
        (tmp_path / "context/data/large").write_bytes(b"y" * 50_000)
        return tmp_path / "context"

    def request(self, folder: Path, dockerfile: str) -> BuildRequest:
        (folder / "Dockerfile").write_text(dockerfile)
        return BuildRequest(title="app head", image="app", dockerfile=folder / "Dockerfile", context=folder)

    def test_build_of_copied_files_is_read_with_their_exact_sizes(
        self, builder: ImageBuilder, source: ImageReader, folder: Path
    ) -> None:
        reference = builder.build(self.request(folder, DOCKERFILE))
        image = source.read([reference])[reference]
        assert isinstance(image, Image), image
        assert [layer.unpacked_bytes for layer in image.layers] == [1_000, 50_000]
        assert image.config.cmd == ("/small",)
        source.release()

    def test_two_builds_of_one_request_have_different_references(self, builder: ImageBuilder, folder: Path) -> None:
        request = self.request(folder, DOCKERFILE)
        assert builder.build(request) != builder.build(request)

    def test_build_of_a_missing_file_raises_with_the_end_of_the_log(self, builder: ImageBuilder, folder: Path) -> None:
        with pytest.raises(BuildError) as error:
            builder.build(self.request(folder, "FROM scratch\nCOPY absent /\n"))
        assert "absent" in "".join(error.value.log_tail)
        assert str(error.value).startswith("app head: ")

    def test_build_after_stop_raises(self, builder: ImageBuilder, folder: Path) -> None:
        request = self.request(folder, DOCKERFILE)
        builder.stop()
        with pytest.raises(BuildError):
            builder.build(request)

    def test_read_after_clean_up_is_an_error_and_not_an_exception(
        self, builder: ImageBuilder, source: ImageReader, folder: Path
    ) -> None:
        reference = builder.build(self.request(folder, DOCKERFILE))
        builder.clean_up()
        assert not isinstance(source.read([reference])[reference], Image)
