"""Publishes the check run with summary and annotations, with fallbacks if ``checks: write`` is missing."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from github.CheckRun import CheckRun
from github.Repository import Repository

from weighbridge.github.annotation import Annotation
from weighbridge.github.client import Calls, GitHubError
from weighbridge.github.plain_text import cut_bytes, printable_line, sentence
from weighbridge.github.workflow_commands import annotation_lines

MAXIMUM_SUMMARY_CHARACTERS = 65_535
ANNOTATIONS_A_CALL = 50
MAXIMUM_ANNOTATION_BYTES = 64 * 1024
MAXIMUM_TITLE_CHARACTERS = 255
PERMISSION = "checks: write"

_CUT = "\n\n_Cut: a check's summary may have 65,535 characters._\n"


class Conclusion(enum.StrEnum):
    """The conclusion of a check. A check without work ends in `SUCCESS`: a required check never stays pending."""

    SUCCESS = "success"
    FAILURE = "failure"
    NEUTRAL = "neutral"


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckRequest:
    """The check to publish on `head_sha`: the pull request's head, because users do not see its merge commit."""

    name: str
    head_sha: str
    conclusion: Conclusion
    title: str
    summary: str
    annotations: tuple[Annotation, ...] = ()
    details_url: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckOutcome:
    """The check run's address (``None`` without a check run), and the annotations that it does not contain."""

    url: str | None
    annotations_left: tuple[Annotation, ...]
    warnings: tuple[str, ...] = ()


def publish_check(repository: Repository, request: CheckRequest, *, calls: Calls) -> CheckOutcome:
    """Publish the check run as completed, and add its annotations in batches of 50. Never raises."""
    placed = tuple(annotation for annotation in request.annotations if annotation.path)
    homeless = tuple(annotation for annotation in request.annotations if not annotation.path)
    batches = [placed[start : start + ANNOTATIONS_A_CALL] for start in range(0, len(placed), ANNOTATIONS_A_CALL)]
    try:
        # If the answer is lost, this runs twice and creates the check twice: GitHub uses the newest.
        check, url = calls.run(
            "publish the check run",
            lambda: _create(repository, request, batches[0] if batches else ()),
            permission=PERMISSION,
        )
    except GitHubError as error:
        return CheckOutcome(url=None, annotations_left=request.annotations, warnings=(sentence(error),))
    for index, batch in enumerate(batches[1:], start=1):
        try:
            calls.run("add annotations to the check run", partial(_add, check, request, batch), permission=PERMISSION)
        except GitHubError as error:
            left = tuple(annotation for rest in batches[index:] for annotation in rest)
            return CheckOutcome(url=url, annotations_left=(*left, *homeless), warnings=(sentence(error),))
    return CheckOutcome(url=url, annotations_left=homeless)


def annotate(
    repository: Repository | None,
    request: CheckRequest,
    *,
    calls: Calls,
    write_line: Callable[[str], None],
    in_actions: bool,
) -> CheckOutcome:
    """Publish the annotations in the best available way: check run, otherwise workflow commands, otherwise log lines.

    Without a `repository` (no token, or check runs are disabled) no call is made. Never raises for GitHub's errors.
    """
    if repository is None:
        outcome = CheckOutcome(url=None, annotations_left=request.annotations)
    else:
        outcome = publish_check(repository, request, calls=calls)
    for line in annotation_lines(outcome.annotations_left, in_actions=in_actions):
        write_line(line)
    return outcome


def _create(repository: Repository, request: CheckRequest, batch: Sequence[Annotation]) -> tuple[CheckRun, str]:
    optional: dict[str, Any] = {} if request.details_url is None else {"details_url": request.details_url}
    check = repository.create_check_run(
        name=printable_line(request.name, maximum_characters=100),
        head_sha=request.head_sha,
        status="completed",
        conclusion=request.conclusion.value,
        output=_output(request, batch),
        **optional,
    )
    return check, check.html_url


def _add(check: CheckRun, request: CheckRequest, batch: Sequence[Annotation]) -> None:
    check.edit(output=_output(request, batch))


def _output(request: CheckRequest, batch: Sequence[Annotation]) -> dict[str, Any]:
    # The limit is in characters; the cut counts bytes, which are never fewer. The report repeats most of the text.
    return {
        "title": printable_line(request.title, maximum_characters=MAXIMUM_TITLE_CHARACTERS),
        "summary": cut_bytes(request.summary, MAXIMUM_SUMMARY_CHARACTERS, note=_CUT) or " ",
        "annotations": [
            {
                "path": annotation.path,
                "start_line": annotation.start_line,
                "end_line": annotation.end_line,
                "annotation_level": annotation.level.value,
                "title": printable_line(annotation.title, maximum_characters=MAXIMUM_TITLE_CHARACTERS),
                "message": cut_bytes(annotation.message, MAXIMUM_ANNOTATION_BYTES, note="…") or " ",
            }
            for annotation in batch
        ],
    }
