"""Programs that need an account or a group of the image."""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.start.accounts import parse_group, parse_passwd, read_account_file
from weighbridge.domain.start.scripts.tools.call import Call, CertainFailure, Rule
from weighbridge.domain.start.shells import find_in_path

_MAX_FIND_BYTES = 1024 * 1024
_FILES = {"user": "/etc/passwd", "group": "/etc/group"}


def knows(call: Call, what: str, name: str) -> bool | None:
    """Whether passwd (`what` is user) or group has the name; None if the running container may have more."""
    file = _FILES[what]
    content = read_account_file(call.process.rootfs, file)
    entries = parse_passwd(content) if what == "user" else parse_group(content)
    if any(entry.name == name for entry in entries):
        return True
    is_uncertain = call.process.has_more_accounts or call.tester.is_uncertain(call.state, file, is_there=False)
    return None if is_uncertain else False


def unknown_owner(call: Call, spec: str) -> Rule:
    """``chown user:group`` with a name that the image does not have. An empty user of busybox is one too."""
    user, has_group, group = (spec, "", "") if call.name == "chgrp" else spec.replace(".", ":").partition(":")
    if call.name == "chgrp":
        user, group = "", spec
    elif user and knows(call, "user", spec):
        return
    for what, name in (("user", user), ("group", group)):
        if not name or name.isdecimal() or knows(call, what, name) is not False:
            continue
        both = what == "user" and group and not group.isdecimal() and knows(call, "group", group) is False
        busybox = f"unknown user/group {spec}" if both or (what == "group" and user) else f"unknown {what} {name}"
        gnu = call.quoted(f"invalid {what}:", spec)
        yield call.fails(gnu=gnu, busybox=busybox, path=_FILES[what], why=f"has no {what} {name}")
    if call.is_busybox and spec in {"", ":"}:
        what = "group" if has_group else "user"
        yield call.fails(gnu="", busybox=f"unknown {what}", path=_FILES[what], why="the name is empty")


def _find(call: Call) -> Rule:
    """``find``: the account of ``-user NAME``."""
    for option, what in (("-user", "user"), ("-group", "group")):
        if option not in call.words[:-1]:
            continue
        name = call.words[call.words.index(option) + 1]
        if name.isdecimal() or knows(call, what, name) is not False:
            continue
        text = f"unknown {what} {name}" if call.is_busybox else _unknown_to_find(call, what, name)
        yield call.fails(gnu=text, busybox=text, path=_FILES[what], why=f"has no {what} {name}")


def _unknown_to_find(call: Call, what: str, name: str) -> str:
    """The message of findutils, whose words changed with 4.10."""
    path = find_in_path(call.process, "find")
    node = call.process.rootfs.lookup(path) if path is not None else None
    content = call.process.rootfs.read(node, limit_bytes=_MAX_FIND_BYTES) if isinstance(node, Node) else b""
    if b"invalid user name or UID argument" in content:
        return call.quoted(f"invalid {what} name or {what[0].upper()}ID argument to -{what}:", name)
    is_plain = call.quoted("", name)
    return (
        f"'{name}' is not the name of " + ("a known user" if what == "user" else "an existing group")
        if is_plain
        else ""
    )


def _id(call: Call) -> Rule:
    for name in call.operands[:1]:
        if not name.isdecimal() and knows(call, "user", name) is False:
            gnu = "" if call.quoted("", name) == "" else f"'{name}': no such user"
            yield call.fails(gnu=gnu, busybox=f"unknown user {name}", path="/etc/passwd", why=f"has no user {name}")


def _getent(call: Call) -> Rule:
    """``getent passwd NAME`` prints nothing for an unknown name. Other databases are not only files of the image."""
    what = {"passwd": "user", "group": "group"}.get(call.words[0] if call.words else "")
    if what is None or len(call.words) != 2 or call.words[1].isdecimal():
        return
    name = call.words[1]
    if knows(call, what, name) is False:
        yield CertainFailure(status=2, text="", path=_FILES[what], why=f"has no {what} {name}")


def _add(call: Call) -> Rule:
    """An account or group that the image has already."""
    what = "user" if call.name == "useradd" else "group"
    if not call.words or call.has("f", "--force", "--root", "--prefix"):
        return
    name = call.words[-1]
    if not name.startswith("-") and knows(call, what, name):
        text = f"{what} '{name}' already exists"
        yield call.fails(gnu=text, busybox=text, path=_FILES[what], why=f"has {name}", status=9)


def _modify(call: Call) -> Rule:
    what = "user" if call.name.startswith("user") else "group"
    if not call.words or call.has("", "--root", "--prefix"):
        return
    name = call.words[-1]
    if not name.startswith("-") and knows(call, what, name) is False:
        text = f"{what} '{name}' does not exist"
        yield call.fails(gnu=text, busybox=text, path=_FILES[what], why=f"has no {what} {name}", status=6)


ACCOUNT_RULES: dict[str, Callable[[Call], Rule]] = {
    "find": _find,
    "id": _id,
    "getent": _getent,
    "useradd": _add,
    "groupadd": _add,
    "usermod": _modify,
    "userdel": _modify,
    "groupmod": _modify,
    "groupdel": _modify,
}
