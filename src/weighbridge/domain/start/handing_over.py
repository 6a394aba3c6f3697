"""Applies the changes of a wrapper before it executes its command: environment, directory, and user."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding
from weighbridge.domain.image.rootfs import LookupFailure, LookupReason, Node, Rootfs
from weighbridge.domain.start.accounts import (
    Account,
    Credentials,
    UnknownUser,
    parse_passwd,
    read_account_file,
    user_of,
)
from weighbridge.domain.start.attempt import UNKNOWN, Process
from weighbridge.domain.start.env_command import env_directory_text
from weighbridge.domain.start.handover import Handover
from weighbridge.domain.start.programs import Tool, tool_of
from weighbridge.domain.start.shells import error_finding
from weighbridge.domain.start.wrapper_rules import UserProblem

_PATH_WITHOUT_PATH = "/bin:/usr/bin"
"""Where ``execvp`` looks if there is no ``PATH`` (``_CS_PATH``)."""
_MAX_SUDOERS_BYTES = 65536
_MAX_VARIABLES = 200
_MAX_VARIABLE_BYTES = 4096
_SECURE_PATH = re.compile(r'^\s*Defaults\s+secure_path\s*=\s*"?([^"\s]+)"?', re.MULTILINE)
_NO_LOGIN = frozenset({"nologin", "false"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """The process that executes the command, the search path of the tool, and the command."""

    process: Process
    search: Process
    command: tuple[str, ...]
    path: str | None = None


def prepare(process: Process, handover: Handover) -> Prepared | Finding | str:
    """The result of the changes; a finding if they fail, a string if the outcome is unknown."""
    if handover.tool == "doas":
        return _doas(process, handover)
    if handover.lock_file is not None and (closed := _unopened(process, handover.tool, handover.lock_file)) is not None:
        return closed
    directory = process.cwd
    if handover.directory is not None:
        entered = _entered(process, handover.directory)
        if isinstance(entered, LookupFailure):
            if entered.at_run_time:
                return f"{handover.tool}: the content of {entered.at} depends on the running container"
            return error_finding(
                CheckCode.RUNTIME_WORKDIR_UNUSABLE,
                handover.directory,
                env_directory_text(handover.directory, str(entered.reason).capitalize()),
                (f"{handover.tool} is to change to {handover.directory}", f"{entered.at}: {entered.reason}"),
                "Create the directory in the final stage.",
            )
        directory = entered
    env = {} if handover.clears else {name: value for name, value in process.env.items() if name not in handover.unsets}
    env |= dict(handover.assigns)
    is_open = process.is_open and not handover.clears
    if handover.env_folder is not None:
        variables = _variables_of_folder(process, handover)
        if not isinstance(variables, dict):
            return variables
        env = {name: value for name, value in (env | variables).items() if value or name not in variables}
    started = replace(process, env=env, cwd=directory, is_open=is_open)
    if handover.user is not None:
        credentials = _become(process, handover, handover.user)
        if not isinstance(credentials, Credentials):
            return credentials
        started = replace(started, credentials=credentials)
        if handover.sets_home:
            started = replace(started, env={**started.env, "HOME": credentials.home})
    command, path = handover.command, None
    if handover.user_shell:
        command, path = _with_user_shell(started, handover)
        failure = _no_login(process.rootfs, path)
        if failure is not None:
            return failure
    if handover.env_shell:
        path = started.env.get("SHELL") or "/bin/sh"
        command = (path, *command[1:])
    if handover.tool == "sudo":
        started = replace(started, env=_environment_of_sudo(started), is_open=True)
    search = started if "PATH" in started.env else replace(started, env={**started.env, "PATH": _PATH_WITHOUT_PATH})
    return Prepared(process=started, search=search, command=command, path=path)


def _variables_of_folder(process: Process, handover: Handover) -> dict[str, str] | Finding | str:
    """The first line of each file of a folder by the file's name; an empty file removes the variable."""
    folder = handover.env_folder or ""
    node = process.rootfs.lookup(folder, cwd=process.cwd, may_search=process.credentials.may_search)
    if process.has_more_files or (process.touched and not isinstance(node, Node)):
        return f"{handover.tool}: a command before may have made {folder}"
    if isinstance(node, LookupFailure) and node.reason is LookupReason.NOT_FOUND and not node.at_run_time:
        return error_finding(
            CheckCode.INTERPRETER_FILE_MISSING,
            folder,
            handover.folder_text.format(folder),
            (f"{handover.tool} reads variables from {folder}", f"{node.at}: not in the image"),
            "Create the folder in the final stage.",
        )
    if isinstance(node, LookupFailure) or not node.is_directory:
        return f"{handover.tool}: {folder} cannot be read as a folder"
    found: dict[str, str] = {}
    for child in process.rootfs.children(node):
        if len(found) >= _MAX_VARIABLES or not child.is_file:
            return f"{handover.tool}: {folder} has other entries than files, or too many"
        text = process.rootfs.read(child, limit_bytes=_MAX_VARIABLE_BYTES).decode("utf-8", "replace")
        found[posixpath.basename(child.path)] = text.partition("\n")[0].rstrip(" \t")
    return found


def _doas(process: Process, handover: Handover) -> Finding | str:
    """``doas``: its rules decide; without a file of rules, it refuses, for root too."""
    user = handover.user or "root"
    if isinstance(user_of(process.rootfs, user), UnknownUser) and not process.has_more_accounts:
        text, evidence, fix = "doas: unknown user", f"{user}: no such user in the image", "Create the account."
        return error_finding(CheckCode.RUNTIME_USER_MISSING, "doas", text, (evidence,), fix)
    found = [process.rootfs.lookup(path) for path in ("/etc/doas.conf", "/etc/doas.d")]
    if any(isinstance(each, Node) or each.reason is not LookupReason.NOT_FOUND for each in found):
        return "doas: the rules of /etc/doas.conf are not followed"
    return error_finding(
        CheckCode.PRIVILEGE_MISSING,
        "doas",
        "doas: doas is not enabled, /etc/doas.conf: No such file or directory",
        ("/etc/doas.conf: not in the image",),
        "Write /etc/doas.conf in the final stage, or leave doas out.",
    )


def _unopened(process: Process, tool: str, path: str) -> Finding | str | None:
    """Why a tool cannot make its file: the folder is missing. None where it may."""
    node = process.rootfs.lookup(posixpath.dirname(path) or ".", cwd=process.cwd)
    if isinstance(node, Node) or node.reason is not LookupReason.NOT_FOUND:
        return None
    if node.at_run_time or process.touched or process.has_more_files:
        return f"{tool}: whether {node.at} is there when it runs"
    return error_finding(
        CheckCode.INTERPRETER_FILE_MISSING,
        path,
        f"{tool}: cannot open lock file {path}: No such file or directory",
        (f"{tool} opens {path} first", f"{node.at}: not in the image"),
        f"Create the folder in the final stage: RUN mkdir -p {posixpath.dirname(path)}",
    )


def _entered(process: Process, directory: str) -> str | LookupFailure:
    node = process.rootfs.lookup(directory, cwd=process.cwd, may_search=process.credentials.may_search)
    return node.path if isinstance(node, Node) else node


def _become(process: Process, handover: Handover, wanted: str) -> Credentials | Finding | str:
    """The user that a tool switches to."""
    tool = handover.tool
    if wanted == UNKNOWN:
        return f"{tool}: whether it may become another user depends on the running container"
    uid = process.credentials.uid
    user = user_of(process.rootfs, wanted.replace(".", ":", 1) if tool == "chroot" else wanted)
    is_unknown = isinstance(user, UnknownUser) or (handover.names_only and not _has_name(process.rootfs, wanted))
    if is_unknown and process.has_more_accounts:
        return f"{tool}: a script may have created {wanted} before"
    if isinstance(user, Credentials) and uid == 0 and not is_unknown:
        return user
    if tool == "sudo" and uid != 0:
        return _sudo_as_user(process)
    problem = UserProblem.UNKNOWN if is_unknown else UserProblem.NOT_ROOT
    text = handover.user_text(wanted, problem)
    if text is None:
        return f"{tool}: {problem.value}"
    return error_finding(
        CheckCode.RUNTIME_USER_MISSING if is_unknown else CheckCode.PRIVILEGE_MISSING,
        tool,
        text,
        (
            f"{tool} is to run {handover.command[0] or 'a shell'} as {wanted}",
            f"{wanted}: no such user in the image" if is_unknown else f"user {uid} may not become another user",
        ),
        "Create the account in the final stage."
        if is_unknown
        else f"Leave {tool} out, or start the container as root.",
    )


def _has_name(rootfs: Rootfs, name: str) -> bool:
    return any(account.name == name for account in _accounts(rootfs))


def _sudo_as_user(process: Process) -> Finding | str:
    uid = process.credentials.uid
    if any(account.uid == uid for account in _accounts(process.rootfs)):
        return "sudo: whether it may become another user depends on the running container"
    return error_finding(
        CheckCode.PRIVILEGE_MISSING,
        "sudo",
        "sudo: you do not exist in the passwd database",
        (f"the container runs as user {uid}", "/etc/passwd of the image has no account of that number"),
        "Create the account in the final stage, or leave sudo out.",
    )


def _accounts(rootfs: Rootfs) -> tuple[Account, ...]:
    return parse_passwd(read_account_file(rootfs, "/etc/passwd"))


def _with_user_shell(process: Process, handover: Handover) -> tuple[tuple[str, ...], str]:
    """The command of ``su``, and the shell that it executes: that of ``-s``, or that of the account."""
    uid = process.credentials.uid
    account = next((each for each in _accounts(process.rootfs) if each.name == handover.user), None)
    account = account or next((each for each in _accounts(process.rootfs) if each.uid == uid), None)
    shell = handover.command[0] or (account.shell if account else "") or "/bin/sh"
    return (posixpath.basename(shell), *handover.command[1:]), shell


def _no_login(rootfs: Rootfs, shell: str) -> Finding | str | None:
    """The finding for an account without a login shell."""
    name = posixpath.basename(shell)
    if name not in _NO_LOGIN:
        return None
    node = rootfs.lookup(shell)
    if name == "false" or not isinstance(node, Node):
        return f"{shell}: the account has no shell"
    is_applet = tool_of(rootfs, node) is Tool.BUSYBOX
    return error_finding(
        CheckCode.RUNTIME_USER_MISSING,
        shell,
        "This account is not available" if is_applet else "This account is currently not available.",
        (f"the shell of the account is {shell}, which refuses",),
        "Name a shell: su -s /bin/sh.",
    )


def _environment_of_sudo(process: Process) -> Mapping[str, str]:
    """``sudo`` searches the ``secure_path`` of sudoers, if set, and removes the variables of the loader."""
    env = {name: value for name, value in process.env.items() if not name.startswith("LD_")}
    node = process.rootfs.lookup("/etc/sudoers")
    if isinstance(node, Node) and node.is_file:
        text = process.rootfs.read(node, limit_bytes=_MAX_SUDOERS_BYTES).decode("utf-8", "replace")
        found = _SECURE_PATH.findall(text)
        if found:
            env["PATH"] = found[-1]
    return env
