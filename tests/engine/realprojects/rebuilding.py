"""Build a Dockerfile, weigh it, follow its proposals one by one, and start what comes out, all on a real engine."""

from __future__ import annotations

import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import docker

from weighbridge.build.trial import TrialBounds, try_start
from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.dockerfile.edits import apply_edits, unified_diff
from weighbridge.domain.image.image import Image
from weighbridge.domain.image.origins import layer_origins
from weighbridge.domain.image.weighed import WeighedImage, weigh_image
from weighbridge.domain.start.predict import Starts
from weighbridge.domain.start.trial import TrialOutcome
from weighbridge.domain.tips.find import find_tips
from weighbridge.domain.tips.proposals import ladder_candidates
from weighbridge.domain.tips.tip import DockerfileSource, Tip, TipChange
from weighbridge.sources.layer_cache import LayerCache
from weighbridge.sources.reader import LayerReader
from weighbridge.sources.transports import parse_image_reference

_BUILD_SECONDS = 600
_FLOOR_BYTES = 100_000
_TRIAL = TrialBounds(time_limit_seconds=4.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one Dockerfile: `log` of a failed build, or the weighed image and how its real start ended."""

    log: str = ""
    image: WeighedImage | None = None
    source: DockerfileSource | None = None
    started: str = ""
    output: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """True where it was built, is predicted to start, and did."""
        if self.image is None or self.image.start.starts is Starts.NO:
            return False
        return self.started == "running" or self.started == "ended 0"

    @property
    def unpacked_bytes(self) -> int:
        """The size of the image that was built."""
        return self.image.image.unpacked_bytes if self.image is not None else 0

    @property
    def errors(self) -> frozenset[str]:
        """The codes of the error findings."""
        findings = self.image.findings if self.image is not None else ()
        return frozenset(one.code for one in findings if one.severity is Severity.ERROR)


@dataclass(kw_only=True)
class Rebuilder:
    """Builds in scratch folders on one engine. Its images go when `rebuilder` is left."""

    client: docker.DockerClient
    environment: Mapping[str, str]
    cache: LayerCache
    tags: list[str] = field(default_factory=list)

    def build(self, context: Path, text: str, target: str | None = None) -> Outcome:
        """Build `text` with the files of `context`, weigh what comes out and start it."""
        tag = f"weighbridge-test-corpus:{uuid.uuid4().hex[:12]}"
        self.tags.append(tag)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "Dockerfile"
            file.write_bytes(text.encode())
            command = ["docker", "build", "--quiet", "--tag", tag, "--file", str(file), str(context)]
            command += ["--target", target] if target else []
            done = subprocess.run(
                command,
                env={**os.environ, **self.environment, "DOCKER_BUILDKIT": "1"},
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_BUILD_SECONDS,
                check=False,
            )
        if done.returncode != 0:
            return Outcome(log=done.stderr[-3000:])
        dockerfile = parse_dockerfile(text, path="Dockerfile")
        source = DockerfileSource(text=text, dockerfile=dockerfile, target=target)
        reference = parse_image_reference(tag)
        # The reader stays open: proposals read files of the image long after this.
        reader = LayerReader(engine=lambda: self.client, cache=self.cache)
        image = reader.read([reference], estimate_sizes=False)[reference]
        if not isinstance(image, Image):
            return Outcome(log=str(image))
        origins = layer_origins(image.history, dockerfile, dockerfile.final_stage(target))
        trial = try_start(self.client, tag, bounds=_TRIAL)
        started = "running" if trial.outcome is TrialOutcome.RUNNING else f"{trial.outcome} {trial.exit_code}".strip()
        return Outcome(
            image=weigh_image(image, origins, reader.contents(reference)),
            source=source,
            started=started.removesuffix(" None"),
            output=trial.output[-5:],
        )

    def follow(self, context: Path, before: Outcome, change: TipChange) -> Outcome:
        """Build what `change` makes of the Dockerfile that `before` was built from."""
        assert before.source is not None
        text = apply_edits(before.source.text, change.edits)
        return self.build(context, text, before.source.target)


@contextmanager
def rebuilder(client: docker.DockerClient, environment: Mapping[str, str], cache: LayerCache) -> Iterator[Rebuilder]:
    """A `Rebuilder` whose images are removed at the end."""
    one = Rebuilder(client=client, environment=environment, cache=cache)
    try:
        yield one
    finally:
        for tag in one.tags:
            try:
                client.images.remove(tag, force=True)
            except docker.errors.DockerException:
                continue


def proposals_of(outcome: Outcome) -> tuple[Tip, ...]:
    """The tips of an image."""
    assert outcome.image is not None
    return find_tips(outcome.image, outcome.source, minimum_saving_bytes=_FLOOR_BYTES)


def candidates_of(outcome: Outcome) -> Iterator[tuple[str, TipChange]]:
    """The rungs of the ladder of an image."""
    assert outcome.image is not None
    assert outcome.source is not None
    for one in ladder_candidates(outcome.image, outcome.source):
        yield one.name, one.change


def patch_of(outcome: Outcome, change: TipChange) -> str:
    """The change as a unified diff."""
    assert outcome.source is not None
    return unified_diff("Dockerfile", outcome.source.text, change.edits)
