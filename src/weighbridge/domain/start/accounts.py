"""``USER``, ``/etc/passwd`` and ``/etc/group``: resolves the user of the program as the engine does.

Source: moby/sys/user (``GetExecUser``): names are looked up in the image's own files, a number is used directly, and
supplementary groups come from the group file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from weighbridge.domain.image.layer import Entry
from weighbridge.domain.image.rootfs import Node, Rootfs

MAX_ACCOUNT_FILE_BYTES = 1024 * 1024
_MAX_ID = 2**31 - 1
_ID_BITS = 2**32 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A line of passwd."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


@dataclass(frozen=True, kw_only=True, slots=True)
class UserGroup:
    """A line of group."""

    name: str
    gid: int
    members: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """The user of a process. Root has ``CAP_DAC_OVERRIDE``, as in the engine; other users have no capability."""

    uid: int = 0
    gid: int = 0
    groups: frozenset[int] = field(default_factory=frozenset)
    home: str = "/"

    def may_execute(self, entry: Entry) -> bool:
        """True if ``execve`` of a regular file is allowed. Even root needs one execute bit (capabilities(7))."""
        return bool(entry.mode & 0o111) if self.uid == 0 else bool(self._bits(entry) & 1)

    def may_search(self, entry: Entry) -> bool:
        """True if the process may traverse a directory."""
        return self.uid == 0 or bool(self._bits(entry) & 1)

    def may_read(self, entry: Entry) -> bool:
        """True if a file may be opened for reading."""
        return self.uid == 0 or bool(self._bits(entry) & 4)

    def may_write(self, entry: Entry) -> bool:
        """True if a file may be opened for writing."""
        return self.uid == 0 or bool(self._bits(entry) & 2)

    def _bits(self, entry: Entry) -> int:
        if entry.uid == self.uid:
            return entry.mode >> 6 & 7
        if entry.gid == self.gid or entry.gid in self.groups:
            return entry.mode >> 3 & 7
        return entry.mode & 7


@dataclass(frozen=True, kw_only=True, slots=True)
class UnknownUser:
    """The engine refuses to start; `message` is its text."""

    message: str


def parse_passwd(data: bytes) -> tuple[Account, ...]:
    """The accounts of a passwd file. A missing or malformed number is 0, as in the engine's parser."""
    accounts = []
    for fields in _lines(data):
        padded = [*fields, "", "", "", "", "", ""]
        accounts.append(
            Account(name=fields[0], uid=_number(padded[2]), gid=_number(padded[3]), home=padded[5], shell=padded[6])
        )
    return tuple(accounts)


def parse_group(data: bytes) -> tuple[UserGroup, ...]:
    """The groups of a group file."""
    groups = []
    for fields in _lines(data):
        padded = [*fields, "", "", ""]
        members = tuple(name for name in padded[3].split(",") if name)
        groups.append(UserGroup(name=fields[0], gid=_number(padded[2]), members=members))
    return tuple(groups)


def resolve_user(user: str, passwd: bytes, group: bytes) -> Credentials | UnknownUser:
    """Resolve ``USER user`` with the contents of the two files (empty for a missing file)."""
    # A third part is ignored, as in the engine's parser.
    user_part, group_part = (*user.split(":"), "")[:2]
    accounts, groups = parse_passwd(passwd), parse_group(group)
    wanted_uid = _as_id(user_part)
    by_name = bool(user_part) and wanted_uid is None
    # A number is always a uid, even if an account has that number as its name.
    account = next(
        (
            account
            for account in accounts
            if (account.name == user_part if by_name else account.uid == (wanted_uid or 0))
        ),
        None,
    )
    if account is not None:
        # The engine keeps 32 bits of a number in passwd, and the runtime refuses what is out of range.
        uid, gid, home = account.uid & _ID_BITS, account.gid & _ID_BITS, account.home or "/"
        if max(uid, gid) > _MAX_ID:
            return UnknownUser(message="uids and gids must be in range 0-2147483647")
    elif not user_part:
        uid, gid, home = 0, 0, "/"
    elif wanted_uid is None:
        return UnknownUser(message=f"unable to find user {user_part}: no matching entries in passwd file")
    elif not 0 <= wanted_uid <= _MAX_ID:
        return UnknownUser(message="uids and gids must be in range 0-2147483647")
    else:
        uid, gid, home = wanted_uid, 0, "/"
    supplementary: set[int] = set()
    if group_part:
        wanted_gid = _as_id(group_part)
        found = next(
            (
                entry
                for entry in groups
                if (entry.name == group_part if wanted_gid is None else entry.gid == wanted_gid)
            ),
            None,
        )
        if found is not None:
            gid = found.gid
        elif wanted_gid is None:
            return UnknownUser(message=f"unable to find group {group_part}: no matching entries in group file")
        elif not 0 <= wanted_gid <= _MAX_ID:
            return UnknownUser(message="uids and gids must be in range 0-2147483647")
        else:
            gid = wanted_gid
    elif account is not None:
        supplementary = {entry.gid for entry in groups if account.name in entry.members}
    return Credentials(uid=uid, gid=gid, groups=frozenset(supplementary), home=home)


def user_of(rootfs: Rootfs, user: str) -> Credentials | UnknownUser:
    """Resolve ``USER user`` in the image."""
    return resolve_user(user, read_account_file(rootfs, "/etc/passwd"), read_account_file(rootfs, "/etc/group"))


def read_account_file(rootfs: Rootfs, path: str) -> bytes:
    """The content of passwd or group; empty if the file is missing."""
    node = rootfs.lookup(path)
    return rootfs.read(node, limit_bytes=MAX_ACCOUNT_FILE_BYTES) if isinstance(node, Node) and node.is_file else b""


def _lines(data: bytes) -> Iterator[list[str]]:
    for raw in data.decode("utf-8", "surrogateescape").split("\n"):
        line = raw.strip()
        if line:
            yield line.split(":")


def _number(text: str) -> int:
    return _as_id(text) or 0


def _as_id(text: str) -> int | None:
    """`text` as a number, or None. Go's Atoi: an optional sign and ASCII digits."""
    digits = text[1:] if text[:1] in {"-", "+"} else text
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        return None
    return int(text)
