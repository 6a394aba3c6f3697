"""Diffs of small text files: shown, masked and omitted lines."""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.domain.image.text_changes import (
    MAX_DIFF_LINES,
    MAX_TEXT_BYTES,
    MAX_TEXT_FILES,
    TextChange,
    text_changes,
)
from weighbridge.domain.image.weighed import compare

Weigh = Callable[..., tuple]
TEXT = "FROM python\nCOPY . /srv\n"


def changes(weighed: Weigh, before: dict[str, bytes], after: dict[str, bytes]) -> tuple[TextChange, ...]:
    base, head = weighed(TEXT, before)[0], weighed(TEXT, after)[0]
    return text_changes(base.rootfs, head.rootfs, compare(base, head).files)


def test_text_changes_small_text_shows_unified_diff(weighed: Weigh) -> None:
    (found,) = changes(weighed, {"etc/app.conf": b"a = 1\nb = 2\n"}, {"etc/app.conf": b"a = 1\nb = 30\n"})
    assert found.path == "/etc/app.conf"
    assert found.diff.split("\n")[:2] == ["--- /etc/app.conf", "+++ /etc/app.conf"]
    assert "-b = 2\n+b = 30" in found.diff


def test_text_changes_secret_line_is_masked(weighed: Weigh) -> None:
    old = {"app.env": b"API_TOKEN=hunter2\nURL=https://u:pw123@host/\nMODE=a\n"}
    (found,) = changes(weighed, old, {"app.env": b"API_TOKEN=swordfish9\nURL=https://u:pw456@host/\nMODE=bb\n"})
    assert not any(secret in found.diff for secret in ("hunter2", "swordfish9", "pw123", "pw456"))
    assert "API_TOKEN= ***" in found.diff
    assert "+MODE=bb" in found.diff


def test_text_changes_key_binary_large_and_new_files_are_left_out(weighed: Weigh) -> None:
    large = b"x" * MAX_TEXT_BYTES
    old = {
        "k": b"-----BEGIN RSA PRIVATE KEY-----\na",
        "server.key": b"a",
        "bin": b"\0a",
        "large": large,
        "latin": b"\xe9",
    }
    new = {name: content + b"b" for name, content in old.items()}
    assert changes(weighed, old, {**new, "new": b"text"}) == ()


def test_text_changes_over_limit_are_left_out(weighed: Weigh) -> None:
    before, after = ({f"etc/{number:02}": text * (70 - number) for number in range(60)} for text in (b"a\n", b"bb\n"))
    found = changes(weighed, before, after)
    assert [one.path for one in found] == [f"/etc/{number:02}" for number in range(MAX_TEXT_FILES)]


def test_text_changes_long_diff_is_cut_and_counted(weighed: Weigh) -> None:
    old, new = (b"".join(b"%d%s\n" % (n, mark) for n in range(1000)) for mark in (b"a", b"bb"))
    (found,) = changes(weighed, {"list": old}, {"list": new})
    assert found.diff.count("\n") == MAX_DIFF_LINES - 1
    assert found.omitted_lines > 1000
