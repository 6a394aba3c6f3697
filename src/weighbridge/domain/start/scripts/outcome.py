"""Merges the results of all paths through a script."""

from __future__ import annotations

from dataclasses import replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.start.attempt import Trace
from weighbridge.domain.start.scripts.state import EndKind, State
from weighbridge.domain.start.shells import Shell

MAX_BRANCHES = 5
_GOOD = frozenset({EndKind.STARTED, EndKind.FOREVER})


def conclude(trace: Trace, shell: Shell, ways: list[State]) -> None:
    """Put the result of the script into `trace`.

    The script fails only if every path fails. If only some paths fail, findings for information name them.
    """
    good = [way for way in ways if way.end is not None and way.end.kind in _GOOD]
    failed = [way for way in ways if way.end is not None and way.end.kind is EndKind.FAILED]
    undecided = [way for way in ways if way.end is not None and way.end.kind is EndKind.UNDECIDED]
    if good and any(way.end and way.end.executes for way in good):
        # A path that executes a program is more informative than one that just ends.
        good.sort(key=lambda way: not (way.end and way.end.executes))
    if good:
        good.sort(key=lambda way: bool(way.end and way.end.depends))
    main = (good or undecided or failed)[0]
    result = main.trace.fork()
    result.stopped = False
    if undecided:
        result.findings = [as_warning(finding) for finding in result.findings]
        for way in undecided:
            for reason in (*way.trace.reasons, way.end.reason if way.end else None):
                if reason:
                    result.not_checked(reason)
            if way.end is not None and way.end.failure is not None:
                _add(result, as_warning(way.end.failure))
    elif good:
        result.findings = [as_warning(finding) for finding in result.findings]
    elif main.end is not None and main.end.failure is not None and main.end.failure.predicts:
        result.findings = [each for each in result.findings if not _same(each, main.end.failure)]
        result.stop(main.end.failure)
    else:
        result.stop(_silent(shell, main))
    result.depends = main.end.depends if good and main.end is not None else None
    if good:
        _name_branches(result, failed)
    trace.take(result)


def _silent(shell: Shell, way: State) -> Finding:
    """A path that certainly ends with an error, and whose message is not known, or is none."""
    failure = way.end.failure if way.end is not None else None
    if failure is not None:
        return failure
    status = way.end.status if way.end is not None else None
    return Finding(
        code=CheckCode.SCRIPT_FAILS,
        severity=Severity.ERROR,
        subject=Subject.ENTRYPOINT,
        path=shell.name,
        predicts=None,
        evidence=(f"{shell.name} ends with status {status}",),
    )


def _name_branches(trace: Trace, failed: list[State]) -> None:
    named = 0
    for way in failed:
        failure = way.end.failure if way.end is not None else None
        if failure is None or not (way.end and way.end.executes) or named == MAX_BRANCHES:
            continue
        lines = ", ".join(str(line) for line in way.assumes[-3:])
        evidence = (*failure.evidence, f"only on a branch: what line {lines} decides is known when it runs")
        named += _add(trace, replace(failure, severity=Severity.INFO, evidence=evidence))


def _add(trace: Trace, finding: Finding) -> bool:
    if any(_same(each, finding) for each in trace.findings):
        return False
    trace.add(finding)
    return True


def _same(first: Finding, second: Finding) -> bool:
    return (first.code, first.path, first.predicts) == (second.code, second.path, second.predicts)


def as_warning(finding: Finding) -> Finding:
    """The finding with a severity of at most warning."""
    return replace(finding, severity=Severity.WARNING) if finding.severity is Severity.ERROR else finding
