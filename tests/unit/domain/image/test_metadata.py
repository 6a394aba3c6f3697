"""Settings of an image config that differ, and secrets that are never shown."""

from __future__ import annotations

import pytest

from weighbridge.domain.image.image import Healthcheck, ImageConfig
from weighbridge.domain.image.metadata import MetadataChange, metadata_changes
from weighbridge.domain.secret_values import HIDDEN


def test_different_setting_is_change() -> None:
    base = ImageConfig(env={"PATH": "/bin", "OLD": "1"}, user="root", exposed_ports=("80/tcp",), cmd=("a",))
    head = ImageConfig(
        env={"PATH": "/bin", "NEW": "2"},
        user="app",
        exposed_ports=("80/tcp", "443/tcp"),
        cmd=("a",),
        labels={"v": "1"},
        volumes=("/data",),
        stop_signal="SIGINT",
        healthcheck=Healthcheck(test=("CMD", "true")),
        entrypoint=("/app",),
    )
    assert {(one.name, one.base, one.head) for one in metadata_changes(base, head)} == {
        ("ENV OLD", "1", None),
        ("ENV NEW", None, "2"),
        ("LABEL v", None, "1"),
        ("EXPOSE", "80/tcp", "80/tcp 443/tcp"),
        ("VOLUME", None, "/data"),
        ("ENTRYPOINT", None, "/app"),
        ("HEALTHCHECK", None, "CMD true"),
        ("USER", "root", "app"),
        ("STOPSIGNAL", None, "SIGINT"),
    }


def test_health_check_times_and_onbuild_are_settings() -> None:
    base = ImageConfig(healthcheck=Healthcheck(test=("CMD", "true")))
    slow = Healthcheck(test=("CMD", "true"), interval_ns=1_500_000_000, start_period_ns=60_000_000_000, retries=5)
    head = ImageConfig(healthcheck=slow, on_build=("COPY . /app", "RUN make"))
    assert metadata_changes(base, head) == (
        MetadataChange(
            name="HEALTHCHECK", base="CMD true", head="--interval=1.5s --start-period=60s --retries=5 CMD true"
        ),
        MetadataChange(name="ONBUILD", base=None, head="COPY . /app; RUN make"),
    )


def test_equal_configs_have_no_changes() -> None:
    config = ImageConfig(env={"A": "1"}, user="app")
    assert metadata_changes(config, config) == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "hunter2hunter2"),
        ("API_TOKEN", "x"),
        ("DATABASE_URL", "postgres://app:geheim@db/x"),
        ("ANYTHING", "ghp_" + "a" * 36),
        ("DIGEST", "0" * 40),
    ],
)
def test_secret_value_is_masked(name: str, value: str) -> None:
    change = MetadataChange(name=f"ENV {name}", base=None, head=HIDDEN)
    assert metadata_changes(ImageConfig(), ImageConfig(env={name: value})) == (change,)


def test_author_and_plain_value_are_shown() -> None:
    found = metadata_changes(ImageConfig(), ImageConfig(env={"AUTHOR": "me", "PORT": "80"}))
    assert [one.head for one in found] == ["me", "80"]


def test_long_value_is_cut() -> None:
    (found,) = metadata_changes(ImageConfig(), ImageConfig(env={"A": "x y " * 1000}))
    assert found.head is not None
    assert len(found.head) == 300
