"""Programs that scripts call on their way: which of them end, which change files, and the known output of some."""

from __future__ import annotations

import posixpath
import re

from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.start.accounts import MAX_ACCOUNT_FILE_BYTES, parse_group, parse_passwd
from weighbridge.domain.start.attempt import Process
from weighbridge.domain.start.scripts.conditions import Tester
from weighbridge.domain.start.scripts.state import State

CHANGES_NOTHING = frozenset(
    {"rev", "tac", "nl", "fold", "paste", "join", "shuf", "strings", "xxd", "sha1sum", "sha512sum", "pidof", "mount"}
    | {"umount", "dos2unix", "ping", "nslookup"}
    | {"[", "awk", "basename", "cat", "chmod", "chown", "chgrp", "cmp", "comm", "cut", "date", "df", "diff", "dirname"}
    | {"du", "echo", "egrep", "expr", "false", "fgrep", "free", "getconf", "getent", "grep", "groups", "head"}
    | {"hostname", "id", "ipcs", "kill", "ls", "md5sum", "nproc", "printenv", "printf", "ps", "pwd", "pgrep"}
    | {"readlink", "realpath", "seq", "sha256sum", "sleep", "sort", "stat", "stty", "sync", "tail", "test", "tr"}
    | {"true", "tty", "uname", "uniq", "wc", "which", "whoami", "find", "nc", "ulimit", "sysctl", "locale"}
    | {"getopt", "mountpoint", "base64", "openssl", "lscpu", "ip", "ldd", "file", "jq", "dpkg-query", "tput", "od"}
)
BRIEF = CHANGES_NOTHING | frozenset(
    {"cp", "install", "ln", "mkdir", "mv", "rm", "rmdir", "sed", "tee", "touch", "truncate", "mktemp", "envsubst"}
    | {"tar", "unzip", "gzip", "gunzip", "mknod", "mkfifo", "ldconfig", "useradd", "usermod", "groupadd", "groupmod"}
    | {
        "adduser",
        "addgroup",
        "userdel",
        "setfacl",
        "update-ca-certificates",
        "locale-gen",
        "rsync",
        "patch",
        "chpasswd",
    }
    | {"deluser", "delgroup", "groupdel", "passwd", "killall", "pkill", "dd", "split", "shuf", "pwgen", "uuidgen"}
)
"""Programs that end by themselves, so the following commands are reached."""

ACCOUNT_TOOLS = frozenset(
    {"useradd", "adduser", "usermod", "groupadd", "addgroup", "groupmod", "groupmems", "newusers"}
)
"""Programs that change passwd and group."""

INSTALLERS = frozenset(
    {"apk", "dnf", "yum", "microdnf", "npm", "npx", "yarn", "pnpm", "gem", "bundle", "cargo", "go", "make", "curl"}
    | {
        "wget",
        "git",
        "tar",
        "unzip",
        "uv",
        "poetry",
        "composer",
        "conda",
        "busybox",
        "dpkg",
        "rpm",
        "rsync",
        "corepack",
    }
)
"""Programs that may add files that the image lacks."""

_PLAIN_PATTERN = re.compile(r"\^?[A-Za-z0-9_:/ =-]+")
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "386": "i686", "ppc64le": "ppc64le", "s390x": "s390x"}


def runs_for_ever(fields: tuple[str | None, ...]) -> bool:
    """``sleep infinity`` and ``tail -f``."""
    name = posixpath.basename(fields[0] or "")
    if name == "sleep":
        return fields[1:] in {("infinity",), ("inf",)}
    return name == "tail" and any(each in {"-f", "-F", "--follow"} for each in fields[1:])


def grep_status(process: Process, tester: Tester, state: State, fields: tuple[str | None, ...]) -> int | None:
    """Whether ``grep`` finds a plain text in a file of the image: 0 or 1; None where that is not known."""
    words = [field for field in fields[1:] if field is None or not field.startswith("-")]
    options = "".join(field[1:] for field in fields[1:] if field is not None and field.startswith("-"))
    if len(words) != 2 or None in words or set(options) - set("qsFE"):
        return None
    pattern, path = (word or "" for word in words)
    if not _PLAIN_PATTERN.fullmatch(pattern) or (state.directory is None and not path.startswith("/")):
        return None
    node = process.rootfs.lookup(path, cwd=process.cwd, may_search=process.credentials.may_search)
    if not isinstance(node, Node) or not node.is_file or not process.credentials.may_read(node.entry):
        return None
    if tester.is_uncertain(state, node.path, is_there=True) or node.size_bytes > MAX_ACCOUNT_FILE_BYTES:
        return None
    content = process.rootfs.read(node, limit_bytes=MAX_ACCOUNT_FILE_BYTES).decode("utf-8", "replace")
    anchored = pattern.startswith("^") and "F" not in options
    found = any(line.startswith(pattern[1:]) if anchored else pattern in line for line in content.split("\n"))
    return 0 if found else 1


def is_brief(fields: tuple[str | None, ...]) -> bool:
    """True for any program that is asked for its help or its version, and for ``env`` that prints the environment."""
    return bool({"--help", "--version"} & set(fields)) or fields == ("env",)


def known_output(process: Process, state: State, fields: tuple[str | None, ...]) -> str | None:
    """The output of a program if the image determines it; None otherwise."""
    if None in fields:
        return None
    name, *words = (field or "" for field in fields)
    base = posixpath.basename(name)
    text: str | None = None
    match base:
        case "id":
            text = _id(process, words)
        case "whoami":
            text = _account(process)
        case "uname":
            text = {"-m": _MACHINES.get(process.architecture), "-s": "Linux", "": "Linux"}.get("".join(words))
        case "dirname":
            text = (
                posixpath.dirname(words[0].rstrip("/")) or ("/" if words[0].startswith("/") else ".") if words else None
            )
        case "basename":
            text = _basename(words)
        case "readlink" | "realpath":
            text = _real_path(process, [word for word in words if not word.startswith("-")])
        case "cat":
            return _content(process, state, words)
    return None if text is None else text + "\n"


def _id(process: Process, words: list[str]) -> str | None:
    match "".join(words):
        case "-u" | "--user":
            return str(process.credentials.uid)
        case "-g" | "--group":
            return str(process.credentials.gid)
        case "-un" | "-u-n" | "-nu":
            return _account(process)
        case "-gn" | "-g-n":
            return _group(process)
    if len(words) == 2 and words[0] in {"-u", "-g"}:
        accounts = parse_passwd(_file(process, "/etc/passwd"))
        found = next((each for each in accounts if each.name == words[1]), None)
        return None if found is None else str(found.uid if words[0] == "-u" else found.gid)
    return None


def _account(process: Process) -> str | None:
    accounts = parse_passwd(_file(process, "/etc/passwd"))
    return next((each.name for each in accounts if each.uid == process.credentials.uid), None)


def _group(process: Process) -> str | None:
    groups = parse_group(_file(process, "/etc/group"))
    return next((each.name for each in groups if each.gid == process.credentials.gid), None)


def _file(process: Process, path: str) -> bytes:
    node = process.rootfs.lookup(path)
    if not isinstance(node, Node) or not node.is_file:
        return b""
    return process.rootfs.read(node, limit_bytes=MAX_ACCOUNT_FILE_BYTES)


def _basename(words: list[str]) -> str | None:
    if not words or words[0].startswith("-"):
        return None
    name = posixpath.basename(words[0].rstrip("/")) or words[0][:1]
    suffix = words[1] if len(words) > 1 else ""
    return name.removesuffix(suffix) if name != suffix else name


def _real_path(process: Process, words: list[str]) -> str | None:
    if len(words) != 1:
        return None
    node = process.rootfs.lookup(words[0], cwd=process.cwd)
    return node.path if isinstance(node, Node) else None


def _content(process: Process, state: State, words: list[str]) -> str | None:
    if len(words) != 1 or words[0].startswith("-") or state.touched:
        return None
    node = process.rootfs.lookup(words[0], cwd=process.cwd)
    if not isinstance(node, Node) or not node.is_file or node.size_bytes > 4096 or node.path.startswith("/etc/host"):
        return None
    return process.rootfs.read(node, limit_bytes=4096).decode("utf-8", "replace")
