"""Beside the comparison: what images weighed before, since when a limit counts, what is recorded of this run."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from weighbridge.domain.gate.verdict import Limits, Ratchet
from weighbridge.domain.size_history import Figure, Record, Trend
from weighbridge.errors import GitError
from weighbridge.plan.git import Repository, call_git, default_branch, merge_base, resolve_commit
from weighbridge.plan.shares import is_built
from weighbridge.report.assemble import text
from weighbridge.report.model import HistoryPoint, ImageReport, RatchetReport, Report, Status
from weighbridge.run.build import Built
from weighbridge.run.plan import Planned
from weighbridge.run.request import DiffRequest, Tools
from weighbridge.size_history.branch import read_branch
from weighbridge.size_history.file import HistoryFile
from weighbridge.size_history.lines import read_lines

MAXIMUM_POINTS = 24
"""So many sizes of an image go into a report, the newest."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class History:
    """The history of the repository that a run is about: that of the cache folder and of the data branch together."""

    def __init__(self, file: HistoryFile, trend: Trend, resolve: Callable[[str], str]) -> None:
        self._file = file
        self._trend = trend
        self._ratchets = Ratchets(trend, resolve)

    def told(self, image: ImageReport, limits: Limits, head_sha: str | None) -> ImageReport:
        """`image` with its last sizes but for that of head, and with what it weighed where its ratchet begins."""
        return self._ratchets.told(with_history(image, self._trend, head_sha), limits.ratchet)

    def keep(self, record: Record | None) -> None:
        """Add this run to the cache folder's history."""
        if record is not None:
            self._file.append(record)


def open_history(repository: Repository, request: DiffRequest, tools: Tools) -> History:
    """See `History`. What is no line of a history is counted, and said."""
    file = HistoryFile(tools.cache_folder, request.known.name or repository_identity(repository))
    trend, refused = read_history(file, repository, request.config.history.branch)
    if refused:
        tools.progress.warn(f"{refused} lines of the history are not valid, and are not used")
    return History(file, trend, request.known.resolve or functools.partial(resolve_commit, repository))


def read_history(file: HistoryFile, repository: Repository, branch: str | None) -> tuple[Trend, int]:
    """What a file and a data branch, if there is one, hold together; and how many lines are none."""
    texts = [read_lines(file.read())]
    if branch is not None:
        texts.append(read_lines(read_branch(repository, branch)))
    return Trend(record for one in texts for record in one.records), sum(one.refused for one in texts)


def known_build_seconds(planned: Planned, request: DiffRequest, cache_folder: Path) -> dict[str, float]:
    """What building each image of a plan took the last time that the history knows."""
    file = HistoryFile(cache_folder, request.known.name or repository_identity(planned.repository))
    trend, _ = read_history(file, planned.repository, request.config.history.branch)
    known = {plan.name: trend.build_seconds(plan.name) for plan in planned.plans}
    return {name: seconds for name, seconds in known.items() if seconds is not None}


def repository_identity(repository: Repository) -> str:
    """What a repository is called wherever it is checked out: origin's URL without credentials, else its folder."""
    try:
        url = call_git(repository, ["config", "--get", "remote.origin.url"])
    except GitError:
        url = ""
    return re.sub(r"//[^/@]*@", "//", url) or str(repository.root)


class Ratchets:
    """Where ratchets begin. A revision or a day is looked up once, however many images have it."""

    def __init__(self, trend: Trend, resolve: Callable[[str], str]) -> None:
        """`resolve` answers the commit of a revision, and raises GitError for one that is not known."""
        self._trend = trend
        self._resolve = resolve
        self._commits: dict[str, str | None] = {}

    def told(self, image: ImageReport, ratchet: Ratchet | None) -> ImageReport:
        """`image` with what it weighed where its ratchet begins, or with why that is not known."""
        if ratchet is None or image.head is None:
            return image
        commit = self._commit(ratchet.since)
        figure = self._trend.at(image.name, commit) if commit is not None else None
        reason = None
        if figure is None:
            reason = self._why_unknown(ratchet.since, commit)
        return replace(
            image,
            ratchet=RatchetReport(
                since=text(ratchet.since),
                limit=str(ratchet.max_increase),
                commit=commit,
                baseline_bytes=figure.unpacked_bytes if figure is not None else None,
                reason=reason,
            ),
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
        if commit is None:
            return "nothing was recorded up to then" if _DAY.fullmatch(since) else "there is no such tag or commit here"
        if not self._trend.has(commit):
            return f"the history has no run of {commit[:12]}"
        return f"the history does not say what it weighed at {commit[:12]}"


def with_history(image: ImageReport, trend: Trend, head_sha: str | None) -> ImageReport:
    """`image` with its last sizes on the default branch; of an image that was not weighed nothing is told."""
    if image.head is None:
        return image
    points = [point for point in trend.points(image.name) if point.commit != head_sha][-MAXIMUM_POINTS:]
    return replace(
        image,
        history=tuple(
            HistoryPoint(commit=one.commit, at=_iso(one.committed_at), unpacked_bytes=one.figure.unpacked_bytes)
            for one in points
        ),
    )


def ratchet_notes(images: Sequence[ImageReport]) -> tuple[str, ...]:
    """Which limits could not be checked, an image each."""
    return tuple(
        f"{image.name}: its limit {one.limit} since {one.since} was not checked: {one.reason}"
        for image in images
        if (one := image.ratchet) is not None and one.reason is not None
    )


def build_seconds(sides: Sequence[object]) -> float | None:
    """What the builds of both sides took together; ``None`` where nothing was built."""
    seconds = [side.seconds for side in sides if isinstance(side, Built)]
    return round(sum(seconds), 1) if seconds else None


def record_of(planned: Planned, reports: Mapping[str, ImageReport], request: DiffRequest) -> Record | None:
    """What is to be recorded of this run: ``None`` where head is not on the default branch, or not all was planned."""
    if request.image_globs or planned.head.sha is None or not _is_recorded(planned, request):
        return None
    affected = [plan for plan in planned.plans if is_built(plan, all_images=request.all_images)]
    return Record(
        commit=planned.head.sha,
        base=planned.base.sha,
        committed_at=committed_at(planned.repository, planned.head.sha),
        images={plan.name: figure_of(reports.get(plan.name)) for plan in affected if plan.head is not None},
    )


def record_of_report(report: Report, repository: Repository) -> Record:
    """What is to be recorded of a whole report. Raises GitError where its commit is not here."""
    sha = resolve_commit(repository, report.head.sha if report.head and report.head.sha else "HEAD")
    return Record(
        commit=sha,
        base=report.base.sha if report.base else None,
        committed_at=committed_at(repository, sha),
        images={
            image.name: figure_of(image)
            for image in report.images
            if image.head is not None or image.failures or image.status is Status.SKIPPED
        },
    )


def figure_of(image: ImageReport | None) -> Figure | None:
    """What an image weighs as its head was weighed; ``None`` where it was not."""
    if image is None or image.head is None or image.status is Status.FAILED:
        return None
    return Figure(
        unpacked_bytes=image.head.unpacked_bytes,
        download_bytes=image.head.download_bytes,
        build_seconds=image.build_seconds,
    )


def committed_at(repository: Repository, commit: str) -> int:
    """When a commit was made, in seconds of Unix time. Raises GitError."""
    answer = call_git(repository, ["show", "--no-patch", "--format=%ct", "--end-of-options", commit])
    return int(answer.split()[-1])


def _is_recorded(planned: Planned, request: DiffRequest) -> bool:
    """True where head is a commit of the default branch: as the caller knows it, else as git says."""
    if request.known.is_on_default_branch is not None:
        return request.known.is_on_default_branch
    try:
        tip = resolve_commit(planned.repository, default_branch(planned.repository))
        return merge_base(planned.repository, tip, str(planned.head.sha)) == planned.head.sha
    except GitError:
        return False


def _iso(time_seconds: int) -> str:
    return datetime.fromtimestamp(time_seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
