"""The second workflow for forks: posts the report of another run, which had a read-only token (docs/forks.md)."""

from __future__ import annotations

from weighbridge.action.publish import (
    SUMMARY_CHARACTERS,
    bring_comment_up_to_date,
    links_of,
    nothing_to_do,
    write_outputs,
)
from weighbridge.action.session import Run, connect_api
from weighbridge.errors import ExitCode, UsageError
from weighbridge.github.comment import CommentAction
from weighbridge.github.event import WorkflowRunEvent
from weighbridge.github.fork import UntrustedRunError, download_artifact, take_over_report
from weighbridge.github.override import read_override
from weighbridge.github.workflow_commands import write_output, write_summary
from weighbridge.report.markdown import render_markdown
from weighbridge.report.verdict import exit_code_of, with_override


def post_report(run: Run) -> ExitCode:
    """Post the report of a run that had a read-only token. Never checks out or runs code of a pull request."""
    inputs, event, environment, log = run.inputs, run.event, run.environment, run.log
    if not isinstance(event, WorkflowRunEvent):
        raise UsageError("mode: post needs `on: workflow_run` (docs/forks.md).")
    trusted = environment.get("GITHUB_REPOSITORY", "")
    api = connect_api(inputs, trusted, environment)
    if api is None:
        raise UsageError("mode: post needs a `token` with pull-requests: write and actions: read.")
    if event.run_event != "pull_request":
        return nothing_to_do(f"the run was for the event {event.run_event}", environment, log)
    try:
        archive = download_artifact(
            api.repository,
            event.run_id,
            name=inputs.artifact,
            token=api.token,
            calls=api.calls,
            api_url=api.api_url,
        )
        taken = take_over_report(api.repository, event, archive, trusted_repository=trusted, calls=api.calls)
    except UntrustedRunError as error:
        log.warn(str(error))
        return nothing_to_do("the run has no report to post", environment, log)
    # The override comes from the API and not from the report, because the pull request can change the report.
    report = with_override(taken.report, None)
    if inputs.override_label is not None and not report.verdict.passed:
        outcome = read_override(api.repository, taken.number, label=inputs.override_label, calls=api.calls)
        for warning in outcome.warnings:
            log.warn(warning)
        report = with_override(report, outcome.override)
    write_outputs(report, exit_code_of(report), environment)
    links = links_of(report, run)
    write_summary(environment, render_markdown(report, maximum_characters=SUMMARY_CHARACTERS, links=links))
    posted = bring_comment_up_to_date(report, run, api, number=taken.number, head_sha=taken.head_sha, from_fork=False)
    write_output(environment, "comment-url", posted.url or "")
    # This run only posts. The verdict in the report belongs to the other run.
    return ExitCode.UNAVAILABLE if posted.action is CommentAction.FAILED else ExitCode.PASSED
