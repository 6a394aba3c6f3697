"""How services of Compose files start their images."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.domain.start.attempt import UNKNOWN
from weighbridge.domain.start.service import ServiceStart
from weighbridge.errors import ConfigError
from weighbridge.plan.compose import parse_compose
from weighbridge.plan.compose_start import with_starts


def starts(text: str) -> dict[str, tuple[ServiceStart, ...]]:
    data = text.encode()
    return {one.name: one.starts for one in with_starts(parse_compose(data, path="c.yaml"), data, path="c.yaml")}


def start_of(lines: str) -> ServiceStart:
    (start,) = starts(f"services:\n  web:\n    build: .\n{lines}")["web"]
    return start


def test_command_as_text_is_split_and_has_its_line():
    start = start_of("    command: sh -c 'a b' $$HOME\n")
    assert (start.command, start.line, start.file) == (("sh", "-c", "a b", "$HOME"), 4, "c.yaml")


def test_lists_defaults_and_environment_are_read():
    start = start_of(
        "    entrypoint: [./run, '${MODE:-dev}']\n    user: '1000'\n    working_dir: /srv\n"
        "    environment: {A: 1, B: , C: $UNSET}\n    volumes: ['.:/srv:ro', {target: /data}]\n    tmpfs: /run\n"
    )
    assert (start.entrypoint, start.command, start.user, start.working_dir) == (("./run", "dev"), None, "1000", "/srv")
    assert dict(start.environment) == {"A": "1", "B": UNKNOWN, "C": UNKNOWN}
    assert start.mounts == ("/srv", "/data", "/run")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("    command: run $PORT\n", "it uses the variable PORT, which only Compose knows"),
        ("    user: '${ID}:1'\n", "it uses the variable ID, which only Compose knows"),
        ('    command: "\'open"\n', "its command has an open quote"),
        ("    command: run\n    extends: {file: b.yaml, service: x}\n", "it extends a service of another file"),
        ("    extends: {file: b.yaml, service: x}\n", "it extends a service of another file"),
        ("    extends: web\n", "it extends another service"),
        ("    extends: nosuch\n", "it extends a service that is not there"),
    ],
)
def test_command_that_only_compose_knows_is_unknown(lines, reason):
    assert start_of(lines).unknown_because == reason


def test_service_without_its_own_start_has_none():
    assert starts("services:\n  web:\n    build: .\n    environment: {A: 1}\n") == {"web": ()}


def test_services_of_one_image_share_their_starts():
    found = starts(
        "services:\n  web:\n    build: .\n    command: a\n  job:\n    build: {context: .}\n    command: b\n"
        "  other:\n    build: ./other\n    command: c\n"
    )
    assert [start.service for start in found["web"]] == [start.service for start in found["job"]] == ["web", "job"]
    assert [start.service for start in found["other"]] == ["other"]


def test_service_that_extends_another_has_its_values():
    found = starts(
        "services:\n  base:\n    image: x\n    command: run a\n    environment: {A: 1, B: 2}\n    volumes: [/one]\n"
        "  web:\n    build: .\n    extends: base\n    environment: [B=3]\n    volumes: [/two]\n    user: app\n"
    )
    (start,) = found["web"]
    assert (start.command, start.user, start.mounts) == (("run", "a"), "app", ("/one", "/two"))
    assert dict(start.environment) == {"A": "1", "B": "3"}


@pytest.mark.parametrize(
    ("written", "test"),
    [
        ("{test: curl -f x}", ("CMD-SHELL", "curl -f x")),
        ("{test: [CMD, probe]}", ("CMD", "probe")),
        ("{disable: true}", ("NONE",)),
        ("{interval: 5s}", None),
    ],
)
def test_healthcheck_of_service_is_read(written, test):
    start = start_of(f"    healthcheck: {written}\n")
    assert (start.healthcheck, start.changes_start, start.line) == (test, False, 4)


def test_override_file_replaces_command_and_has_its_line():
    data = b"services:\n  web:\n    build: .\n    command: a\n    environment: {A: 1}\n"
    over = b"services:\n  web:\n    command: b\n    environment: {B: 2}\n"
    images = parse_compose(data, path="c.yaml")
    (image,) = with_starts(images, data, path="c.yaml", override=("c.override.yaml", over))
    (start,) = image.starts
    assert (start.command, start.file, start.line) == (("b",), "c.override.yaml", 3)
    assert dict(start.environment) == {"A": "1", "B": "2"}


@given(st.text(alphabet="services:webuildcommand {}[]&*!<>|-'\"$\n ,", max_size=80))
def test_any_text_is_read_or_refused(text):
    data = f"services:\n  web:\n    build: .\n    command: {text}\n".encode()
    try:
        images = with_starts(parse_compose(data, path="c.yaml"), data, path="c.yaml")
    except ConfigError:
        return
    assert all(isinstance(one.starts, tuple) for one in images)
