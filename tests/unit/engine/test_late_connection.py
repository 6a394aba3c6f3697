"""The engine's socket, as far as it is known without docker's SDK."""

from __future__ import annotations

import pytest

from weighbridge.engine.late_connection import Engine
from weighbridge.errors import EngineError


@pytest.mark.parametrize(
    ("environment", "config", "path"),
    [
        ({}, None, "/var/run/docker.sock"),
        ({}, '{"auths": {}}', "/var/run/docker.sock"),
        ({}, '{"currentContext": "remote"}', None),
        ({"DOCKER_CONTEXT": "remote"}, None, None),
        ({"DOCKER_HOST": "unix:///run/user/1000/docker.sock"}, '{"currentContext": "a"}', "/run/user/1000/docker.sock"),
        ({"DOCKER_HOST": "tcp://host:2376"}, None, None),
        ({"DOCKER_HOST": "ssh://host"}, None, None),
    ],
)
def test_socket_without_client_is_known_for_plain_addresses(tmp_path, environment, config, path):
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    assert Engine({"DOCKER_CONFIG": str(tmp_path), **environment}).socket_without_client() == path


def test_socket_without_client_after_failed_connection_is_none(tmp_path):
    engine = Engine({"DOCKER_HOST": f"unix://{tmp_path}/no.sock"})
    with pytest.raises(EngineError):
        engine()
    assert engine.socket_without_client() is None
