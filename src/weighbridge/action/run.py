"""The Action from top to bottom: read the event, find the commits, weigh, judge, report, then post.

The verdict comes from the report alone, before anything is posted. A refusal by GitHub is a warning. It changes neither
outputs nor exit code.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TextIO

from weighbridge.action.commits import Sides, open_history, pinned_sides
from weighbridge.action.inputs import Mode, ReadStorage, read_inputs, secrets_of_inputs
from weighbridge.action.parts import merged_parts
from weighbridge.action.post import post_report
from weighbridge.action.publish import Publication, nothing_to_do, publish_part
from weighbridge.action.ready_images import image_pairs
from weighbridge.action.session import Run, connect_api
from weighbridge.action.settings import RunSettings, settings
from weighbridge.action.size_history import fetch_history, keep_merged, known_repository, push_history
from weighbridge.action.workspace import cache_folder, own_folder, private_files
from weighbridge.build.builder import BuildSettings
from weighbridge.build.cache import BuildCaches
from weighbridge.build.client import find_build_client
from weighbridge.domain.lines import lines_of
from weighbridge.domain.result.run import RunResult
from weighbridge.errors import ExitCode, UsageError, WeighbridgeError, contain_defects
from weighbridge.github.comparison import CompareMergeBase, Comparison, NothingToCompare, choose_comparison
from weighbridge.github.event import WorkflowRunEvent, read_event
from weighbridge.github.log import ActionLog
from weighbridge.github.workflow_commands import write_output
from weighbridge.plan.fetch import CommitHistory
from weighbridge.plan.git import Repository, open_repository, parents, resolve_commit
from weighbridge.progress.lines import Progress
from weighbridge.progress.text import error_line
from weighbridge.report.assemble import assemble
from weighbridge.report.plan_output import render_plan_json, render_plan_text
from weighbridge.run.clients import Tools
from weighbridge.run.existing import weigh_pairs
from weighbridge.run.plan import bake_finder, plan_range
from weighbridge.run.request import DiffRequest
from weighbridge.run.size_history import known_build_seconds, open_size_history
from weighbridge.run.weigh import OnVerdict, weigh_range
from weighbridge.sources.layer_cache import default_cache_folder


class MakeTools(Protocol):
    """Constructs the clients. The entry point passes it in."""

    def __call__(
        self,
        *,
        progress: Progress,
        platform: str | None,
        cache_dir: Path | None,
        environment: Mapping[str, str],
        read_storage: bool,
    ) -> AbstractContextManager[Tools]:
        """The clients of one run. Closed at the end of the run."""


def run_action(environment: Mapping[str, str], *, make_tools: MakeTools, stream: TextIO) -> ExitCode:
    """Run the Action with the inputs in `environment`. Prints to `stream`. The exit codes are those of the CLI."""
    log = ActionLog(stream)
    try:
        with contain_defects():
            for secret in secrets_of_inputs(environment):
                log.mask(secret)
            inputs = read_inputs(environment)
            run = Run(inputs=inputs, event=read_event(environment), environment=environment, log=log)
            if inputs.mode is Mode.POST:
                return post_report(run)
            return _with_commits(run, make_tools)
    except WeighbridgeError as error:
        # Printed through the log, because the text may contain workflow commands.
        write_output(environment, "verdict", "error")
        log.error(error_line(error))
        return error.exit_code
    finally:
        log.close()


def _with_commits(run: Run, make_tools: MakeTools) -> ExitCode:
    """Run a mode that compares two commits: the whole run, or one step of a run on many machines."""
    if isinstance(run.event, WorkflowRunEvent):
        raise UsageError("workflow_run: this event never builds. Set `mode: post` (docs/forks.md).")
    workspace_path = Path(run.environment.get("GITHUB_WORKSPACE") or ".").resolve()
    workspace = open_repository(workspace_path, trust_owner=True)
    comparison = _comparison(run, workspace)
    if isinstance(comparison, NothingToCompare):
        if run.inputs.mode is Mode.PLAN:
            write_output(run.environment, "matrix", render_plan_json((), all_images=False).strip())
        return nothing_to_do(comparison.why, run.environment, run.log)
    run.log.step(comparison.why)
    with open_history(workspace, run.inputs, run.event, run.environment) as history:
        sides = pinned_sides(history, comparison)
        run.log.step(f"base is {sides.base.ref}, head is {sides.head.ref}")
        chosen = settings(run.inputs, run.event, history.repository, sides)
        config = chosen.config
        fetch_history(history, config.history.branch, run.log)
        request = _request(run, history, sides, chosen)
        cache_dir = cache_folder(run.inputs, workspace_path, history, sides.head_sha)
        if run.inputs.mode is Mode.PLAN:
            return _plan(run, request, cache_dir)
        if run.inputs.part is not None:
            return publish_part(assemble(_weighed(run, make_tools, request, cache_dir)), run, workspace_path)
        api = connect_api(run.inputs, run.event.repository, run.environment)
        publication = Publication(run, api, workspace_path, override_label=config.override.label)
        if run.inputs.mode is Mode.MERGE:
            parts_folder = own_folder(workspace_path, run.inputs.parts, "parts", history, sides.head_sha)
            report = merged_parts(parts_folder, sides)
            keep_merged(run, history, report, cache_dir)
            push_history(run, history, publication.publish_report(report), config.history.branch)
        elif run.inputs.mode is Mode.COMPARE:
            report = assemble(_compared(run, make_tools, request, cache_dir, workspace=workspace_path, history=history))
            keep_merged(run, history, report, cache_dir)
            push_history(run, history, publication.publish_report(report), config.history.branch)
        elif run.inputs.mode is Mode.TIPS:
            publication.update(_weighed(run, make_tools, request, cache_dir))
        else:
            _weigh_and_publish(run, make_tools, request, cache_dir, publication=publication, history=history)
    return ExitCode.PASSED if publication.code is None else publication.code


def _weigh_and_publish(
    run: Run,
    make_tools: MakeTools,
    request: DiffRequest,
    cache_dir: Path | None,
    *,
    publication: Publication,
    history: CommitHistory,
) -> None:
    """Publish the verdict first, then the tips."""

    def publish_verdict(result: RunResult) -> None:
        push_history(run, history, publication.publish(result), request.config.history.branch)

    try:
        result = _weighed(run, make_tools, request, cache_dir, on_verdict=publish_verdict)
        if publication.code is None:
            publish_verdict(result)
        else:
            publication.update(result)
    except KeyboardInterrupt:
        publication.end_pending("the run was cancelled")
        raise


def _plan(run: Run, request: DiffRequest, cache_dir: Path | None) -> ExitCode:
    """Write the job matrix to an output. Balances the jobs by known build times."""
    environment = run.environment
    planned = plan_range(request, bake_finder(lambda: find_build_client(environment), environment))
    for note in planned.notes:
        run.log.warn(note)
    run.log.block("plan", lines_of(render_plan_text(planned.plans, all_images=request.all_images, explain=True)))
    matrix = render_plan_json(
        planned.plans,
        all_images=request.all_images,
        maximum_jobs=run.inputs.max_jobs,
        seconds=known_build_seconds(planned, request, cache_dir or default_cache_folder(environment)),
    )
    write_output(environment, "matrix", matrix.strip())
    return ExitCode.PASSED


def _comparison(run: Run, workspace: Repository) -> Comparison:
    checked_out = resolve_commit(workspace, "HEAD")
    comparison = choose_comparison(
        run.event, checked_out_sha=checked_out, checked_out_parents=parents(workspace, checked_out)
    )
    if run.inputs.base_ref is None or isinstance(comparison, NothingToCompare):
        return comparison
    return CompareMergeBase(
        base_ref=run.inputs.base_ref,
        base_sha=None,
        head_ref=comparison.head_ref,
        head_sha=comparison.head_sha,
        why="compared with the merge base with `base-ref`",
    )


def _request(run: Run, history: CommitHistory, sides: Sides, chosen: RunSettings) -> DiffRequest:
    """The request of the run, without secrets: they are added as files later."""
    inputs, config = run.inputs, chosen.config
    return DiffRequest(
        repo=history.repository.root,
        base=sides.base_sha,
        head=sides.head_sha,
        base_shown=sides.base,
        head_shown=sides.head,
        config=config,
        base_config=chosen.base,
        image_globs=inputs.images,
        all_images=inputs.all_images,
        platform=inputs.platform,
        build_args=inputs.build_args,
        build=BuildSettings(
            timeout_seconds=inputs.build_timeout_seconds,
            builder_name=inputs.builder or config.build.builder_name,
            caches=BuildCaches(sources=inputs.cache_from or config.build.cache_from, targets=inputs.cache_to),
        ),
        notes=chosen.notes,
        use_memory=not inputs.no_cache,
        part=inputs.part,
        known=known_repository(run.event, history),
        defer_tips=inputs.mode is Mode.WEIGH and inputs.part is None and not inputs.wait_for_tips,
    )


def _compared(
    run: Run,
    make_tools: MakeTools,
    request: DiffRequest,
    cache_dir: Path | None,
    *,
    workspace: Path,
    history: CommitHistory,
) -> RunResult:
    """Weigh images that other steps built. Files and registries need neither an engine nor a builder."""
    pairs = image_pairs(run.inputs, workspace)
    with (
        private_files(run.inputs) as (_, docker_settings),
        _tools(run, make_tools, docker_settings, cache_dir) as tools,
    ):
        return weigh_pairs(
            pairs,
            request.config,
            tools,
            base=request.base_shown,
            head=request.head_shown,
            notes=request.notes,
            sizes=open_size_history(history.repository, request, tools),
        )


def _weighed(
    run: Run,
    make_tools: MakeTools,
    request: DiffRequest,
    cache_dir: Path | None,
    *,
    on_verdict: OnVerdict = lambda _: None,
) -> RunResult:
    with (
        private_files(run.inputs) as (secret_files, docker_settings),
        _tools(run, make_tools, docker_settings, cache_dir) as tools,
    ):
        return weigh_range(replace(request, secret_files=secret_files), tools, on_verdict=on_verdict)


def _tools(
    run: Run, make_tools: MakeTools, docker_settings: Mapping[str, str], cache_dir: Path | None
) -> AbstractContextManager[Tools]:
    # The inputs hold secrets, which no child process needs.
    environment = {name: value for name, value in run.environment.items() if not name.startswith("INPUT_")}
    return make_tools(
        progress=run.log,
        platform=run.inputs.platform,
        cache_dir=cache_dir,
        environment={**environment, **docker_settings},
        read_storage=run.inputs.read_storage is ReadStorage.AUTO,
    )
