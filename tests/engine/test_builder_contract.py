"""The real builder and the real reader keep the contract that the fake builder of the unit tests keeps."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from builder_contract import BuilderContract

from weighbridge.build.builder import Builder, BuildSettings
from weighbridge.build.client import find_build_client
from weighbridge.engine.connection import connect_to_engine
from weighbridge.progress.lines import Silent
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader

pytestmark = pytest.mark.engine


class TestBuilder(BuilderContract):
    """The contract, on an engine."""

    @pytest.fixture
    def builder(self, containerd_engine) -> Iterator[Builder]:
        environment = {**os.environ, **containerd_engine.environment}
        builder = Builder(
            find_build_client(environment),
            lambda: connect_to_engine(environment),
            environment=environment,
            progress=Silent(stream=sys.stderr),
            settings=BuildSettings(),
        )
        yield builder
        builder.clean_up()

    @pytest.fixture
    def source(self, containerd_engine, tmp_path: Path) -> Iterator[LayerReader]:
        client = connect_to_engine({**os.environ, **containerd_engine.environment})
        with LayerReader(cache=LayerCache(tmp_path / "cache"), engine=lambda: client) as reader:
            yield reader
        client.close()
