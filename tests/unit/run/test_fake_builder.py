"""The fake builder keeps the contract of the real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from builder_contract import BuilderContract
from fake_builder import FakeBuilder

from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader


class TestFakeBuilder(BuilderContract):
    """The contract, on the fake builder and the real reader."""

    @pytest.fixture
    def builder(self, tmp_path: Path) -> FakeBuilder:
        (tmp_path / "built").mkdir()
        return FakeBuilder(tmp_path / "built")

    @pytest.fixture
    def source(self, tmp_path: Path) -> Iterator[LayerReader]:
        with LayerReader(cache=LayerCache(tmp_path / "cache")) as reader:
            yield reader
