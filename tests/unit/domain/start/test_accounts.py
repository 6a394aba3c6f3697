"""``USER``: names and numbers, as the engine resolves them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.domain.image.layer import Changeset, Entry, EntryKind
from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.domain.start.accounts import (
    Account,
    Credentials,
    UnknownUser,
    UserGroup,
    parse_group,
    parse_passwd,
    read_account_file,
    resolve_user,
)

_PASSWD = b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n4242:x:7:8::/:\n"
_GROUP = b"root:x:0:\napp:x:1001:\nvideo:x:44:app,other\n"


@pytest.mark.parametrize(
    ("user", "uid", "gid", "groups"),
    [
        ("", 0, 0, set()),
        ("app", 1000, 1001, {44}),
        ("1000", 1000, 1001, {44}),
        ("1234", 1234, 0, set()),
        ("app:video", 1000, 44, set()),
        ("app:video:x", 1000, 44, set()),
        ("app:99", 1000, 99, set()),
        ("1234:app", 1234, 1001, set()),
        ("4242", 4242, 0, set()),
    ],
)
def test_names_and_numbers_are_resolved(user, uid, gid, groups):
    credentials = resolve_user(user, _PASSWD, _GROUP)
    assert isinstance(credentials, Credentials)
    assert (credentials.uid, credentials.gid, credentials.groups) == (uid, gid, frozenset(groups))


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ("nobody1", "unable to find user nobody1: no matching entries in passwd file"),
        ("app:nogr", "unable to find group nogr: no matching entries in group file"),
        ("99999999999", "uids and gids must be in range 0-2147483647"),
        ("-1", "uids and gids must be in range 0-2147483647"),
    ],
)
def test_missing_program_gives_engine_message(user, message):
    assert resolve_user(user, _PASSWD, _GROUP) == UnknownUser(message=message)


@pytest.mark.parametrize(
    ("user", "home"),
    [("app", "/home/app"), ("1000", "/home/app"), ("1234", "/"), ("", "/root"), ("bare", "/"), (":app", "/root")],
)
def test_home_of_a_user_is_that_of_passwd_or_the_root(user, home):
    assert resolve_user(user, _PASSWD + b"bare:x:8:9::\n", _GROUP).home == home


@pytest.mark.parametrize(
    ("user", "uid", "gid"),
    [
        ("2147483647", 2**31 - 1, 0),
        ("0:2147483647", 0, 2**31 - 1),
        ("+5", 5, 0),
        ("0:0", 0, 0),
        (":app", 0, 1001),
        (":44", 0, 44),
        ("app:1001", 1000, 1001),
        ("1:+44", 1, 44),
    ],
)
def test_numbers_up_to_the_largest_id_are_used(user, uid, gid):
    credentials = resolve_user(user, _PASSWD, _GROUP)
    assert (credentials.uid, credentials.gid, credentials.groups) == (uid, gid, frozenset())


@pytest.mark.parametrize("user", ["2147483648", "0:2147483648", "0:-1", "-2147483648", "1" * 18])
def test_numbers_outside_of_the_range_are_refused(user):
    assert resolve_user(user, _PASSWD, _GROUP) == UnknownUser(message="uids and gids must be in range 0-2147483647")


@pytest.mark.parametrize(
    ("user", "what"), [("1" * 19, "user"), ("app:" + "1" * 19, "group"), ("\u0663", "user"), ("5-", "user")]
)
def test_text_that_is_no_number_for_go_is_a_name(user, what):
    name = user.rpartition(":")[2]
    assert resolve_user(user, _PASSWD, _GROUP).message.startswith(f"unable to find {what} {name}: no matching entries")


def test_lines_of_passwd_and_group_may_be_cut_short():
    accounts = parse_passwd(b"\n  app:x:1:2:gecos:/home:/bin/ash \nname\nbad:x:y:-\n")
    assert accounts == (
        Account(name="app", uid=1, gid=2, home="/home", shell="/bin/ash"),
        Account(name="name", uid=0, gid=0, home="", shell=""),
        Account(name="bad", uid=0, gid=0, home="", shell=""),
    )
    assert parse_group(b"video:x:44:a,,b\nname\n") == (
        UserGroup(name="video", gid=44, members=("a", "b")),
        UserGroup(name="name", gid=0, members=()),
    )


class NoContents:
    """Files whose content nobody may read."""

    def read(self, node, *, offset, length):
        raise AssertionError(node.path)


def test_account_file_that_is_missing_or_a_folder_is_empty():
    entry = Entry(path="etc/passwd/x", kind=EntryKind.FILE, size_bytes=0)
    root = Rootfs.from_changesets([Changeset(diff_id="sha256:0", entries=(entry,))], NoContents())
    assert read_account_file(root, "/etc/passwd") == read_account_file(root, "/etc/group") == b""


def test_first_of_two_equal_names_or_numbers_counts():
    passwd, group = b"a:x:5:6::/one:\na:x:7:8::/two:\nb:x:5:9::/three:\n", b"g:x:1:a\ng:x:2:a\nh:x:1:\n"
    assert resolve_user("a", passwd, group) == Credentials(uid=5, gid=6, groups=frozenset({1, 2}), home="/one")
    assert resolve_user("5:g", passwd, group) == Credentials(uid=5, gid=1, home="/one")


def test_without_files_only_numbers_work():
    assert isinstance(resolve_user("65532:65532", b"", b""), Credentials)
    assert isinstance(resolve_user("app", b"", b""), UnknownUser)


def test_root_needs_one_execute_bit_and_no_search_permission():
    root = Credentials()
    assert not root.may_execute(Entry(path="f", kind=EntryKind.FILE, mode=0o644))
    assert root.may_execute(Entry(path="f", kind=EntryKind.FILE, mode=0o001, uid=5))
    assert root.may_search(Entry(path="d", kind=EntryKind.DIRECTORY, mode=0))


def test_owner_bits_apply_to_owner_only():
    user = Credentials(uid=1000, gid=1000, groups=frozenset({44}))
    assert not user.may_execute(Entry(path="f", kind=EntryKind.FILE, mode=0o077, uid=1000))
    assert user.may_execute(Entry(path="f", kind=EntryKind.FILE, mode=0o010, gid=44))
    assert not user.may_execute(Entry(path="f", kind=EntryKind.FILE, mode=0o701, gid=44))
    assert user.may_execute(Entry(path="f", kind=EntryKind.FILE, mode=0o001))


@given(st.text(max_size=20), st.binary(max_size=200), st.binary(max_size=200))
def test_any_user_and_any_files_are_resolved(user, passwd, group):
    answer = resolve_user(user, passwd, group)
    assert isinstance(answer, Credentials | UnknownUser)


@pytest.mark.parametrize(
    ("uid", "gid", "groups", "bits"),
    [(5, 9, (), 0o6), (9, 6, (), 0o5), (9, 9, (6,), 0o5), (9, 9, (7,), 0o3)],
)
def test_owner_group_and_others_use_own_bits(uid, gid, groups, bits):
    credentials = Credentials(uid=uid, gid=gid, groups=frozenset(groups), home="/")
    entry = Entry(path="a", kind=EntryKind.FILE, size_bytes=0, mode=0o653, uid=5, gid=6)
    assert credentials.may_read(entry) is bool(bits & 4)
    assert credentials.may_write(entry) is bool(bits & 2)
    assert credentials.may_execute(entry) is bool(bits & 1)
    assert credentials.may_search(entry) is bool(bits & 1)


def test_root_reads_and_writes_regardless_of_bits():
    root = Credentials(uid=0, gid=0, groups=frozenset(), home="/")
    entry = Entry(path="a", kind=EntryKind.FILE, size_bytes=0, mode=0, uid=5, gid=6)
    assert (root.may_read(entry), root.may_write(entry), root.may_search(entry)) == (True, True, True)
    assert not root.may_execute(entry)


def test_number_in_passwd_keeps_32_bits_and_is_refused_out_of_range():
    passwd = b"neg:x:-5:5::/:\nbig:x:4294967296:1::/:\n"
    assert resolve_user("neg", passwd, b"") == UnknownUser(message="uids and gids must be in range 0-2147483647")
    credentials = resolve_user("big", passwd, b"")
    assert isinstance(credentials, Credentials)
    assert (credentials.uid, credentials.gid) == (0, 1)
