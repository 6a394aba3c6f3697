"""The small programs that execute another one: their command lines, and their error messages.

The messages were recorded from the programs of Debian 12 (tini 0.19, dumb-init 1.2, catatonit 0.1, gosu 1.14, runit
2.1, daemontools 0.76, s6 2.11, coreutils 9.1, util-linux 2.38, sudo 1.9), run as root and as a user; those of su-exec
from a build of its source.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import NamedTuple

NOT_PERMITTED = "Operation not permitted"
NOT_FOUND = "No such file or directory"

ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
"""A word that sets a variable of the command."""

ErrorText = Callable[[str, str, bool], str | None]
"""Makes an error message from the name to execute, the C library's message, and whether the file exists."""
UserText = Callable[[str, "UserProblem"], str | None]
"""Makes an error message from the user as written, and the problem."""


class UserProblem(enum.Enum):
    """Why a tool cannot run a program as another user."""

    UNKNOWN = "the image has no such account"
    NOT_ROOT = "only root may become another user"


class WrapperRule(NamedTuple):
    """The grammar of a wrapper's command line.

    `with_value` options take a value, `operands` words precede the command. The user is the first operand
    (`takes_user`) or the value of `user_option`. Options in `refuses` are unsupported. `without_command` is a part of
    the message if the command is missing; the tool then fails. Empty for a tool that does not fail.

    `finds_executables` tools do not see a file in ``PATH`` that is not executable. `uses_execvp` is false for a tool
    that calls ``execve``: ``execvp`` of glibc gives a file without ``#!`` to ``/bin/sh``. `sets_home` tools set
    ``HOME`` to that of the user. `names_only` tools accept no number as a user. The files of
    the folder of `folder_option` become variables; `folder_text` is the message for a missing one.
    """

    text: ErrorText
    with_value: frozenset[str] = frozenset()
    operands: int = 0
    takes_user: bool = False
    user_option: tuple[str, ...] = ()
    user_text: UserText = lambda _user, _problem: None
    finds_executables: bool = False
    refuses: frozenset[str] = frozenset()
    without_command: str = ""
    uses_execvp: bool = True
    sets_home: bool = False
    names_only: bool = False
    folder_option: str = ""
    folder_text: str = ""


def _message(template: str) -> ErrorText:
    return lambda name, message, _there: template.format(name=name, message=message)


def _no_user(unknown: str, not_root: str) -> UserText:
    return lambda user, problem: (unknown if problem is UserProblem.UNKNOWN else not_root).format(user=user) or None


def _gosu(name: str, message: str, there: bool) -> str:
    """Go's messages, which differ between a failed ``LookPath`` and a refused ``execve``."""
    if message == "Permission denied":
        return "permission denied"
    if message != NOT_FOUND or there:
        return f"error: exec failed: {message.lower()}"
    why = f"stat {name}: no such file or directory" if "/" in name else "executable file not found in $PATH"
    return f'error: exec: "{name}": {why}'


def _gosu_user(user: str, problem: UserProblem) -> str:
    why = "operation not permitted"
    if problem is UserProblem.UNKNOWN:
        # The rest names the account or the group, and why; the library has changed its words.
        why = "unable to find " if ":" in user else f"unable to find user {user}: "
    return f'error: failed switching to "{user}": {why}'


_DJB_MESSAGES = {NOT_FOUND: "file does not exist", "Permission denied": "access denied"}
"""Messages of daemontools and runit. The others are as the C library has them, in lower case."""


def _djb(template: str) -> ErrorText:
    return lambda name, message, _there: template.format(name=name, message=_DJB_MESSAGES.get(message, message.lower()))


def _su_exec_user(user: str, problem: UserProblem) -> str:
    if problem is UserProblem.UNKNOWN:
        return f"su-exec: getpwnam({user.partition(':')[0]}): "
    group = user.partition(":")[2] or user
    # With an account it names no group. The number of a group by name is left out.
    return f"su-exec: setgroups({group}): {NOT_PERMITTED}" if group.isdigit() else "su-exec: setgroups"


def _sudo(name: str, message: str, there: bool) -> str:
    if there and message != "Permission denied":
        return f"sudo: unable to execute {name}: {message}"
    return f"sudo: {name}: command not found"


_NO_ACCOUNT = "{tool}: user {{user}} does not exist"
_UTIL_LINUX = "{tool}: failed to execute {{name}}: {{message}}"
_COREUTILS = "{tool}: failed to run command '{{name}}': {{message}}"


def _util_linux(tool: str) -> ErrorText:
    return _message(_UTIL_LINUX.format(tool=tool))


def _coreutils(tool: str) -> ErrorText:
    return _message(_COREUTILS.format(tool=tool))


RULES: dict[str, WrapperRule] = {
    "tini": WrapperRule(
        with_value=frozenset({"-p", "-e"}),
        text=_message("exec {name} failed: {message}"),
        without_command="[OPTIONS] PROGRAM -- [ARGS] | --version",
    ),
    "dumb-init": WrapperRule(
        with_value=frozenset({"-r", "--rewrite"}),
        text=_message("[dumb-init] {name}: {message}"),
        without_command="dumb-init [option] program [args]",
    ),
    "catatonit": WrapperRule(text=_message("failed to exec pid1: {message}"), without_command="missing program name"),
    "su-exec": WrapperRule(
        operands=1,
        text=_message("su-exec: {name}: {message}"),
        takes_user=True,
        user_text=_su_exec_user,
        without_command="su-exec user-spec command [args]",
        sets_home=True,
    ),
    "gosu": WrapperRule(
        operands=1,
        text=_gosu,
        takes_user=True,
        user_text=_gosu_user,
        finds_executables=True,
        without_command="gosu user-spec command [args]",
        uses_execvp=False,
        sets_home=True,
    ),
    "s6-setuidgid": WrapperRule(
        operands=1,
        names_only=True,
        text=_message("s6-applyuidgid: fatal: unable to exec {name}: {message}"),
        takes_user=True,
        user_text=_no_user(
            "s6-envuidgid: fatal: unknown user: {user}",
            "s6-applyuidgid: fatal: unable to set supplementary group list: Operation not permitted",
        ),
        without_command="usage: s6-setuidgid username prog",
        uses_execvp=False,
    ),
    "s6-envdir": WrapperRule(
        with_value=frozenset({"-c"}),
        operands=1,
        text=_message("s6-envdir: fatal: unable to exec {name}: {message}"),
        folder_text="s6-envdir: fatal: unable to envdir {0}: No such file or directory",
        without_command="s6-envdir: usage: s6-envdir",
        uses_execvp=False,
    ),
    "setuidgid": WrapperRule(
        operands=1,
        names_only=True,
        text=_djb("setuidgid: fatal: unable to run {name}: {message}"),
        takes_user=True,
        user_text=_no_user("", "setuidgid: fatal: unable to setgid: permission denied"),
        without_command="setuidgid: usage: setuidgid account child",
        uses_execvp=False,
    ),
    "chpst": WrapperRule(
        with_value=frozenset({"-u", "-U", "-b", "-n", "-l", "-L", "-m", "-d", "-o", "-p", "-f", "-c", "-t", "-e"}),
        text=_djb("chpst: fatal: unable to run: {name}: {message}"),
        user_option=("-u",),
        user_text=_no_user(
            "chpst: fatal: unknown user/group: {user}", "chpst: fatal: unable to setgroups: permission denied"
        ),
        refuses=frozenset({"-/"}),
        folder_option="-e",
        folder_text="chpst: fatal: unable to switch to directory: {0}: file does not exist",
        without_command="usage: chpst ",
        uses_execvp=False,
    ),
    "setpriv": WrapperRule(
        with_value=frozenset({"--reuid", "--regid", "--groups", "--inh-caps", "--ambient-caps", "--bounding-set"})
        | frozenset({"--ruid", "--euid", "--rgid", "--egid", "--securebits", "--pdeathsig"}),
        text=_util_linux("setpriv"),
        user_option=("--reuid",),
        user_text=_no_user(
            "setpriv: failed to parse reuid: '{user}'", "setpriv: setresuid failed: Operation not permitted"
        ),
        refuses=frozenset({"--reset-env", "--bounding-set", "--selinux-label", "--apparmor-profile"}),
        without_command="setpriv: No program specified",
    ),
    "runuser": WrapperRule(
        with_value=frozenset({"-u", "--user", "-g", "--group", "-G", "--supp-group"}),
        text=_util_linux("runuser"),
        user_option=("-u", "--user"),
        user_text=_no_user(
            _NO_ACCOUNT.format(tool="runuser"),
            "runuser: may not be used by non-root users",
        ),
        without_command="runuser: no command was specified",
    ),
    "sudo": WrapperRule(
        with_value=frozenset({"-u", "--user", "-g", "--group", "-h", "-p", "-C", "-T", "-U", "-r", "-t"}),
        text=_sudo,
        user_option=("-u", "--user"),
        user_text=_no_user("sudo: unknown user", ""),
        refuses=frozenset({"-i", "-s", "--login", "--shell", "-e", "-l", "-D", "-R"}),
        without_command="usage: sudo -h",
        sets_home=True,
    ),
    "doas": WrapperRule(
        with_value=frozenset({"-u", "-C", "-a"}),
        text=lambda _name, _message, _there: None,
        user_option=("-u",),
        refuses=frozenset({"-s", "-L"}),
        without_command="usage: doas [-Lns]",
    ),
    "chroot": WrapperRule(
        with_value=frozenset({"--userspec", "--groups"}),
        operands=1,
        text=_coreutils("chroot"),
        user_option=("--userspec",),
        user_text=_no_user("chroot: invalid user", "chroot: cannot change root directory to '/': " + NOT_PERMITTED),
    ),
    "xargs": WrapperRule(
        with_value=frozenset({"-I", "-n", "-P", "-L", "-E", "-s", "-d"})
        | frozenset({"--replace", "--max-args", "--max-procs", "--max-lines", "--max-chars", "--delimiter"}),
        text=_message("xargs: {name}: {message}"),
        refuses=frozenset({"-r", "--no-run-if-empty", "-a", "--arg-file", "-p", "--interactive", "-i", "-l", "-e"}),
    ),
    "softlimit": WrapperRule(
        with_value=frozenset(f"-{letter}" for letter in "acdflmoprst"),
        text=_djb("softlimit: fatal: unable to run {name}: {message}"),
        without_command="child",
        uses_execvp=False,
    ),
    "s6-softlimit": WrapperRule(
        with_value=frozenset(f"-{letter}" for letter in "acdflmoprst"),
        text=_message("s6-softlimit: fatal: unable to exec {name}: {message}"),
        without_command="s6-softlimit: usage: s6-softlimit",
        uses_execvp=False,
    ),
    "nice": WrapperRule(with_value=frozenset({"-n", "--adjustment"}), text=_message("nice: '{name}': {message}")),
    "nohup": WrapperRule(text=_coreutils("nohup"), without_command="nohup: missing operand"),
    "timeout": WrapperRule(
        with_value=frozenset({"-k", "--kill-after", "-s", "--signal"}),
        operands=1,
        text=_coreutils("timeout"),
        without_command="timeout --help",
    ),
    "stdbuf": WrapperRule(
        with_value=frozenset({"-i", "-o", "-e", "--input", "--output", "--error"}),
        text=_coreutils("stdbuf"),
        without_command="stdbuf: missing operand",
    ),
    "setsid": WrapperRule(text=_util_linux("setsid"), without_command="setsid: no command specified"),
    "ionice": WrapperRule(with_value=frozenset({"-c", "-n", "-p", "-P", "-u"}), text=_util_linux("ionice")),
    "taskset": WrapperRule(
        operands=1, text=_util_linux("taskset"), refuses=frozenset({"-p", "--pid"}), without_command="bad usage"
    ),
    "chrt": WrapperRule(
        with_value=frozenset({"-T", "-P", "-D"}),
        operands=1,
        text=_util_linux("chrt"),
        refuses=frozenset({"-p", "-m", "-f", "-r", "-d"}),
    ),
    "prlimit": WrapperRule(
        text=_util_linux("prlimit"),
        with_value=frozenset({"-o"}),
        refuses=frozenset({"-p", "--pid", "-n", "--nofile", "-v", "--as"}),
    ),
    "flock": WrapperRule(
        with_value=frozenset({"-w", "--timeout", "--wait", "-E"}),
        operands=1,
        text=_util_linux("flock"),
        refuses=frozenset({"-u", "--unlock", "-c", "--command"}),
    ),
}
"""Rules of GNU and util-linux tools apply to busybox's applets of the same name, which have other texts."""

ALIASES = {"tini-static": "tini", "docker-init": "tini"}

UNDECIDED_TOOLS = frozenset(
    {"execlineb", "unshare", "nsenter", "setarch", "envdir", "linux32", "linux64", "x86_64", "i386", "time", "watch"}
    | {"s6-envuidgid", "s6-applyuidgid", "s6-notifyoncheck", "s6-fghack", "s6-setlock", "envuidgid", "pgrphack"}
    | {"foreground", "background", "redirfd", "fdmove", "importas", "with-contenv", "s6-overlay-suexec", "runsv"}
    | {"chronic", "unbuffer", "strace", "ltrace", "faketime", "eatmydata", "numactl", "cpulimit", "dbus-run-session"}
    | {"dbus-launch", "ssh-agent", "systemd-run", "bwrap", "firejail", "catchsegv", "valgrind", "jemalloc.sh"}
    | {"start-stop-daemon", "script", "fakeroot", "proot"}
)
"""Tools that execute other programs in ways that are not followed."""


def no_text(_user: str, _problem: UserProblem) -> None:
    """The message of a tool whose words are not known."""
    return


def busybox_text(tool: str) -> ErrorText:
    """The message of an applet of busybox that cannot execute its command."""
    if tool == "xargs":
        return RULES["xargs"].text
    return lambda name, message, _there: f"{tool}: can't execute '{name}': {message}"
