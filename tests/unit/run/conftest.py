"""A run without an engine: a real repository, the real reader, and a builder that makes layouts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fake_builder import CLIENT, FakeBuilder

from weighbridge.build.builder import BuildRequest
from weighbridge.build.client import BuildClient
from weighbridge.config import Config
from weighbridge.domain.result.run import RunResult
from weighbridge.progress.lines import Silent
from weighbridge.run.clients import Tools
from weighbridge.run.request import DiffRequest
from weighbridge.run.weigh import weigh_range
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.measurement_cache import Measurements
from weighbridge.sources.reader import LayerReader


@dataclass
class Run:
    """Weighs the repository `root` in its cache folder; `events` are the builds and verdicts in their order."""

    root: Path
    folder: Path
    events: list[str] = field(default_factory=list)
    verdicts: list[RunResult] = field(default_factory=list)
    on_build: Callable[[BuildRequest], None] = lambda _: None
    client: BuildClient = CLIENT

    def weigh(self, base: str, head: str, **settings: object) -> RunResult:
        """One run. The events of earlier runs are forgotten."""
        self.events.clear()
        self.verdicts.clear()
        request = DiffRequest(repo=self.root, base=base, head=head, **{"config": Config(), **settings})
        built = self.folder / "built"
        built.mkdir(exist_ok=True)

        def on_build(one: BuildRequest) -> None:
            self.events.append(one.title)
            self.on_build(one)

        def on_verdict(result: RunResult) -> None:
            self.events.append("verdict")
            self.verdicts.append(result)

        cache = LayerCache(self.folder / "cache")
        builder = FakeBuilder(built, on_build=on_build)
        with LayerReader(cache=cache) as reader:
            tools = Tools(
                progress=Silent(stream=sys.stderr),
                reader=reader,
                engine=lambda: pytest.fail("no engine is needed"),
                find_build_client=lambda: self.client,
                make_builder=lambda client, settings: builder,
                environment={},
                measurements=Measurements(cache),
                cache_folder=self.folder / "cache",
            )
            result = weigh_range(request, tools, on_verdict=on_verdict)
        assert builder.is_clean or not builder.requests
        assert not list(built.iterdir())
        return result


@pytest.fixture
def run(git_folder, tmp_path: Path) -> Iterator[Run]:
    """A run over `git_folder`."""
    folder = tmp_path / "run"
    folder.mkdir()
    return Run(root=git_folder.root, folder=folder)
