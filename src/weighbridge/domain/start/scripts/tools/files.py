"""Programs that copy, make, change and remove files, and how they certainly fail.

The messages were recorded from GNU coreutils 9.1 and busybox 1.35.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from weighbridge.domain.image.rootfs import LookupFailure, LookupReason, Node
from weighbridge.domain.start.scripts.tools.accounts import unknown_owner
from weighbridge.domain.start.scripts.tools.call import (
    DENIED,
    MISSING,
    NOT_PERMITTED,
    Call,
    CertainFailure,
    Rule,
    may_create,
)

_MAX_ANCESTORS = 64
_MODE = re.compile(r"[0-7]{1,5}|[-+=]?[0-7]{1,5}|[ugoa]*([-+=]([rwxXst]*|[ugo]))+(,[ugoa]*([-+=]([rwxXst]*|[ugo]))+)*")


def _copy(call: Call) -> Rule:
    if len(call.operands) < 2 or call.has("tST", "--target-directory"):
        return
    *sources, target = call.operands
    for path in sources:
        if call.missing(path):
            verb = "rename" if call.name == "mv" else "stat"
            yield call.fails(
                gnu=f"cannot stat '{path}': {MISSING}", busybox=f"can't {verb} '{path}': {MISSING}", path=path
            )
        elif call.name == "cp" and call.is_directory(path) and not call.has("rRa", "--recursive", "--archive"):
            yield call.fails(
                gnu=f"-r not specified; omitting directory '{path}'",
                busybox=f"omitting directory '{path}'",
                path=path,
                why="is a directory",
            )
        elif not call.has("", "--parents"):
            yield from _into(call, path, sources, target)


def _into(call: Call, path: str, sources: list[str], target: str) -> Rule:
    """The directory of the target is missing."""
    if call.name == "install" and call.has("D"):
        return
    if len(sources) > 1:
        if call.missing(target):
            copied = f"{target.rstrip('/')}/{posixpath.basename(path)}"
            busybox = f"can't create '{copied}'" if call.name == "cp" else "can't rename"
            # The words of coreutils changed with 9.1: only the name is the same.
            yield call.fails(gnu=f"target '{target}'", busybox=busybox, path=target)
        return
    # A directory can be copied to a new name with a slash, a file cannot.
    ends_in_slash = target.endswith("/") and not call.is_directory(path) and call.missing(target)
    if not ends_in_slash and not call.lacks_parent(target):
        return
    if call.name == "mv":
        gnu, busybox = f"cannot move '{path}' to '{target}': ", f"can't rename '{path}': "
    elif call.is_directory(path):
        gnu, busybox = f"cannot create directory '{target}': ", f"can't create directory '{target}': "
    else:
        gnu, busybox = f"cannot create regular file '{target}': ", f"can't create '{target}': "
    yield call.fails(gnu=gnu, busybox=busybox, path=posixpath.dirname(target.rstrip("/")))


def _change(call: Call) -> Rule:
    """``chmod``, ``chown`` and ``chgrp``: on a missing file, and on one of another owner."""
    if len(call.operands) < 2 or call.has("", "--reference", "--from"):
        return
    spec, *paths = call.operands
    if call.name != "chmod":
        yield from unknown_owner(call, spec)
    elif not _MODE.fullmatch(spec):
        yield call.fails(gnu=call.quoted("invalid mode:", spec), busybox=f"invalid mode '{spec}'", why="is no mode")
    uid = call.process.credentials.uid
    is_silent = call.has("f", "--silent", "--quiet") and not call.is_busybox
    for path in paths:
        if call.missing(path):
            failure = call.fails(gnu=f"cannot access '{path}': {MISSING}", busybox=f"{path}: {MISSING}", path=path)
            yield _silenced(failure) if is_silent else failure
        found = call.place(path)
        if uid and isinstance(found, Node) and found.uid != uid:
            what = "permissions" if call.name == "chmod" else "ownership"
            failure = call.fails(
                gnu=f"changing {what} of '{path}': {NOT_PERMITTED}",
                busybox=f"{path}: {NOT_PERMITTED}",
                path=path,
                why=f"owner {found.uid}, run as {uid}",
            )
            yield _silenced(failure) if is_silent else failure


def _silenced(failure: CertainFailure) -> CertainFailure:
    return CertainFailure(status=failure.status, text="", path=failure.path, why=failure.why)


def _make_directory(call: Call) -> Rule:
    can_not = "can't create" if call.is_busybox else "cannot create"
    for path in call.operands:
        failure = _occupied(call, path) or _missing_parent(call, path) or _denied_ancestor(call, path)
        if failure is not None:
            where, why = failure
            # busybox ends the part that it cannot make with a slash.
            yield CertainFailure(status=1, text=f"mkdir: {can_not} directory '{where}", path=path, why=why)


def _occupied(call: Call, path: str) -> tuple[str, str] | None:
    """The path, or a part of it, is there already."""
    if not path:
        return f"': {MISSING}", "the name is empty"
    found = call.place(path)
    parents = call.has("p", "--parents")
    if isinstance(found, Node):
        return None if parents and found.is_directory else (f"{path}': File exists", f"{path} is in the image")
    if isinstance(found, LookupFailure) and found.reason is LookupReason.NOT_A_DIRECTORY and path.startswith("/"):
        return f"{found.at if parents else path}", f"{found.at} is not a directory"
    return None


def _missing_parent(call: Call, path: str) -> tuple[str, str] | None:
    parent = posixpath.dirname(path.rstrip("/"))
    if call.has("p", "--parents") or not parent or not call.missing(parent):
        return None
    return f"{path}': {MISSING}", f"{parent} is not in the image"


def _denied_ancestor(call: Call, path: str) -> tuple[str, str] | None:
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


def _remove(call: Call) -> Rule:
    if call.has("iI", "--interactive"):
        return
    is_forced = call.has("f", "--force")
    is_recursive = call.has("rR", "--recursive")
    for path in call.operands:
        if call.missing(path) and not is_forced:
            yield call.fails(
                gnu=f"cannot remove '{path}': {MISSING}", busybox=f"can't remove '{path}': {MISSING}", path=path
            )
        elif call.is_directory(path) and not is_recursive and not call.has("d", "--dir"):
            yield call.fails(
                gnu=f"cannot remove '{path}': Is a directory",
                busybox=f"'{path}' is a directory",
                path=path,
                why="is a directory",
            )


def _remove_directory(call: Call) -> Rule:
    for path in call.operands:
        if call.missing(path):
            yield call.fails(gnu=f"failed to remove '{path}': {MISSING}", busybox=f"'{path}': {MISSING}", path=path)


def _touch(call: Call) -> Rule:
    if call.has("chdrt", "--no-create", "--reference", "--date"):
        return
    for path in call.operands:
        why = MISSING if call.lacks_parent(path) else ""
        if not why and path.startswith("/") and may_create(call.process, call.tester, call.state, path) is False:
            why = DENIED
        if why:
            yield call.fails(gnu=f"cannot touch '{path}': {why}", busybox=f"{path}: {why}", path=path, why=why)


def _link(call: Call) -> Rule:
    """A link whose name is taken, or whose directory is missing. In a directory, it gets the name of its target."""
    if len(call.operands) != 2 or call.has("tSTb", "--target-directory"):
        return
    target, path = call.operands
    is_symbolic = call.has("s", "--symbolic")
    what = "symbolic" if is_symbolic else "hard"
    if not is_symbolic and call.missing(target):
        yield call.fails(gnu=f"failed to access '{target}': {MISSING}", busybox=f"{target}: {MISSING}", path=target)
        return
    if call.lacks_parent(path):
        yield call.fails(
            gnu=f"failed to create {what} link '{path}'",
            busybox=f"{path}: {MISSING}",
            path=posixpath.dirname(path.rstrip("/")),
        )
        return
    if call.has("fin", "--force", "--no-dereference", "--interactive"):
        return
    found = call.place(path)
    if isinstance(found, Node) and found.is_directory:
        path = f"{path.rstrip('/')}/{posixpath.basename(target.rstrip('/'))}"
        found = call.place(path)
    if isinstance(found, Node):
        yield call.fails(
            gnu=f"failed to create {what} link '{path}'",
            busybox=f"{path}: File exists",
            path=path,
            why="the image has a file of that name",
        )


def _make_special(call: Call) -> Rule:
    """``mkfifo`` and ``mknod`` in a missing directory."""
    for path in call.operands[:1]:
        if call.lacks_parent(path):
            gnu = f"cannot create fifo '{path}': {MISSING}" if call.name == "mkfifo" else f"{path}: {MISSING}"
            yield call.fails(gnu=gnu, busybox=f"{path}: {MISSING}", path=path)


def _make_temporary(call: Call) -> Rule:
    if len(call.operands) != 1 or call.has("ptu", "--tmpdir", "--suffix", "--dry-run"):
        return
    path = call.operands[0]
    if "XXX" not in path and not call.is_busybox:
        yield call.fails(gnu=call.quoted("too few X's in template", path), busybox="", path=path, why="has no XXX")
    elif call.lacks_parent(path):
        what = "directory" if call.has("d", "--directory") else "file"
        gnu = call.quoted(f"failed to create {what} via template", path)
        yield call.fails(gnu=gnu, busybox="", path=path)


FILE_RULES: dict[str, Callable[[Call], Rule]] = {
    "cp": _copy,
    "mv": _copy,
    "install": _copy,
    "chmod": _change,
    "chown": _change,
    "chgrp": _change,
    "mkdir": _make_directory,
    "touch": _touch,
    "ln": _link,
    "rm": _remove,
    "rmdir": _remove_directory,
    "mkfifo": _make_special,
    "mknod": _make_special,
    "mktemp": _make_temporary,
}
