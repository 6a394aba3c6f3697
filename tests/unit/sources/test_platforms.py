"""Platforms as containerd's matcher chooses them: its own answers (``platforms.Only`` of 1.6.20) are the table."""

from __future__ import annotations

import pytest

from weighbridge.errors import UsageError
from weighbridge.sources.platforms import Platform, parse_platform


@pytest.mark.parametrize(
    ("asked", "offered", "taken"),
    [
        ("amd64", "386", "386"),
        ("amd64", "386 amd64", "amd64"),
        ("amd64", "amd64/v1 amd64/v2", "amd64"),
        ("amd64", "amd64/v2 amd64/v3", None),
        ("amd64/v1", "amd64", "amd64"),
        ("amd64/v2", "amd64", "amd64"),
        ("amd64/v3", "amd64 amd64/v2", "amd64/v2"),
        ("amd64/v4", "amd64/v2 amd64 amd64/v3", "amd64/v3"),
        ("arm", "arm/v7", "arm/v7"),
        ("arm/v6", "arm/v7", None),
        ("arm/v7", "arm/v5 arm/v6", "arm/v6"),
        ("arm/v8", "arm/v7", "arm/v7"),
        ("arm64", "arm/v7 arm64/v8", "arm64"),
        ("arm64", "arm/v7", "arm/v7"),
        ("arm64/v8", "arm64", "arm64"),
        ("arm64/v9", "arm64/v8 arm/v7", "arm64"),
        ("s390x", "amd64 s390x", "s390x"),
        ("riscv64", "arm64", None),
    ],
)
def test_best_platform_equals_choice_of_containerd(asked: str, offered: str, taken: str | None) -> None:
    found = parse_platform(f"linux/{asked}").best_of(parse_platform(f"linux/{one}") for one in offered.split())
    assert (str(found) if found else None) == (f"linux/{taken}" if taken else None)


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        (Platform(os="Linux", architecture="x86_64"), "linux/amd64"),
        (Platform(os="", architecture="aarch64", variant="8"), "linux/arm64"),
        (Platform(os="linux", architecture="armhf"), "linux/arm/v7"),
        (Platform(os="linux", architecture="armel"), "linux/arm/v6"),
        (Platform(os="linux", architecture="arm", variant="9999999999"), "linux/arm/v9999999999"),
    ],
)
def test_platform_normalised_has_one_spelling(written: Platform, normalised: str) -> None:
    assert str(written.normalised()) == normalised
    assert len(written.runs()) < 10


@pytest.mark.parametrize("text", ["", "lunix", "linux/", "a/b/c/d"])
def test_platform_not_complete_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a platform"):
        parse_platform(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("arm64", "linux/arm64"), ("aarch64", "linux/arm64"), ("armel", "linux/arm/v6"), ("s390x", "linux/s390x")],
)
def test_architecture_without_system_is_linux(text: str, expected: str) -> None:
    assert str(parse_platform(text).normalised()) == expected


def test_system_without_architecture_has_that_of_this_machine() -> None:
    assert parse_platform("windows").architecture == parse_platform("linux").architecture != ""
