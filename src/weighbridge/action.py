"""What the Action runs, from top to bottom: what happened, which commits, weigh, decide, report, and only then post.

The verdict comes from the report alone and is decided before the first thing is posted. What GitHub refuses becomes a
warning and changes neither outputs nor exit code.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Protocol, TextIO, assert_never
from urllib.parse import urlsplit

import msgspec
from github import Github
from github.Repository import Repository as GitHubRepository
from rich.console import Console

from weighbridge.action_inputs import CheckRun, Inputs, Mode, read_inputs, secret_values
from weighbridge.config import DEFAULT_CONFIG, MAXIMUM_CONFIG_BYTES, Config, parse_config
from weighbridge.domain.verdict import Limits
from weighbridge.errors import ConfigError, ExitCode, UsageError, WeighbridgeError
from weighbridge.github.annotation import annotations_of
from weighbridge.github.checks import CheckRequest, Conclusion, annotate
from weighbridge.github.client import DEFAULT_API_URL, Calls, connect
from weighbridge.github.comment import CommentAction, CommentOutcome, CommentRequest, post_comment
from weighbridge.github.event import (
    CompareCommits,
    CompareFirstParent,
    CompareMergeBase,
    Event,
    MergeGroupEvent,
    NothingToCompare,
    PullRequestEvent,
    PushEvent,
    WorkflowRunEvent,
    choose_comparison,
    read_event,
)
from weighbridge.github.fork import UntrustedRunError, download_artifact, take_over_report
from weighbridge.github.log import ActionLog
from weighbridge.github.override import OverrideOutcome, read_override
from weighbridge.github.workflow_commands import write_output, write_summary
from weighbridge.plan.fetch import History, Remote, borrowed_history
from weighbridge.plan.git import (
    EntryType,
    Repository,
    list_tree,
    open_repository,
    parents,
    read_blobs,
    resolve_commit,
)
from weighbridge.progress import Progress
from weighbridge.report.assemble import exit_code_of
from weighbridge.report.html import render_html
from weighbridge.report.markdown import render_markdown
from weighbridge.report.model import Report, Revision, Status, encode_report
from weighbridge.report.terminal import render_table
from weighbridge.report.units import format_delta
from weighbridge.weigh import DiffRequest, Tools, weigh_range

_SUMMARY_CHARACTERS = 300_000
"""Less than 1 MiB in UTF-8, which is what a step's summary may have."""
_CHECK_CHARACTERS = 20_000
_TABLE_COLUMNS = 120
_QUEUE_REF = re.compile(r"refs/heads/gh-readonly-queue/.+/pr-([1-9][0-9]{0,9})-[0-9a-f]{40,64}")
_FORK_HINT = (
    "Pull requests from forks run with a token that may only read: docs/forks.md has the workflow that comments."
)


class MakeTools(Protocol):
    """Constructs the clients; given by the entry point."""

    def __call__(
        self, *, progress: Progress, platform: str | None, cache_dir: Path | None, environment: Mapping[str, str]
    ) -> AbstractContextManager[Tools]:
        """The tools for one run, closed at its end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """What this run was given, and where it speaks."""

    inputs: Inputs
    event: Event
    environment: Mapping[str, str]
    log: ActionLog


@dataclass(frozen=True, kw_only=True, slots=True)
class _GitHub:
    """The API as this run may use it."""

    client: Github
    repository: GitHubRepository
    calls: Calls
    token: str
    api_url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sides:
    """The two commits to compare, both present in the history."""

    base: Revision
    base_sha: str
    head: Revision
    head_sha: str


def run_action(environment: Mapping[str, str], *, make_tools: MakeTools, stream: TextIO) -> ExitCode:
    """Run the Action as `environment` describes it; everything is said on `stream`. The exit code is the CLI's."""
    log = ActionLog(stream)
    try:
        for secret in secret_values(environment):
            log.mask(secret)
        inputs = read_inputs(environment)
        run = _Run(inputs=inputs, event=read_event(environment), environment=environment, log=log)
        if inputs.mode is Mode.POST:
            return _post(run)
        return _weigh(run, make_tools)
    except WeighbridgeError as error:
        # Said here and not at the top: the text may hold names that the runner would obey.
        write_output(environment, "verdict", "error")
        log.error(str(error))
        return error.exit_code
    finally:
        log.close()


# --- weigh --------------------------------------------------------------------------------------------------------


def _weigh(run: _Run, make_tools: MakeTools) -> ExitCode:
    inputs, event, environment, log = run.inputs, run.event, run.environment, run.log
    if isinstance(event, WorkflowRunEvent):
        raise UsageError("workflow_run: nothing is built here. Set `mode: post` (docs/forks.md).")
    workspace_path = Path(environment.get("GITHUB_WORKSPACE") or ".").resolve()
    workspace = open_repository(workspace_path, trust_owner=True)
    checked_out = resolve_commit(workspace, "HEAD")
    comparison = choose_comparison(
        event, checked_out_sha=checked_out, checked_out_parents=parents(workspace, checked_out)
    )
    if inputs.base_ref is not None and not isinstance(comparison, NothingToCompare):
        comparison = CompareMergeBase(
            base_ref=inputs.base_ref,
            base_sha=None,
            head_ref=comparison.head_ref,
            head_sha=comparison.head_sha,
            why="compared with the merge base with `base-ref`",
        )
    if isinstance(comparison, NothingToCompare):
        return _nothing_to_do(comparison.why, environment, log)
    log.step(comparison.why)
    with _open_history(workspace, inputs, event, environment) as history:
        sides = _sides(history, comparison)
        log.step(f"base is {sides.base.ref}, head is {sides.head.ref}")
        cache_dir = _cache_dir(inputs, workspace_path, history, sides.head_sha)
        config, notes = _config(inputs, event, history.repository, sides)
        with (
            _private_files(inputs) as (secret_files, docker_settings),
            make_tools(
                progress=log,
                platform=inputs.platform,
                cache_dir=cache_dir,
                # The inputs hold secrets, which no child needs to have.
                environment={name: value for name, value in environment.items() if not name.startswith("INPUT_")}
                | docker_settings,
            ) as tools,
        ):
            report = weigh_range(
                DiffRequest(
                    repo=history.repository.root,
                    base=sides.base_sha,
                    head=sides.head_sha,
                    config=config,
                    image_globs=inputs.images,
                    all_images=inputs.all_images,
                    platform=inputs.platform,
                    build_args=inputs.build_args,
                    build_timeout_seconds=inputs.build_timeout_seconds,
                    secret_files=secret_files,
                    notes=notes,
                ),
                tools,
            )
    report = replace(report, base=sides.base, head=sides.head)
    github = _connect(inputs, event.repository, environment)
    report = _with_override(report, config.override.label, event, github, log)

    # The verdict stands. From here on it is only told.
    code = exit_code_of(report)
    _write_report(report, inputs, workspace_path, environment)
    _write_outputs(report, code, environment)
    write_summary(environment, render_markdown(report, maximum_characters=_SUMMARY_CHARACTERS))
    _show_table(report, log)
    _annotate(report, code, run, github)
    comment_url = ""
    if isinstance(event, PullRequestEvent):
        posted = _comment(report, run, github, number=event.number, head_sha=event.head_sha, from_fork=event.from_fork)
        comment_url = posted.url or ""
    write_output(environment, "comment-url", comment_url)
    return code


def _nothing_to_do(why: str, environment: Mapping[str, str], log: ActionLog) -> ExitCode:
    log.step(f"Nothing to do: {why}")
    write_output(environment, "verdict", "nothing-to-do")
    write_output(environment, "changed", "[]")
    return ExitCode.PASSED


# --- commits and configuration --------------------------------------------------------------------------------------


def _open_history(
    workspace: Repository, inputs: Inputs, event: Event, environment: Mapping[str, str]
) -> AbstractContextManager[History]:
    server = environment.get("GITHUB_SERVER_URL") or "https://github.com"
    parts = urlsplit(server)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
        raise UsageError("GITHUB_SERVER_URL is not the address of a GitHub server.")
    remote = Remote(url=f"{server.rstrip('/')}/{event.repository}.git", token=inputs.token or None)
    return borrowed_history(workspace, remote, name=event.repository.rpartition("/")[2])


def _sides(history: History, comparison: CompareCommits | CompareMergeBase | CompareFirstParent) -> _Sides:
    """The two commits, fetched where they are missing."""
    history.need(comparison.head_sha)
    head = Revision(ref=comparison.head_ref, sha=comparison.head_sha)
    base_ref: str
    base_sha: str | None
    match comparison:
        case CompareCommits():
            history.need(comparison.base_sha)
            base_ref, base_sha = comparison.base_ref, comparison.base_sha
        case CompareMergeBase():
            base_ref = comparison.base_ref
            tip = comparison.base_sha or history.commit_of(comparison.base_ref)
            base_sha = history.merge_base(tip, comparison.head_sha)
            if base_sha == comparison.head_sha:
                # Head is in the base branch already: what it did is what it did to its parent.
                base_sha = history.first_parent(comparison.head_sha)
        case CompareFirstParent():
            base_ref, base_sha = f"{comparison.head_ref}~1", history.first_parent(comparison.head_sha)
        case _:
            assert_never(comparison)
    if base_sha is None:
        return _Sides(
            base=Revision(ref="nothing"), base_sha=history.empty_commit(), head=head, head_sha=comparison.head_sha
        )
    return _Sides(base=Revision(ref=base_ref, sha=base_sha), base_sha=base_sha, head=head, head_sha=comparison.head_sha)


def _config(inputs: Inputs, event: Event, repository: Repository, sides: _Sides) -> tuple[Config, tuple[str, ...]]:
    """The settings of head, with the limits of base where head is not yet accepted; and what to say about it."""
    head = _config_at(repository, sides.head_sha, inputs.config)
    notes: tuple[str, ...] = ()
    config = head or Config()
    if isinstance(event, PullRequestEvent | MergeGroupEvent) and not inputs.allow_limit_changes:
        try:
            base = _config_at(repository, sides.base_sha, inputs.config) or Config()
        except ConfigError as error:
            notes = (f"The limits are head's, because base's configuration is not valid: {error}",)
        else:
            ruled = _ruled_by(base, config)
            if _gate_of(ruled) != _gate_of(config):
                path = inputs.config or DEFAULT_CONFIG
                notes = (
                    f"{path} changes limits, checks or the override label here. What base says is in force until "
                    "the change is merged (`allow-limit-changes: true` lets it count at once).",
                )
            config = ruled
    elif inputs.config is not None and head is None:
        raise ConfigError(f"{inputs.config}: there is no such file in {sides.head_sha[:12]}")
    config = config.with_gate(
        max_increase=inputs.max_increase,
        max_size_bytes=inputs.max_size_bytes,
        max_size_text=inputs.max_size_text,
        fail_on=inputs.fail_on,
    )
    if inputs.override_label is not None:
        config = replace(config, override=replace(config.override, label=inputs.override_label))
    return config, notes


def _config_at(repository: Repository, commit: str, path: str | None) -> Config | None:
    """The configuration in `commit`; ``None`` where there is none. Raises ConfigError."""
    wanted = PurePosixPath(path or DEFAULT_CONFIG).as_posix()
    entry = next((entry for entry in list_tree(repository, commit) if entry.path == wanted), None)
    if entry is None:
        return None
    if entry.type not in {EntryType.FILE, EntryType.EXECUTABLE}:
        raise ConfigError(f"{wanted}: a {entry.type} in {commit[:12]}, not a file")
    ((_, data),) = read_blobs(repository, [entry.sha], maximum_bytes=MAXIMUM_CONFIG_BYTES)
    return parse_config(data, path=wanted)


def _ruled_by(base: Config, head: Config) -> Config:
    """What head says of images and how to find them, with everything that decides about the gate as base says it."""
    return replace(
        head,
        limits=base.limits,
        checks=base.checks,
        override=base.override,
        images={
            name: replace(image, limits=base.images[name].limits if name in base.images else Limits())
            for name, image in head.images.items()
        },
    )


def _gate_of(config: Config) -> object:
    return (
        config.limits,
        config.checks,
        config.override,
        {name: image.limits for name, image in config.images.items()},
    )


def _cache_dir(inputs: Inputs, workspace: Path, history: History, head_sha: str) -> Path | None:
    """The folder below the workspace. Raises UsageError for one that the repository's own files could fill."""
    if inputs.cache_dir is None:
        return None
    path = _inside(workspace, inputs.cache_dir, "cache-dir")
    relative = path.relative_to(workspace).as_posix()
    if any(f"{entry.path}/".startswith(f"{relative}/") for entry in list_tree(history.repository, head_sha)):
        raise UsageError(f"cache-dir: {inputs.cache_dir} is part of the repository, so a pull request could fill it.")
    return path


def _inside(workspace: Path, path: str, name: str) -> Path:
    found = (workspace / path).resolve()
    if found == workspace or not found.is_relative_to(workspace):
        raise UsageError(f"{name}: {path[:200]!r} is not a folder below the workspace.")
    return found


@contextmanager
def _private_files(inputs: Inputs) -> Iterator[tuple[dict[str, Path], dict[str, str]]]:
    """BuildKit's secrets as files, and the variable that names docker's configuration; gone at the end."""
    with tempfile.TemporaryDirectory(prefix="weighbridge-secrets-") as folder:
        files = {name: Path(folder) / f"secret-{index}" for index, name in enumerate(inputs.secrets)}
        for name, path in files.items():
            _write_private(path, inputs.secrets[name])
        settings = {}
        if inputs.docker_config is not None:
            docker = Path(folder) / "docker"
            docker.mkdir(mode=0o700)
            _write_private(docker / "config.json", inputs.docker_config)
            settings["DOCKER_CONFIG"] = str(docker)
        yield files, settings


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text, encoding="utf-8")


# --- override -------------------------------------------------------------------------------------------------------


def _connect(inputs: Inputs, repository: str, environment: Mapping[str, str]) -> _GitHub | None:
    if not inputs.token:
        return None
    api_url = environment.get("GITHUB_API_URL") or DEFAULT_API_URL
    client = connect(inputs.token, api_url=api_url)
    return _GitHub(
        client=client, repository=client.get_repo(repository), calls=Calls(), token=inputs.token, api_url=api_url
    )


def _with_override(report: Report, label: str | None, event: Event, github: _GitHub | None, log: ActionLog) -> Report:
    """The report with the override that opens its gate, if the gate is closed and somebody has put the label on."""
    number = _pull_request_number(event)
    if report.verdict.passed or label is None or number is None:
        return report
    if github is None:
        outcome = OverrideOutcome(warnings=("Without a `token` an override label cannot be read.",))
    else:
        outcome = read_override(github.repository, number, label=label, calls=github.calls)
    for warning in outcome.warnings:
        log.warn(warning)
    notes = report.notes
    if outcome.refused is not None:
        notes = (*notes, f"The label “{label}” does not open the gate: {outcome.refused}.")
    if outcome.override is not None:
        who = outcome.override
        reason = who.reason or "no reason given"
        log.step(f"The gate is opened by {who.actor} at {who.at} with the label “{who.label}”: {reason}")
    return replace(report, verdict=replace(report.verdict, override=outcome.override), notes=notes)


def _pull_request_number(event: Event) -> int | None:
    """The pull request whose label counts; for a merge queue's group the one that GitHub names the group after."""
    match event:
        case PullRequestEvent():
            return event.number
        case MergeGroupEvent():
            found = _QUEUE_REF.fullmatch(event.head_ref)
            return int(found[1]) if found else None
        case _:
            return None


# --- tell -----------------------------------------------------------------------------------------------------------


def _write_report(report: Report, inputs: Inputs, workspace: Path, environment: Mapping[str, str]) -> None:
    folder = _inside(workspace, inputs.report, "report")
    contents = {"report.json": encode_report(report), "report.html": render_html(report)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            # What lies there may be a link that the pull request brought along.
            (folder / name).unlink(missing_ok=True)
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(content)
    except OSError as error:
        raise UsageError(f"report: {inputs.report} cannot be written: {error.strerror}.") from error
    relative = folder.relative_to(workspace).as_posix()
    write_output(environment, "report", f"{relative}/report.json")
    write_output(environment, "report-html", f"{relative}/report.html")


def _write_outputs(report: Report, code: ExitCode, environment: Mapping[str, str]) -> None:
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
        # Not known is not zero: where one image could not be weighed there is no sum.
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
    log.block("report", console.export_text().splitlines())


def _annotate(report: Report, code: ExitCode, run: _Run, github: _GitHub | None) -> None:
    inputs, log = run.inputs, run.log
    wanted = github is not None and inputs.check_run is not CheckRun.NEVER
    outcome = annotate(
        github.repository if github is not None and wanted else None,
        CheckRequest(
            name="Weighbridge" if inputs.comment_key == "default" else f"Weighbridge ({inputs.comment_key})",
            head_sha=_commented_sha(run.event, report),
            conclusion=Conclusion.SUCCESS if code is ExitCode.PASSED else Conclusion.FAILURE,
            title=_title(report, code),
            summary=render_markdown(report, maximum_characters=_CHECK_CHARACTERS),
            annotations=annotations_of(report),
            details_url=_run_url(run.environment),
        ),
        calls=github.calls if github is not None else Calls(),
        write_line=log.command_line,
        in_actions=True,
    )
    for warning in outcome.warnings:
        (log.warn if inputs.check_run is CheckRun.ALWAYS else log.step)(warning)


def _title(report: Report, code: ExitCode) -> str:
    changed = sum(1 for image in report.images if image.status not in {Status.UNCHANGED, Status.SKIPPED})
    known = [image.delta.unpacked_bytes for image in report.images if image.delta.unpacked_bytes is not None]
    return f"{_verdict_word(report, code)}: {format_delta(sum(known))} in {changed} changed images"


def _commented_sha(event: Event, report: Report) -> str:
    """The commit that people see: a pull request's head, not the merge commit that was weighed."""
    match event:
        case PullRequestEvent() | MergeGroupEvent() | WorkflowRunEvent():
            return event.head_sha
        case PushEvent():
            return event.after_sha or ""
        case _:
            return (report.head.sha if report.head else None) or event.head_sha


def _run_url(environment: Mapping[str, str]) -> str | None:
    server, repository, run = (
        environment.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    )
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run.isdecimal() else None


def _comment(
    report: Report, run: _Run, github: _GitHub | None, *, number: int, head_sha: str, from_fork: bool
) -> CommentOutcome:
    """Bring the comment up to date, as well as can be."""
    inputs, log = run.inputs, run.log
    if github is None:
        log.step("No comment: there is no `token`.")
        return CommentOutcome(action=CommentAction.SKIPPED, reason="no token")
    outcome = post_comment(
        github.client,
        github.repository,
        number,
        CommentRequest(
            body=render_markdown(report, key=inputs.comment_key),
            key=inputs.comment_key,
            head_sha=head_sha,
            mode=inputs.comment,
            has_changes=any(image.status not in {Status.UNCHANGED, Status.SKIPPED} for image in report.images),
            has_failures=not report.verdict.passed,
            hide_when_resolved=inputs.hide_resolved,
        ),
        calls=github.calls,
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


# --- post: phase two of the fork pair -------------------------------------------------------------------------------


def _post(run: _Run) -> ExitCode:
    """Post the report of another run, which had no rights. Nothing of a pull request is checked out or run."""
    inputs, event, environment, log = run.inputs, run.event, run.environment, run.log
    if not isinstance(event, WorkflowRunEvent):
        raise UsageError("mode: post needs `on: workflow_run` (docs/forks.md).")
    trusted = environment.get("GITHUB_REPOSITORY", "")
    github = _connect(inputs, trusted, environment)
    if github is None:
        raise UsageError("mode: post needs a `token` with pull-requests: write and actions: read.")
    if event.run_event != "pull_request":
        return _nothing_to_do(f"the run was for the event {event.run_event}", environment, log)
    try:
        archive = download_artifact(
            github.repository,
            event.run_id,
            name=inputs.artifact,
            token=github.token,
            calls=github.calls,
            api_url=github.api_url,
        )
        taken = take_over_report(github.repository, event, archive, trusted_repository=trusted, calls=github.calls)
    except UntrustedRunError as error:
        log.warn(str(error))
        return _nothing_to_do("there is no report that may be posted", environment, log)
    # Who opened a gate is asked of the API: the report comes from code that the pull request could change.
    report = replace(taken.report, verdict=replace(taken.report.verdict, override=None))
    if inputs.override_label is not None and not report.verdict.passed:
        outcome = read_override(github.repository, taken.number, label=inputs.override_label, calls=github.calls)
        for warning in outcome.warnings:
            log.warn(warning)
        report = replace(report, verdict=replace(report.verdict, override=outcome.override))
    _write_outputs(report, exit_code_of(report), environment)
    write_summary(environment, render_markdown(report, maximum_characters=_SUMMARY_CHARACTERS))
    posted = _comment(report, run, github, number=taken.number, head_sha=taken.head_sha, from_fork=False)
    write_output(environment, "comment-url", posted.url or "")
    # Posting is all that this run is for; what the report says is the verdict of the other run.
    return ExitCode.UNAVAILABLE if posted.action is CommentAction.FAILED else ExitCode.PASSED
