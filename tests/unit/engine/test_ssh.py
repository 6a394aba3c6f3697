"""The local socket of an engine that is reached over ssh."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from weighbridge.engine.ssh import SshTunnel


def test_tunnel_below_long_temporary_folder_listens_on_short_path(tmp_path: Path, monkeypatch) -> None:
    long = tmp_path / ("a" * 60) / ("b" * 60)
    long.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    tunnel = SshTunnel("ssh://me@host.invalid", os.environ)
    try:
        path = tunnel.docker_host.removeprefix("unix://")
        assert Path(path).is_socket()
        assert list(long.iterdir()) == []
    finally:
        tunnel.close()
    assert not Path(path).parent.exists()
