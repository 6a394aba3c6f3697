"""Predicts whether a container starts: follows an image's config to the running program, without running anything.

First the engine and the runtime (user, working directory, ``PATH``; the texts are those of Docker with runc), then the
kernel (`execve`), the loader (`loader`), and the programs that shells and wrappers execute (`follow`).
"""

from __future__ import annotations

import enum
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding, Severity, Subject
from weighbridge.domain.image.image import ImageConfig
from weighbridge.domain.image.rootfs import LookupFailure, LookupReason, Node, Rootfs
from weighbridge.domain.paths import is_at_or_below
from weighbridge.domain.start.accounts import Credentials, UnknownUser, user_of
from weighbridge.domain.start.attempt import Process, Program, Trace, without_own_root
from weighbridge.domain.start.follow import start_program
from weighbridge.domain.start.kernel import Errno, machines_of
from weighbridge.domain.start.shells import DEFAULT_PATH
from weighbridge.domain.start.venv import blame_venv

_SHELL = ("/bin/sh", "-c")
_MAY_BE_IN_VOLUME = frozenset(
    {
        CheckCode.ENTRYPOINT_MISSING,
        CheckCode.SHELL_WORD_MISSING,
        CheckCode.INTERPRETER_FILE_MISSING,
        CheckCode.INTERPRETER_MODULE_MISSING,
        CheckCode.PACKAGE_SCRIPT_MISSING,
    }
)
"""Findings with these codes may not apply if a volume provides the missing file."""

_MAY_BE_SILENT = frozenset({CheckCode.SCRIPT_FAILS, CheckCode.SHELL_WORD_MISSING, CheckCode.RUNTIME_VARIABLE_MISSING})
"""Findings with these codes and without a message are no proof: a program may end with an error on purpose."""


class Starts(enum.StrEnum):
    """The verdict in one word."""

    YES = "yes"
    NO = "no"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, kw_only=True, slots=True)
class StartPrediction:
    """`starts` with its reasons. `chain` is the evidence of each step, also for a successful start.

    `argv` is the engine's command, `programs` the chain of executed programs (shells and wrappers first). `up_to` says
    how far the last program was followed, if not to its end. `lacks_command` names a program that executes its
    arguments and got none.
    """

    starts: Starts
    findings: tuple[Finding, ...] = ()
    not_checked: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()
    programs: tuple[Program, ...] = ()
    up_to: str | None = None
    lacks_command: str | None = None


def predict_start(config: ImageConfig, rootfs: Rootfs) -> StartPrediction:
    """Whether a container of the image starts as configured; otherwise the error that it prints."""
    # The engine treats ENTRYPOINT [""] as none.
    entrypoint = () if config.entrypoint == ("",) else config.entrypoint or ()
    argv = (*entrypoint, *(config.cmd or ()))
    if not argv:
        return StartPrediction(
            starts=Starts.NOT_CHECKED,
            not_checked=("no command: the image has neither ENTRYPOINT nor CMD, so docker run needs one",),
        )
    return predict_command(config, rootfs, argv, subject=Subject.ENTRYPOINT)


def predict_healthcheck(config: ImageConfig, rootfs: Rootfs) -> StartPrediction | None:
    """Whether the health check's command can run; None if there is no health check."""
    test = config.healthcheck.test if config.healthcheck else ()
    if not test or test[0] == "NONE":
        return None
    argv = (*(config.shell or _SHELL), *test[1:]) if test[0] == "CMD-SHELL" else test[1:]
    if not argv:
        return None
    return predict_command(config, rootfs, argv, subject=Subject.HEALTHCHECK)


def predict_command(config: ImageConfig, rootfs: Rootfs, argv: tuple[str, ...], *, subject: Subject) -> StartPrediction:
    """Whether `argv` runs in a container of the image."""
    unsupported = _unsupported(config)
    if unsupported:
        return StartPrediction(starts=Starts.NOT_CHECKED, not_checked=(unsupported,), argv=argv)
    trace = Trace()
    credentials = _user(config, rootfs, trace)
    if credentials is not None and _workdir(config, rootfs, credentials, trace):
        process = Process(
            rootfs=rootfs,
            architecture=config.architecture,
            env=start_environment(config, credentials),
            cwd=_visible_directory(config.workdir, rootfs),
            credentials=credentials,
            volumes=config.volumes,
            touched=frozenset({"/"}) if subject is Subject.HEALTHCHECK else frozenset(),
        )
        _start(process, argv, trace)
    return _judge(trace, argv, subject, config.volumes)


def start_environment(config: ImageConfig, credentials: Credentials) -> Mapping[str, str]:
    """The environment of the program: the image's Env, plus default ``PATH`` and ``HOME``."""
    return {"PATH": DEFAULT_PATH, "HOME": credentials.home, **config.env}


def _unsupported(config: ImageConfig) -> str | None:
    if config.os != "linux":
        return f"images for {config.os} are not checked"
    if config.architecture.startswith("wasm"):
        return "WebAssembly images are not checked"
    if not machines_of(config.architecture):
        return f"images for {config.architecture} are not checked"
    return None


def _user(config: ImageConfig, rootfs: Rootfs, trace: Trace) -> Credentials | None:
    user = user_of(rootfs, config.user)
    if isinstance(user, UnknownUser):
        what = "/etc/group" if "group" in user.message else "/etc/passwd"
        trace.stop(
            Finding(
                code=CheckCode.RUNTIME_USER_MISSING,
                severity=Severity.ERROR,
                subject=Subject.ENTRYPOINT,
                path=what,
                predicts=user.message,
                evidence=(f"USER {config.user}", f"{what} of the image has no such entry"),
                fix="Give the number (USER 65532:65532), or copy or create the account in the final stage.",
            )
        )
        return None
    if config.user:
        trace.fact(f"USER {config.user}: {user.uid}:{user.gid}")
    return user


def _workdir(config: ImageConfig, rootfs: Rootfs, credentials: Credentials, trace: Trace) -> bool:
    """Check the working directory; False if the engine refuses it. The engine creates a missing one."""
    workdir = posixpath.normpath(config.workdir or "/")
    node = rootfs.lookup(workdir)
    predicts: str | None = None
    if isinstance(node, Node) and not node.is_directory:
        predicts = f"Cannot mkdir: {workdir} is not a directory"
    elif isinstance(node, LookupFailure) and node.reason is not LookupReason.NOT_FOUND:
        predicts = str(node.reason)
    if predicts is not None:
        trace.stop(
            Finding(
                code=CheckCode.RUNTIME_WORKDIR_UNUSABLE,
                severity=Severity.ERROR,
                subject=Subject.ENTRYPOINT,
                path=workdir,
                predicts=predicts,
                evidence=(f"WORKDIR {config.workdir}", f"{workdir} is not a directory"),
                fix="Set WORKDIR to a directory.",
            )
        )
        return False
    reached = rootfs.lookup(workdir, may_search=credentials.may_search)
    denied = isinstance(reached, LookupFailure) and reached.reason is LookupReason.PERMISSION_DENIED
    if denied or (isinstance(reached, Node) and not credentials.may_search(reached.entry)):
        # runc enters the directory before it drops root, so the program starts, but cannot use the directory.
        trace.add(
            Finding(
                code=CheckCode.RUNTIME_WORKDIR_UNUSABLE,
                severity=Severity.WARNING,
                subject=Subject.ENTRYPOINT,
                path=workdir,
                predicts=None,
                evidence=(
                    f"WORKDIR {config.workdir}",
                    f"user {credentials.uid} may not enter it; other runtimes refuse with: "
                    f'chdir to cwd ("{workdir}") set in config.json failed: permission denied',
                ),
                fix=f"RUN chown or chmod o+x {workdir}, or choose a directory of the user.",
            )
        )
    return True


def _visible_directory(workdir: str, rootfs: Rootfs) -> str:
    node = rootfs.lookup(posixpath.normpath(workdir or "/"))
    return node.path if isinstance(node, Node) else posixpath.normpath(workdir or "/")


def _start(process: Process, argv: tuple[str, ...], trace: Trace) -> None:
    """Emulate ``exec.LookPath``, as runc calls it in the container, then ``execve``."""
    name = argv[0]
    if "/" not in name:
        path = _look_path(process, argv, trace)
        if path is None:
            return
    else:
        path = name
        if not _findable(process, argv, trace):
            return

    def speak(_path: str, errno: Errno, _there: bool) -> str:
        return f"exec {path}: {errno}"

    start_program(process, path, argv, trace, speak)


def _look_path(process: Process, argv: tuple[str, ...], trace: Trace) -> str | None:
    name = argv[0]
    directories = process.env.get("PATH", "").split(":") if process.env.get("PATH") else []
    for directory in directories:
        path = posixpath.normpath(posixpath.join(directory or ".", name)) if name else directory
        node = process.rootfs.lookup(path, cwd=process.cwd, may_search=process.credentials.may_search)
        if isinstance(node, Node) and not node.is_directory and node.mode & 0o111:
            if not path.startswith("/"):
                trace.stop(
                    _missing(
                        CheckCode.ENTRYPOINT_MISSING,
                        argv,
                        f'exec: "{name}": cannot run executable found relative to current directory',
                        (f"PATH has {directory or 'an empty element'}", "the runtime refuses a program found there"),
                        fix="Name the program with its absolute path.",
                    )
                )
                return None
            return path
        if isinstance(node, LookupFailure) and node.at_run_time:
            trace.not_checked(f"{path}: the content of {node.at} depends on the running container")
            return None
    code = _code_for(argv, CheckCode.ENTRYPOINT_MISSING)
    evidence = [f"PATH={process.env.get('PATH', '')}", f"{name}: in none of these directories"]
    hidden = process.rootfs.lookup(f"/{name}") if name else None
    if isinstance(hidden, Node) and hidden.is_file:
        evidence.append(f"the image has /{name}: name it with its slash")
    trace.stop(
        _missing(
            code,
            argv,
            f'exec: "{name}": executable file not found in $PATH',
            tuple(evidence),
            fix=_fix_for(code, name),
        )
    )
    return None


def _findable(process: Process, argv: tuple[str, ...], trace: Trace) -> bool:
    """Emulate runc's check of a name with a slash before it executes it; False if it fails."""
    name = argv[0]
    node = process.rootfs.lookup(without_own_root(name), cwd=process.cwd, may_search=process.credentials.may_search)
    if isinstance(node, LookupFailure):
        if node.at_run_time:
            trace.not_checked(f"{name}: the content of {node.at} depends on the running container")
            return False
        denied = node.reason is LookupReason.PERMISSION_DENIED
        code = CheckCode.ENTRYPOINT_NOT_EXECUTABLE if denied else _code_for(argv, CheckCode.ENTRYPOINT_MISSING)
        evidence = [
            f"{node.at}: not in the image" if node.reason is LookupReason.NOT_FOUND else f"{node.at}: {node.reason}"
        ]
        link = process.rootfs.lookup(name, cwd=process.cwd, follow=False)
        if isinstance(link, Node) and link.entry.link_target is not None:
            evidence.insert(0, f"{link.path} is a symlink to {link.entry.link_target}")
        text = f'exec: "{name}": stat {name}: {node.reason}'
        missing = _missing(code, argv, text, tuple(evidence), fix=_fix_for(code, name))
        trace.stop(blame_venv(process.rootfs, missing, name, process.cwd))
        return False
    if node.is_directory or not node.mode & 0o111:
        evidence = [f"{node.path} is a directory" if node.is_directory else f"{node.path}: mode {node.mode:04o}"]
        if node.is_directory:
            evidence.append(f'newer runc prints: exec: "{name}": is a directory')
        trace.stop(
            _missing(
                CheckCode.ENTRYPOINT_NOT_EXECUTABLE,
                argv,
                f'exec: "{name}": permission denied',
                tuple(evidence),
                fix="Name a program." if node.is_directory else "COPY --chmod=755, or chmod +x it (git keeps the bit).",
            )
        )
        return False
    return True


def _code_for(argv: tuple[str, ...], otherwise: CheckCode) -> CheckCode:
    is_shell = posixpath.basename(argv[0]) in {"sh", "bash", "ash", "dash", "zsh"}
    return (
        CheckCode.SHELL_MISSING
        if is_shell and len(argv) > 1 and argv[1].startswith("-") and "c" in argv[1]
        else otherwise
    )


def _fix_for(code: CheckCode, name: str) -> str:
    if code == CheckCode.SHELL_MISSING:
        return 'Use the exec form (["program", "argument"]), or a final stage with a shell.'
    return f"COPY {name} into the final stage, or correct the path (relative ones start at WORKDIR)."


def _missing(
    code: CheckCode, argv: tuple[str, ...], predicts: str, evidence: tuple[str, ...], *, fix: str | None
) -> Finding:
    return Finding(
        code=code,
        severity=Severity.ERROR,
        subject=Subject.ENTRYPOINT,
        path=argv[0],
        predicts=predicts,
        evidence=evidence,
        fix=fix,
    )


def _judge(trace: Trace, argv: tuple[str, ...], subject: Subject, volumes: tuple[str, ...]) -> StartPrediction:
    findings = list(trace.findings)
    if trace.stopped:
        starts = Starts.NO
        last = findings[-1]
        volume = next((volume for volume in volumes if is_at_or_below(last.path or "", volume)), None)
        if volume is not None and last.code in _MAY_BE_IN_VOLUME:
            findings.pop()
            trace.not_checked(f"{last.path} is under the volume {volume}: its content depends on the running container")
            starts = Starts.NOT_CHECKED
        elif last.predicts is None and last.code in _MAY_BE_SILENT:
            findings.pop()
            trace.not_checked(f"{'; '.join(last.evidence)}: without a message that is known")
            starts = Starts.NOT_CHECKED
    else:
        if trace.depends is not None and subject is Subject.ENTRYPOINT:
            trace.not_checked(trace.depends)
        starts = Starts.NOT_CHECKED if trace.reasons else Starts.YES
    if subject is Subject.HEALTHCHECK:
        findings = [_for_healthcheck(finding, fails=starts is Starts.NO) for finding in findings]
    return StartPrediction(
        starts=starts,
        findings=tuple(findings),
        not_checked=tuple(trace.reasons),
        chain=tuple(trace.facts),
        argv=argv,
        programs=tuple(trace.programs),
        up_to=trace.up_to,
        lacks_command=trace.lacks_command,
    )


def followed(prediction: StartPrediction) -> str:
    """How far a start was followed: "followed /entrypoint.sh -> gosu -> /app/server"; empty for one program."""
    steps: list[str] = []
    for program in prediction.programs:
        step = program.script or program.path
        if not steps or steps[-1] != step:
            steps.append(step)
    if prediction.up_to:
        return f"up to {prediction.up_to}"
    return f"followed {' -> '.join(steps)}" if len(steps) > 1 else ""


def _for_healthcheck(finding: Finding, *, fails: bool) -> Finding:
    code = finding.code
    if fails and code in {CheckCode.SHELL_WORD_MISSING, CheckCode.ENTRYPOINT_MISSING}:
        return replace(
            finding, code=CheckCode.HEALTHCHECK_COMMAND_MISSING, severity=Severity.ERROR, subject=Subject.HEALTHCHECK
        )
    return replace(finding, subject=Subject.HEALTHCHECK)
