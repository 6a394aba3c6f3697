"""Small programs of scripts that certainly fail: on a missing file, or on one that the user may not change.

The messages were recorded from GNU coreutils 9.1, sed 4.9 and busybox 1.35.
"""

from __future__ import annotations

import itertools
import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from weighbridge.domain.image.rootfs import LookupFailure, LookupReason, Node
from weighbridge.domain.paths import is_at_or_below
from weighbridge.domain.start.accounts import parse_group, parse_passwd, read_account_file
from weighbridge.domain.start.attempt import Process
from weighbridge.domain.start.scripts.conditions import UNKNOWN_PLACES, Tester
from weighbridge.domain.start.scripts.state import State
from weighbridge.domain.start.shells import find_in_path

_MISSING = "No such file or directory"
_DENIED = "Permission denied"
_NOT_PERMITTED = "Operation not permitted"
_MAX_ANCESTORS = 64
_MAX_FIND_BYTES = 1024 * 1024
_WRITABLE = (*UNKNOWN_PLACES, "/tmp")  # noqa: S108
"""Folders whose permissions engines and orchestrators set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CertainFailure:
    """The exit status, the printed message, and its file."""

    status: int
    text: str
    path: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Call:
    """One call of a program: its operands, its options, and where it runs."""

    process: Process
    tester: Tester
    state: State
    name: str
    options: frozenset[str]
    operands: tuple[str, ...]
    words: tuple[str, ...]
    is_busybox: bool

    def place(self, path: str) -> Node | LookupFailure | None:
        """The file at the path; None if the running container may have a different one."""
        if self.state.directory is None and not path.startswith("/"):
            return None
        credentials = self.process.credentials
        node = self.process.rootfs.lookup(path, cwd=self.process.cwd, may_search=credentials.may_search)
        where = node.path if isinstance(node, Node) else node.at
        if self.tester.is_uncertain(self.state, where, is_there=isinstance(node, Node)):
            return None
        return node

    def missing(self, path: str) -> bool:
        """True if the path is certainly missing."""
        found = self.place(path)
        return isinstance(found, LookupFailure) and found.reason is LookupReason.NOT_FOUND


def certain_failure(
    process: Process, tester: Tester, state: State, fields: tuple[str | None, ...], *, is_busybox: bool
) -> CertainFailure | None:
    """How the program certainly fails; None if it may succeed."""
    name = posixpath.basename(fields[0] or "")
    rule = _RULES.get(name)
    if rule is None or None in fields:
        return None
    words = [field or "" for field in fields[1:]]
    is_option = [word.startswith("-") and len(word) > 1 for word in words]
    if "--" in words or any(word.startswith("--") for word in words):
        return None
    letters = "".join(word[1:] for word, option in zip(words, is_option, strict=True) if option)
    operands = tuple(word for word, option in zip(words, is_option, strict=True) if not option)
    call = _Call(
        process=process,
        tester=tester,
        state=state,
        name=name,
        options=frozenset(letters),
        operands=operands,
        words=tuple(words),
        is_busybox=is_busybox,
    )
    if not letters.isalpha() and letters:
        return None
    return next(rule(call), None)


def may_create(process: Process, tester: Tester, state: State, path: str) -> bool | None:
    """Whether the user may write the file, or create it; None if unknown. The path is absolute."""
    credentials = process.credentials
    if credentials.uid == 0 or any(is_at_or_below(path, place) for place in _WRITABLE):
        return None
    node = process.rootfs.lookup(path, may_search=credentials.may_search)
    if isinstance(node, LookupFailure) and node.reason is LookupReason.NOT_FOUND:
        node = process.rootfs.lookup(posixpath.dirname(path.rstrip("/")) or "/", may_search=credentials.may_search)
        if isinstance(node, Node) and not node.is_directory:
            return None
    if isinstance(node, LookupFailure):
        denied = node.reason is LookupReason.PERMISSION_DENIED
        return False if denied and not tester.is_uncertain(state, node.at, is_there=True) else None
    if tester.is_uncertain(state, node.path, is_there=True):
        return None
    may_write = credentials.may_write(node.entry)
    return may_write and (not node.is_directory or credentials.may_search(node.entry))


def _cat(call: _Call) -> Iterator[CertainFailure]:
    for path in call.operands:
        if path != "-" and call.missing(path):
            text = f"cat: can't open '{path}': {_MISSING}" if call.is_busybox else f"cat: {path}: {_MISSING}"
            yield CertainFailure(status=1, text=text, path=path, why=_MISSING)


def _copy(call: _Call) -> Iterator[CertainFailure]:
    if len(call.operands) < 2 or call.options & {"t", "S", "T", "b"}:
        return
    for path in call.operands[:-1]:
        if call.missing(path):
            gnu = f"{call.name}: cannot stat '{path}': {_MISSING}"
            verb = "stat" if call.name == "cp" else "rename"
            text = f"{call.name}: can't {verb} '{path}': {_MISSING}" if call.is_busybox else gnu
            yield CertainFailure(status=1, text=text, path=path, why=_MISSING)


def _list(call: _Call) -> Iterator[CertainFailure]:
    for path in call.operands:
        if call.missing(path):
            text = f"ls: {path}: {_MISSING}" if call.is_busybox else f"ls: cannot access '{path}': {_MISSING}"
            yield CertainFailure(status=1 if call.is_busybox else 2, text=text, path=path, why=_MISSING)


def _change(call: _Call) -> Iterator[CertainFailure]:
    """``chmod`` and ``chown``: on a missing file, and on one of another owner."""
    if len(call.operands) < 2 or "f" in call.options:
        return
    if call.name == "chown":
        yield from _unknown_owner(call)
    uid = call.process.credentials.uid
    for path in call.operands[1:]:
        if call.missing(path):
            text = f"{call.name}: {path}: {_MISSING}"
            if not call.is_busybox:
                text = f"{call.name}: cannot access '{path}': {_MISSING}"
            yield CertainFailure(status=1, text=text, path=path, why=_MISSING)
        found = call.place(path)
        if uid and isinstance(found, Node) and found.uid != uid:
            what = "ownership" if call.name == "chown" else "permissions"
            text = f"{call.name}: {path}: {_NOT_PERMITTED}"
            if not call.is_busybox:
                text = f"{call.name}: changing {what} of '{path}': {_NOT_PERMITTED}"
            why = f"owner {found.uid}, run as {uid}"
            yield CertainFailure(status=1, text=text, path=path, why=why)


def _unknown_owner(call: _Call) -> Iterator[CertainFailure]:
    spec = call.operands[0]
    user = spec.replace(".", ":").partition(":")[0]
    if (
        not user
        or user.isdigit()
        or call.process.has_more_accounts
        or call.tester.is_uncertain(call.state, "/etc/passwd", is_there=False)
    ):
        return
    accounts = parse_passwd(read_account_file(call.process.rootfs, "/etc/passwd"))
    if any(account.name in {user, spec} for account in accounts):
        return
    text = f"chown: unknown user {user}" if call.is_busybox else f"chown: invalid user: '{spec}'"
    yield CertainFailure(status=1, text=text, path="/etc/passwd", why=f"has no account {user}")


def _make_directory(call: _Call) -> Iterator[CertainFailure]:
    if call.options - {"p", "v"}:
        return
    can_not = "can't create" if call.is_busybox else "cannot create"
    for path in call.operands:
        failure = _missing_parent(call, path) or _denied_ancestor(call, path)
        if failure is not None:
            where, why = failure
            # busybox ends the part that it cannot make with a slash.
            yield CertainFailure(status=1, text=f"mkdir: {can_not} directory '{where}", path=path, why=why)


def _missing_parent(call: _Call, path: str) -> tuple[str, str] | None:
    parent = posixpath.dirname(path.rstrip("/"))
    if "p" in call.options or not parent or not call.missing(parent):
        return None
    return f"{path}': {_MISSING}", f"{parent} is not in the image"


def _denied_ancestor(call: _Call, path: str) -> tuple[str, str] | None:
    """The first missing folder of the path that the user may not create."""
    if not path.startswith("/"):
        return None
    parts = posixpath.normpath(path).split("/")[1:]
    for count in range(1, min(len(parts), _MAX_ANCESTORS) + 1):
        here = "/" + "/".join(parts[:count])
        found = call.place(here)
        if found is None:
            return None
        if isinstance(found, Node):
            continue
        if may_create(call.process, call.tester, call.state, here) is False:
            return here, f"user {call.process.credentials.uid} may not write into its parent folder"
        return None
    return None


def _remove(call: _Call) -> Iterator[CertainFailure]:
    if call.options & {"f", "i", "I"}:
        return
    for path in call.operands:
        if call.missing(path):
            verb = "can't remove" if call.is_busybox else "cannot remove"
            yield CertainFailure(status=1, text=f"rm: {verb} '{path}': {_MISSING}", path=path, why=_MISSING)


def _grep(call: _Call) -> Iterator[CertainFailure]:
    """A file that is not there: the status is 2, also where another file has the text."""
    if call.options - set("qEFiwxvcnoh") or len(call.operands) < 2:
        return
    for path in call.operands[1:]:
        if path != "-" and call.missing(path):
            yield CertainFailure(status=2, text=f"grep: {path}: {_MISSING}", path=path, why=_MISSING)


def _touch(call: _Call) -> Iterator[CertainFailure]:
    if call.options - {"c", "a", "m"} or "c" in call.options:
        return
    for path in call.operands:
        parent = posixpath.dirname(path)
        why = _MISSING if parent and call.missing(parent) else ""
        if not why and path.startswith("/") and may_create(call.process, call.tester, call.state, path) is False:
            why = _DENIED
        if why:
            text = f"touch: {path}: {why}" if call.is_busybox else f"touch: cannot touch '{path}': {why}"
            yield CertainFailure(status=1, text=text, path=path, why=why)


def _sed(call: _Call) -> Iterator[CertainFailure]:
    """``sed -i`` writes a new file in the folder of the one that it edits."""
    if call.options != {"i"} or len(call.operands) != 2:
        return
    path = call.operands[1]
    if call.missing(path):
        text = f"sed: {path}: {_MISSING}" if call.is_busybox else f"sed: can't read {path}: {_MISSING}"
        yield CertainFailure(status=1 if call.is_busybox else 2, text=text, path=path, why=_MISSING)
        return
    beside = f"{posixpath.dirname(path).rstrip('/')}/.sed-temporary"
    if path.startswith("/") and may_create(call.process, call.tester, call.state, beside) is False:
        text = "sed: can't create temp file" if call.is_busybox else "sed: couldn't open temporary file"
        yield CertainFailure(status=1 if call.is_busybox else 4, text=text, path=path, why=_DENIED)


def _unknown_to_find(call: _Call, what: str, name: str) -> str:
    """The message of findutils, whose words changed with 4.10."""
    path = find_in_path(call.process, "find")
    node = call.process.rootfs.lookup(path) if path is not None else None
    content = call.process.rootfs.read(node, limit_bytes=_MAX_FIND_BYTES) if isinstance(node, Node) else b""
    if b"invalid user name or UID argument" in content:
        return f"find: invalid {what} name or {what[0].upper()}ID argument to -{what}: '{name}'"
    return f"find: '{name}' is not the name of " + ("a known user" if what == "user" else "an existing group")


def _find(call: _Call) -> Iterator[CertainFailure]:
    """A starting point, or the account of ``-user NAME``, that the image does not have."""
    starts = itertools.takewhile(lambda word: word[:1] not in {"-", "(", "!"}, call.words)
    for path in starts:
        if path and call.missing(path):
            shown = path if call.is_busybox else f"'{path}'"
            yield CertainFailure(status=1, text=f"find: {shown}: {_MISSING}", path=path, why=_MISSING)
    for option, file, what in (("-user", "/etc/passwd", "user"), ("-group", "/etc/group", "group")):
        if option not in call.words[:-1]:
            continue
        name = call.words[call.words.index(option) + 1]
        is_uncertain = call.process.has_more_accounts or call.tester.is_uncertain(call.state, file, is_there=False)
        content = read_account_file(call.process.rootfs, file)
        accounts = parse_passwd(content) if what == "user" else parse_group(content)
        if name.isdigit() or is_uncertain or any(account.name == name for account in accounts):
            continue
        text = f"find: unknown {what} {name}" if call.is_busybox else _unknown_to_find(call, what, name)
        yield CertainFailure(status=1, text=text, path=file, why=f"has no {what} {name}")


def _stat(call: _Call) -> Iterator[CertainFailure]:
    """``stat -c FORMAT FILE``. The verb of the message depends on the release."""
    if call.words[:1] != ("-c",) or len(call.operands) != 2:
        return
    path = call.operands[1]
    if call.missing(path):
        yield CertainFailure(status=1, text=f"'{path}': {_MISSING}", path=path, why=_MISSING)


def _link(call: _Call) -> Iterator[CertainFailure]:
    """A link whose name is taken. In a directory, the link gets the name of its target."""
    if len(call.operands) != 2 or call.options - {"s", "v", "r"}:
        return
    target, path = call.operands
    found = call.place(path)
    if isinstance(found, Node) and found.is_directory:
        path = f"{path.rstrip('/')}/{posixpath.basename(target.rstrip('/'))}"
        found = call.place(path)
    if isinstance(found, Node):
        what = "symbolic" if "s" in call.options else "hard"
        text = f"ln: {path}: File exists" if call.is_busybox else f"ln: failed to create {what} link '{path}'"
        yield CertainFailure(status=1, text=text, path=path, why="the image has a file of that name")


_RULES: dict[str, Callable[[_Call], Iterator[CertainFailure]]] = {
    "cat": _cat,
    "cp": _copy,
    "mv": _copy,
    "ls": _list,
    "chmod": _change,
    "chown": _change,
    "mkdir": _make_directory,
    "touch": _touch,
    "ln": _link,
    "find": _find,
    "stat": _stat,
    "rm": _remove,
    "grep": _grep,
    "sed": _sed,
}
