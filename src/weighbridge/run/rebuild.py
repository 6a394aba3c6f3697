"""Builds, reads and weighs patched Dockerfiles, within the limits of the configuration."""

from __future__ import annotations

import functools
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from weighbridge.build.features import require_supported
from weighbridge.build.parallel import default_jobs, run_all
from weighbridge.config import Tips
from weighbridge.domain.dockerfile import Dockerfile, parse_dockerfile
from weighbridge.domain.image.image import Image
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.result.tips import EarlierMeasurement
from weighbridge.domain.start.trial import Trial, TrialOutcome, agrees
from weighbridge.domain.tips.measured import Measured, count_own_copies, measure
from weighbridge.domain.tips.patch import Patched
from weighbridge.domain.tips.tip import DockerfileSource
from weighbridge.errors import BuildError, BuildTimeoutError, DockerfileError, WeighbridgeError
from weighbridge.report.units import format_bytes
from weighbridge.run.build_outcome import BuiltSide, titles_of
from weighbridge.run.clients import ImageBuilder, Tools
from weighbridge.run.patched_context import scratch_copy
from weighbridge.run.prefetch import Prefetch
from weighbridge.run.propose_tips import Proposal
from weighbridge.run.read import weigh_read_image
from weighbridge.run.request import DiffRequest
from weighbridge.run.start import trial_of
from weighbridge.run.tip_cache import TipCache, TipKeys, tip_keys
from weighbridge.sources.file_digests import digest_of_content
from weighbridge.sources.reference import ImageReference


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """One patched Dockerfile to build: its proposal, its title, and its files after the patch."""

    proposal: Proposal
    title: str
    files: Patched

    @property
    def key(self) -> tuple[str, str, str | None]:
        """Equal for variants that produce the same image."""
        return self.proposal.name, self.files.text, self.files.ignore_text


@dataclass(frozen=True, kw_only=True, slots=True)
class Rebuilt:
    """A built variant. `trial` is its real start, if requested.

    `earlier` is the run that built it, and `before` the image without the patch in that run; ``None``: this run.
    """

    measured: Measured
    trial: Trial | None = None
    before: Measured | None = None
    earlier: EarlierMeasurement | None = None

    @property
    def agrees(self) -> bool | None:
        """True if the real start confirms the prediction; ``None`` if there was no start or it was inconclusive."""
        if self.trial is None:
            return None
        predicted = [self.measured.start_error] if self.measured.start_error else []
        return agrees(self.trial, self.measured.starts, predicted)


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """A variant whose build failed, and the reason. `missing_image` is the base image that could not be pulled."""

    reason: str
    missing_image: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NotBuilt:
    """A variant without a build. The reason is a limit, or a failure that the patch did not cause."""

    reason: str


Result = Rebuilt | Broken | NotBuilt


class Rebuilder:
    """Builds variants in rounds, each variant once. The limits apply to all rounds together.

    `tree` is the checkout of head, which never changes. Measurements of earlier runs come from `cache`. Measurements of
    this run go there with their `commit`.
    """

    def __init__(
        self,
        builder: ImageBuilder,
        tools: Tools,
        request: DiffRequest,
        tree: Path,
        *,
        cache: TipCache | None = None,
        commit: str = "",
        circumstances: frozenset[str] | None = None,
    ) -> None:
        self._cache = cache if not request.start else None  # a start needs the image itself
        self._commit = commit
        self._circumstances = circumstances
        self._builder = builder
        self._tools = tools
        self._request = request
        self._tree = tree
        self.settings = request.config.tips
        self._deadline = time.monotonic() + self.settings.time_limit_seconds
        self._budget = _Budget(self.settings)
        self._results: dict[tuple[str, str, str | None], Result] = {}

    def result(self, variant: Variant) -> Result:
        """The result of a variant of an earlier round."""
        return self._results[variant.key]

    def build(self, variants: Sequence[Variant]) -> None:
        """Build, read and weigh `variants`. The first variants use the limits first."""
        wanted: dict[tuple[str, str, str | None], Variant] = {}
        for one in variants:
            if one.key not in self._results:
                wanted.setdefault(one.key, one)
        admitted: list[Variant] = []
        for key, variant in wanted.items():
            cached = self._cached(variant)
            if cached is not None:
                self._results[key] = cached
                continue
            refusal = self._budget.refusal(variant.proposal)
            if refusal is None:
                admitted.append(variant)
            else:
                self._results[key] = NotBuilt(reason=refusal)
        if not admitted:
            return
        images = len({one.proposal.name for one in admitted})
        self._tools.progress.step(
            f"building {len(admitted)} patched {'Dockerfile' if len(admitted) == 1 else 'Dockerfiles'}"
            f" of {images} {'image' if images == 1 else 'images'}, to measure what they save"
        )
        self._tools.progress.expect_builds(len(admitted))
        with Prefetch(self._tools, estimate_sizes=False) as prefetch:
            built = run_all(
                [functools.partial(self._build_and_prefetch, one, prefetch) for one in admitted],
                jobs=self._request.jobs or default_jobs(),
                stop=self._builder.stop,
            )
        read = self._read([one for one in built if isinstance(one, BuiltSide)])
        for variant, answer in zip(admitted, built, strict=True):
            result = self._measured(variant, answer, read, prefetch) if isinstance(answer, BuiltSide) else answer
            self._results[variant.key] = result
            self._keep(variant, result)
        self._tools.reader.release()

    def _cached(self, variant: Variant) -> Rebuilt | None:
        """The measurement of `variant` in an earlier run."""
        keys = self._keys(variant)
        if self._cache is None or keys is None:
            return None
        found = self._cache.find(keys, base_layers=variant.proposal.base_layers)
        return None if found is None else Rebuilt(measured=found.after, before=found.before, earlier=found.earlier)

    def _keep(self, variant: Variant, result: Result) -> None:
        keys = self._keys(variant)
        if self._cache is not None and keys is not None and isinstance(result, Rebuilt):
            proposal = variant.proposal
            self._cache.keep(
                keys,
                base_layers=proposal.base_layers,
                commit=self._commit,
                before=proposal.before,
                after=result.measured,
            )

    def _keys(self, variant: Variant) -> TipKeys | None:
        proposal = variant.proposal
        if isinstance(proposal.sources, WeighbridgeError):
            return None
        return tip_keys(
            proposal.built.request,
            proposal.sources,
            variant.files,
            head_key=proposal.head_key,
            circumstances=self._circumstances,
        )

    def _read(self, built: Sequence[BuiltSide]) -> Mapping[ImageReference, Image | WeighbridgeError]:
        """Reads the images of variants. Does not estimate download sizes, because that would compress each layer."""
        references = [one.reference for one in built]
        return self._tools.reader.read(references, titles=titles_of(built), estimate_sizes=False) if built else {}

    def _build_and_prefetch(self, variant: Variant, prefetch: Prefetch) -> BuiltSide | Broken | NotBuilt:
        built = self._build(variant)
        if isinstance(built, BuiltSide):
            prefetch.begin_weighing(built)
        return built

    def _build(self, variant: Variant) -> BuiltSide | Broken | NotBuilt:
        asked, target = variant.proposal.built.request, variant.proposal.built.source.target
        left = self._deadline - time.monotonic()
        if left <= 0:
            return NotBuilt(reason=self._out_of_time())
        try:
            dockerfile = _parsed(variant)
            require_supported(self._builder.client, dockerfile, target=target)
            tree = asked.checkout or self._tree
            with scratch_copy(
                tree,
                context=asked.context,
                dockerfile=asked.dockerfile.relative_to(tree).as_posix(),
                replaced=_files(variant),
                is_dockerfile_apart=self._is_dockerfile_apart(variant),
            ) as copy:
                request = replace(
                    asked,
                    image=None,  # a variant must not read or write a cache that outlives the run
                    title=variant.title,
                    dockerfile=copy.dockerfile,
                    context=copy.tree / asked.context.relative_to(tree),
                    checkout=copy.tree,
                    timeout_seconds=min(left, self.settings.build_time_limit_seconds),
                )
                reference = self._builder.build(request)
        except BuildTimeoutError:
            in_time = left > self.settings.build_time_limit_seconds
            limit = f"{_duration(self.settings.build_time_limit_seconds)} (`tips.build-time-limit`)"
            return NotBuilt(reason=f"it takes longer than {limit}" if in_time else self._out_of_time())
        except BuildError as error:
            reason = str(error).removeprefix(f"{variant.title}: ")
            return Broken(reason=reason, missing_image=error.missing_image)
        except DockerfileError as error:
            return Broken(reason=str(error))
        except WeighbridgeError as error:
            return NotBuilt(reason=str(error))
        source = DockerfileSource(text=variant.files.text, dockerfile=dockerfile, target=target)
        return BuiltSide(reference=reference, source=source, request=request)

    def _measured(
        self,
        variant: Variant,
        built: BuiltSide,
        read: Mapping[ImageReference, Image | WeighbridgeError],
        prefetch: Prefetch,
    ) -> Result:
        image = read[built.reference]
        try:
            known = prefetch.take(built.reference, image) if isinstance(image, Image) else None
            measured = self._figures(variant, known or weigh_read_image(self._tools, built, image))
        except WeighbridgeError as error:
            return NotBuilt(reason=str(error))
        if not self._request.start:
            return Rebuilt(measured=measured)
        if time.monotonic() > self._deadline:
            trial = Trial(outcome=TrialOutcome.NOT_TRIED, message=self._out_of_time())
        else:
            trial = trial_of(self._tools, functools.partial(self._builder.in_engine, built.reference))
        return Rebuilt(measured=measured, trial=trial)

    def _is_dockerfile_apart(self, variant: Variant) -> bool:
        """True if the patched Dockerfile stays out of the context, so that ``COPY . .`` comes from the builder's cache.

        BuildKit takes a Dockerfile from anywhere. The classic builder copies one from elsewhere into the context. A
        patch of the ignore file changes what is copied in any case.
        """
        return self._builder.client.has_buildkit and variant.files.ignore_text is None

    def _figures(self, variant: Variant, weighed: WeighedImage) -> Measured:
        """The figures of the image that the patch in the repository would give."""
        measured, sources = measure(weighed), variant.proposal.sources
        if isinstance(sources, WeighbridgeError) or not self._is_dockerfile_apart(variant):
            return measured
        original, patched = sources.text.encode(), variant.files.text.encode()
        name = PurePosixPath(sources.dockerfile).name
        digest = digest_of_content(original)
        copies = count_own_copies(weighed, name=name, size_bytes=len(original), digest=digest)
        changed_bytes = copies * (len(patched) - len(original))
        return replace(measured, unpacked_bytes=measured.unpacked_bytes + changed_bytes)

    def _out_of_time(self) -> str:
        return f"the time limit of {_duration(self.settings.time_limit_seconds)} (`tips.time-limit`) was exceeded"


class _Budget:
    """The remaining builds, time and disk space."""

    def __init__(self, bounds: Tips) -> None:
        self._bounds = bounds
        self._builds: Counter[str] = Counter()
        self._bytes = 0

    def refusal(self, proposal: Proposal) -> str | None:
        """The limit that forbids another build of this image; ``None`` if it is allowed, which also counts it."""
        bounds, name = self._bounds, proposal.name
        if self._builds[name] >= bounds.maximum_builds:
            return f"the limit of {bounds.maximum_builds} builds per image (`tips.maximum-builds`) was reached"
        if self._builds.total() >= bounds.maximum_builds_in_all:
            return (
                f"the limit of {bounds.maximum_builds_in_all} builds per run (`tips.maximum-builds-in-all`) was reached"
            )
        if self._bytes + proposal.before.unpacked_bytes > bounds.disk_limit_bytes:
            return f"the limit of {format_bytes(bounds.disk_limit_bytes)} on disk (`tips.disk-limit`) was reached"
        self._builds[name] += 1
        self._bytes += proposal.before.unpacked_bytes
        return None


def _parsed(variant: Variant) -> Dockerfile:
    """Parses the patched Dockerfile. Raises DockerfileError if it does not parse or lacks the target stage."""
    asked, source = variant.proposal.built.request, variant.proposal.built.source
    dockerfile = parse_dockerfile(
        variant.files.text,
        path=source.dockerfile.path,
        build_args=asked.build_args,
        platform=asked.platform or "linux/amd64",
    )
    dockerfile.final_stage(source.target)
    return dockerfile


def _files(variant: Variant) -> dict[str, str]:
    """The replaced files of the copy, by path: the Dockerfile and the ignore file."""
    sources = variant.proposal.sources
    if isinstance(sources, WeighbridgeError):
        raise sources
    files = {sources.dockerfile: variant.files.text}
    ignore_text = variant.files.ignore_text if variant.files.ignore_text is not None else sources.ignore_text
    if ignore_text is not None:
        files[sources.ignore_file] = ignore_text
    return files


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:g} min" if minutes >= 1 and math.isclose(minutes, round(minutes)) else f"{seconds:g} s"
