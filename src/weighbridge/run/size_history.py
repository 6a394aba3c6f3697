"""The size history of a run: earlier sizes, the baselines of ratchets, and the record of this run."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from weighbridge.domain.gate.settings import Ratchet
from weighbridge.domain.result.image import ImageHistory, ImageResult, RatchetBaseline
from weighbridge.domain.result.status import Status
from weighbridge.domain.size_history import Figure, Point, Record, Trend
from weighbridge.errors import GitError
from weighbridge.plan.git import Repository, call_git, default_branch, merge_base, resolve_commit
from weighbridge.plan.shares import is_built
from weighbridge.report.model import ImageReport, Report
from weighbridge.run.clients import Tools
from weighbridge.run.plan import Planned
from weighbridge.run.request import DiffRequest
from weighbridge.size_history.branch import read_branch
from weighbridge.size_history.file import HistoryFile
from weighbridge.size_history.lines import read_lines

MAXIMUM_POINTS = 24
"""Maximum number of sizes per image in a report. Older sizes are omitted."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class SizeHistory:
    """The size history of one repository, from the cache folder and the data branch."""

    def __init__(self, file: HistoryFile, trend: Trend, resolve: Callable[[str], str]) -> None:
        self._file = file
        self._trend = trend
        self._ratchets = Ratchets(trend, resolve)

    def of(self, name: str, ratchet: Ratchet | None, *, head_sha: str | None) -> ImageHistory:
        """The latest sizes of an image without head's, and the baseline of its ratchet."""
        return ImageHistory(
            points=latest_points(self._trend, name, head_sha),
            ratchet=None if ratchet is None else self._ratchets.baseline(name, ratchet),
        )

    def keep(self, record: Record | None) -> None:
        """Add this run to the history in the cache folder."""
        if record is not None:
            self._file.append(record)


def open_size_history(repository: Repository, request: DiffRequest, tools: Tools) -> SizeHistory:
    """Opens the size history of the repository. Ignores invalid lines with a warning."""
    file = HistoryFile(tools.cache_folder, request.known.name or repository_identity(repository))
    trend, refused = read_history(file, repository, request.config.history.branch)
    if refused:
        tools.progress.warn(f"ignored {refused} invalid lines of the size history")
    return SizeHistory(file, trend, request.known.resolve or functools.partial(resolve_commit, repository))


def read_history(file: HistoryFile, repository: Repository, branch: str | None) -> tuple[Trend, int]:
    """Reads the history from a file and from the data branch, if any. Returns the number of invalid lines too."""
    texts = [read_lines(file.read())]
    if branch is not None:
        texts.append(read_lines(read_branch(repository, branch)))
    return Trend(record for one in texts for record in one.records), sum(one.refused for one in texts)


def known_build_seconds(planned: Planned, request: DiffRequest, cache_folder: Path) -> dict[str, float]:
    """The build time of each image of a plan in seconds, from the latest record with a build time."""
    file = HistoryFile(cache_folder, request.known.name or repository_identity(planned.repository))
    trend, _ = read_history(file, planned.repository, request.config.history.branch)
    known = {plan.name: trend.build_seconds(plan.name) for plan in planned.plans}
    return {name: seconds for name, seconds in known.items() if seconds is not None}


def repository_identity(repository: Repository) -> str:
    """A name that all checkouts of a repository share: origin's URL without credentials, or its folder."""
    try:
        url = call_git(repository, ["config", "--get", "remote.origin.url"])
    except GitError:
        url = ""
    return re.sub(r"//[^/@]*@", "//", url) or str(repository.root)


class Ratchets:
    """Finds the baselines of ratchets. Looks up each revision or day once for all images."""

    def __init__(self, trend: Trend, resolve: Callable[[str], str]) -> None:
        """`resolve` returns the commit of a revision, and raises GitError for an unknown one."""
        self._trend = trend
        self._resolve = resolve
        self._commits: dict[str, str | None] = {}

    def baseline(self, name: str, ratchet: Ratchet) -> RatchetBaseline:
        """The size of an image at the start of its ratchet, or the reason that it is unknown."""
        commit = self._commit(ratchet.since)
        figure = self._trend.at(name, commit) if commit is not None else None
        return RatchetBaseline(
            ratchet=ratchet,
            commit=commit,
            baseline_bytes=figure.unpacked_bytes if figure is not None else None,
            reason=None if figure is not None else self._why_unknown(ratchet.since, commit),
        )

    def _commit(self, since: str) -> str | None:
        if since not in self._commits:
            if _DAY.fullmatch(since):
                next_day = datetime.fromisoformat(since).replace(tzinfo=UTC) + timedelta(days=1)
                self._commits[since] = self._trend.commit_before(int(next_day.timestamp()))
            else:
                try:
                    self._commits[since] = self._resolve(since)
                except GitError:
                    self._commits[since] = None
        return self._commits[since]

    def _why_unknown(self, since: str, commit: str | None) -> str:
        if commit is None and _DAY.fullmatch(since):
            return "the size history has no record up to that day"
        if commit is None:
            return "the repository has no such tag or commit"
        if not self._trend.has(commit):
            return f"the size history has no run of {commit[:12]}"
        return f"the size history has no size at {commit[:12]}"


def latest_points(trend: Trend, name: str, head_sha: str | None) -> tuple[Point, ...]:
    """The latest sizes of an image on the default branch, oldest first, without the commit `head_sha`."""
    return tuple([point for point in trend.points(name) if point.commit != head_sha][-MAXIMUM_POINTS:])


def ratchet_notes(images: Sequence[ImageResult]) -> tuple[str, ...]:
    """One note for each ratchet that was not checked."""
    return tuple(
        f"{image.name}: its limit {one.ratchet.max_increase} since {one.ratchet.since} was not checked: {one.reason}"
        for image in images
        if (one := image.history.ratchet) is not None and one.reason is not None
    )


def record_of(planned: Planned, results: Mapping[str, ImageResult], request: DiffRequest) -> Record | None:
    """The record of this run; ``None`` if head is not on the default branch, or if only some images were requested."""
    if request.image_globs or planned.head.sha is None or not is_on_default_branch(planned, request):
        return None
    affected = [plan for plan in planned.plans if is_built(plan, all_images=request.all_images)]
    return Record(
        commit=planned.head.sha,
        base=planned.base.sha,
        committed_at=committed_at(planned.repository, planned.head.sha),
        images={plan.name: _figure(results.get(plan.name)) for plan in affected if plan.head is not None},
    )


def record_of_report(report: Report, repository: Repository) -> Record:
    """The record of a complete report. Raises GitError if its commit is not in the repository."""
    sha = resolve_commit(repository, report.head.sha if report.head and report.head.sha else "HEAD")
    return Record(
        commit=sha,
        base=report.base.sha if report.base else None,
        committed_at=committed_at(repository, sha),
        images={
            image.name: _figure(image)
            for image in report.images
            if image.head is not None or image.failures or image.status is Status.SKIPPED
        },
    )


def _figure(image: ImageResult | ImageReport | None) -> Figure | None:
    """The sizes of an image's head; ``None`` if it was not weighed."""
    if image is None or image.head is None or image.status is Status.FAILED:
        return None
    return Figure(
        unpacked_bytes=image.head.unpacked_bytes,
        download_bytes=image.head.download_bytes,
        build_seconds=image.build_seconds,
    )


def committed_at(repository: Repository, commit: str) -> int:
    """The time of a commit, in seconds of Unix time. Raises GitError."""
    answer = call_git(repository, ["show", "--no-patch", "--format=%ct", "--end-of-options", commit])
    return int(answer.split()[-1])


def is_on_default_branch(planned: Planned, request: DiffRequest) -> bool:
    """True if head is a commit of the default branch, from the request or from git."""
    if request.known.is_on_default_branch is not None:
        return request.known.is_on_default_branch
    try:
        tip = resolve_commit(planned.repository, default_branch(planned.repository))
        return merge_base(planned.repository, tip, str(planned.head.sha)) == planned.head.sha
    except GitError:
        return False
