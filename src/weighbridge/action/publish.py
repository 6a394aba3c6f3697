"""Publishes a report: report files, outputs, job summary, log, annotations, and last the comment.

The report has the verdict, and nothing here changes it. A refusal by GitHub is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

import msgspec
from rich.console import Console

from weighbridge.action.inputs import CheckRun, Inputs
from weighbridge.action.override_label import OverrideDecision, find_override
from weighbridge.action.session import Api, Run
from weighbridge.action.workspace import folder_inside
from weighbridge.domain.lines import lines_of
from weighbridge.domain.result.run import RunResult
from weighbridge.errors import ExitCode, MachineError, UsageError, worst
from weighbridge.github.annotation import annotations_of
from weighbridge.github.checks import CheckRequest, Conclusion, annotate
from weighbridge.github.client import Calls
from weighbridge.github.comment import (
    STAMP_CHARACTERS,
    CommentAction,
    CommentMode,
    CommentOutcome,
    CommentRequest,
    post_comment,
)
from weighbridge.github.event import Event, MergeGroupEvent, PullRequestEvent, PushEvent, WorkflowRunEvent
from weighbridge.github.log import ActionLog
from weighbridge.github.suggestions import sync_suggestions
from weighbridge.github.tip_suggestions import suggestions_of
from weighbridge.github.workflow_commands import write_output, write_summary
from weighbridge.progress.text import error_line
from weighbridge.report.assemble import assemble
from weighbridge.report.html import render_html
from weighbridge.report.markdown import MAXIMUM_COMMENT_CHARACTERS, ReportLinks, render_markdown
from weighbridge.report.model import Report, Status, encode_report
from weighbridge.report.push_state import hidden_state, previous_push, state_of
from weighbridge.report.terminal import render_table
from weighbridge.report.verdict import exit_code_of, with_override
from weighbridge.report.view.limits import is_small
from weighbridge.report.view.reason import verdict_sentence
from weighbridge.report.whole_file import write_whole

SUMMARY_CHARACTERS = 300_000
"""Below GitHub's limit of 1 MiB for a step's summary, also in UTF-8."""
_CHECK_CHARACTERS = 20_000
_TABLE_COLUMNS = 120
_SERVER = re.compile(r"https?://[A-Za-z0-9.:-]{1,255}")
_REPOSITORY = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}", re.ASCII)
_FORK_HINT = (
    "Pull requests from forks run with a read-only token. Add the workflow of docs/forks.md to comment on them."
)


class Publication:
    """Publishes the report of one run: first with the verdict, then again with the tips.

    `override_label` is the label that overrides a failed gate. It is looked up once.
    """

    def __init__(self, run: Run, api: Api | None, workspace: Path, *, override_label: str | None) -> None:
        self._run = run
        self._api = api
        self._workspace = workspace
        self._label = override_label
        self._override: OverrideDecision | None = None
        self._pending: RunResult | None = None
        self._may_comment = True
        self.code: ExitCode | None = None

    def publish(self, result: RunResult) -> Report:
        """Publish a result with its verdict. Raises UsageError if the runner's files cannot be written."""
        self._pending = result if result.tips_pending else None
        return self.publish_report(assemble(result))

    def publish_report(self, report: Report) -> Report:
        """Publish a report in every configured way. Raises UsageError as `publish` does."""
        run, report = self._run, self._overridden(report)
        self.code = exit_code_of(report)
        try:
            write_report(report, run.inputs, self._workspace, run.environment)
        except UsageError as error:  # the report still goes to outputs, summary and comment
            run.log.error(error_line(error))
            self.code = worst([self.code, error.exit_code])
        write_outputs(report, self.code, run.environment)
        write_summary(run.environment, self._summary(report))
        _show_table(report, run.log)
        _publish_annotations(report, self.code, run, self._api)
        self._comment(report)
        run.log.step(verdict_sentence(report))
        return report

    def update(self, result: RunResult) -> None:
        """Publish the tips: report files, summary, comment and suggestions. Outputs and verdict do not change.

        Raises UsageError if the runner's files cannot be written.
        """
        self._pending = None
        run, report = self._run, self._overridden(assemble(result))
        write_report(report, run.inputs, self._workspace, run.environment)
        write_summary(run.environment, self._summary(report), replaces=True)
        _show_table(report, run.log)
        self._comment(report)
        run.log.step(verdict_sentence(report))

    def end_pending(self, reason: str) -> None:
        """Edit the comment: the tips are no longer pending. `reason` explains why they were not measured."""
        if self._pending is not None:
            self.update(self._pending.without_tips(reason))

    def _summary(self, report: Report) -> str:
        return render_markdown(report, maximum_characters=SUMMARY_CHARACTERS, links=links_of(report, self._run))

    def _overridden(self, report: Report) -> Report:
        if self._override is None:
            self._override = find_override(report, self._label, self._run.event, self._api, self._run.log)
        return with_override(report, self._override.override, self._override.notes)

    def _comment(self, report: Report) -> None:
        url = ""
        if self._may_comment and isinstance(event := self._run.event, PullRequestEvent):
            posted = bring_comment_up_to_date(
                report, self._run, self._api, number=event.number, head_sha=event.head_sha, from_fork=event.from_fork
            )
            url, self._may_comment = posted.url or "", not posted.is_forbidden
            if not report.tips_pending:
                _suggest(report, self._run, self._api, event)
        write_output(self._run.environment, "comment-url", url)


def publish_part(report: Report, run: Run, workspace: Path) -> ExitCode:
    """Publish one part of a report. This job passes; the job that merges the parts fails if a part is missing.

    Raises UsageError if the runner's own files cannot be written.
    """
    write_report(report, run.inputs, workspace, run.environment)
    write_outputs(report, exit_code_of(report), run.environment)
    _show_table(report, run.log)
    run.log.step("This is one part of the report. The job that merges the parts computes the verdict.")
    return ExitCode.PASSED


def nothing_to_do(why: str, environment: Mapping[str, str], log: ActionLog) -> ExitCode:
    """Pass a job that has nothing to weigh or to post, because a required check must not stay pending."""
    log.step(f"Nothing to do: {why}")
    write_output(environment, "verdict", "nothing-to-do")
    write_output(environment, "changed", "[]")
    return ExitCode.PASSED


def write_report(report: Report, inputs: Inputs, workspace: Path, environment: Mapping[str, str]) -> None:
    """Write ``report.json`` and ``report.html``. Raises UsageError if they cannot be written."""
    folder = folder_inside(workspace, inputs.report, "report")
    contents = {"report.json": encode_report(report), "report.html": render_html(report)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            # An existing file may be a symlink from the pull request.
            (folder / name).unlink(missing_ok=True)
            write_whole(folder / name, content)
    except MachineError as error:
        raise UsageError(str(error)) from error
    except OSError as error:
        raise UsageError(f"report: {inputs.report} cannot be written: {error.strerror}.") from error
    relative = folder.relative_to(workspace).as_posix()
    write_output(environment, "report", f"{relative}/report.json")
    write_output(environment, "report-html", f"{relative}/report.html")


def write_outputs(report: Report, code: ExitCode, environment: Mapping[str, str]) -> None:
    """Write the outputs of the Action from the report."""
    changed = [image for image in report.images if image.status not in {Status.UNCHANGED, Status.SKIPPED}]
    deltas = [image.delta.unpacked_bytes for image in report.images]
    known = [delta for delta in deltas if delta is not None]
    listed = [
        {"name": image.name, "status": image.status.value, "delta_bytes": image.delta.unpacked_bytes}
        for image in changed
    ]
    values = {
        "verdict": _verdict_word(report, code),
        "changed": msgspec.json.encode(listed).decode(),
        # Unknown is not zero: one unweighed image makes the sum unknown.
        "delta-bytes": str(sum(known)) if len(known) == len(deltas) else "",
        "base-sha": (report.base.sha if report.base else None) or "",
        "head-sha": (report.head.sha if report.head else None) or "",
    }
    for name, value in values.items():
        write_output(environment, name, value)


def _verdict_word(report: Report, code: ExitCode) -> str:
    if report.verdict.passed:
        return "passed"
    return "overridden" if code is ExitCode.PASSED else "failed"


def _show_table(report: Report, log: ActionLog) -> None:
    console = Console(file=StringIO(), width=_TABLE_COLUMNS, record=True)
    render_table(report, console)
    log.block("report", lines_of(console.export_text()))


def _publish_annotations(report: Report, code: ExitCode, run: Run, api: Api | None) -> None:
    inputs, log = run.inputs, run.log
    wanted = api is not None and inputs.check_run is not CheckRun.NEVER
    outcome = annotate(
        api.repository if api is not None and wanted else None,
        CheckRequest(
            name="Weighbridge" if inputs.comment_key == "default" else f"Weighbridge ({inputs.comment_key})",
            head_sha=_commented_sha(run.event, report),
            conclusion=Conclusion.SUCCESS if code is ExitCode.PASSED else Conclusion.FAILURE,
            title=verdict_sentence(report),
            summary=render_markdown(report, maximum_characters=_CHECK_CHARACTERS, links=links_of(report, run)),
            annotations=annotations_of(report),
            details_url=_run_url(run.environment),
        ),
        calls=api.calls if api is not None else Calls(),
        write_line=log.command_line,
        in_actions=True,
    )
    for warning in outcome.warnings:
        (log.warn if inputs.check_run is CheckRun.ALWAYS else log.step)(warning)


def _commented_sha(event: Event, report: Report) -> str:
    """The commit that users see: a pull request's head, not the weighed merge commit."""
    match event:
        case PullRequestEvent() | MergeGroupEvent() | WorkflowRunEvent():
            return event.head_sha
        case PushEvent():
            return event.after_sha or ""
        case _:
            return (report.head.sha if report.head else None) or event.head_sha


def links_of(report: Report, run: Run) -> ReportLinks:
    """The links of this run's comment. All addresses come from the runner's environment."""
    repository = _repository_url(run.environment)
    # A run that posts for another one links to that run, because it has the report.
    weighed = f"{repository}/actions/runs/{run.event.run_id}" if isinstance(run.event, WorkflowRunEvent) else None
    return ReportLinks(
        repository_url=repository,
        run_url=weighed if repository is not None and weighed is not None else _run_url(run.environment),
        head_sha=_commented_sha(run.event, report) or None,
        base_sha=report.base.sha if report.base else None,
    )


def _repository_url(environment: Mapping[str, str]) -> str | None:
    server, name = environment.get("GITHUB_SERVER_URL", "").rstrip("/"), environment.get("GITHUB_REPOSITORY", "")
    return f"{server}/{name}" if _SERVER.fullmatch(server) and _REPOSITORY.fullmatch(name) else None


def _run_url(environment: Mapping[str, str]) -> str | None:
    repository, run = _repository_url(environment), environment.get("GITHUB_RUN_ID", "")
    return f"{repository}/actions/runs/{run}" if repository is not None and run.isdecimal() else None


def bring_comment_up_to_date(
    report: Report, run: Run, api: Api | None, *, number: int, head_sha: str, from_fork: bool
) -> CommentOutcome:
    """Update the comment (best effort)."""
    inputs, log = run.inputs, run.log
    if api is None:
        log.step("No comment: the input `token` is empty.")
        return CommentOutcome(action=CommentAction.SKIPPED, reason="no token")
    small = is_small(report)
    outcome = post_comment(
        api.client,
        api.repository,
        number,
        CommentRequest(
            render=lambda replaced: _comment_body(report, run, head_sha, replaced),
            key=inputs.comment_key,
            head_sha=head_sha,
            # Below `comment.above` no comment is made, but one that is there is brought up to date.
            mode=CommentMode.CHANGES if small and inputs.comment is CommentMode.ALWAYS else inputs.comment,
            has_changes=not small
            and any(image.status not in {Status.UNCHANGED, Status.SKIPPED} for image in report.images),
            has_failures=not report.verdict.passed,
            hide_when_resolved=inputs.hide_resolved,
            started_ms=run.started_ms,
        ),
        calls=api.calls,
    )
    for warning in outcome.warnings:
        (log.step if from_fork else log.warn)(warning)
    if from_fork and outcome.action is CommentAction.FAILED:
        log.notice(_FORK_HINT)
    elif outcome.reason is not None and outcome.action is not CommentAction.FAILED:
        log.step(f"Comment {outcome.action.value}: {outcome.reason}")
    elif outcome.url is not None:
        log.step(f"Comment {outcome.action.value}: {outcome.url}")
    return outcome


def _comment_body(report: Report, run: Run, head_sha: str, replaced: str | None) -> str:
    """The comment, with what changed since the push of the `replaced` comment, and the hidden state for the next."""
    push, previous = state_of(report, head_sha), previous_push(replaced, head_sha)
    hidden = hidden_state(push, previous)
    body = render_markdown(
        report,
        key=run.inputs.comment_key,
        maximum_characters=MAXIMUM_COMMENT_CHARACTERS - STAMP_CHARACTERS - len(hidden),
        links=links_of(report, run),
        push=push,
        previous=previous,
    )
    return body.rstrip() + hidden


def _suggest(report: Report, run: Run, api: Api | None, event: PullRequestEvent) -> None:
    """Update the suggested changes, if the token can have the permission."""
    if api is None or event.from_fork or run.inputs.suggestions == 0 or run.inputs.comment is CommentMode.NEVER:
        return
    outcome = sync_suggestions(
        api.client,
        api.repository,
        event.number,
        suggestions_of(report),
        key=run.inputs.comment_key,
        head_sha=event.head_sha,
        calls=api.calls,
        maximum=run.inputs.suggestions,
    )
    for warning in outcome.warnings:
        run.log.warn(warning)
    if outcome.posted or outcome.kept or outcome.removed:
        run.log.step(
            f"Suggested changes: {outcome.posted} new, {outcome.kept} as before, {outcome.removed} outdated and removed"
        )
