"""`weighbridge doctor` lists what exists, what is missing, and the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.cli.commands.doctor import Probe, ProbeState, probe_all
from weighbridge.cli.main import run
from weighbridge.errors import ExitCode


def _probes(environment: dict[str, str], cache_folder: Path) -> dict[str, Probe]:
    return {probe.name: probe for probe in probe_all(environment, builder=None, cache_folder=cache_folder)}


def test_missing_parts_are_named_with_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.build.client.PLUGIN_FOLDERS", ())
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path), "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    probes = _probes(environment, tmp_path / "cache")
    missing = {name for name, probe in probes.items() if probe.state is ProbeState.MISSING}
    assert missing == {"git", "engine", "build program"}
    assert all(probes[name].is_required for name in missing)
    assert "Install git" in probes["git"].advice
    assert f"unix://{tmp_path}/none.sock" in probes["engine"].found
    assert probes["cache"].state is ProbeState.OK


def test_cache_folder_below_file_is_limited(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    probes = _probes({"PATH": "/usr/bin:/bin", "DOCKER_HOST": "unix:///none.sock"}, tmp_path / "file/cache")
    assert probes["cache"].state is ProbeState.LIMITED
    assert "--cache-dir" in probes["cache"].advice


def test_doctor_without_engine_exits_with_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert run(["doctor"]) is ExitCode.UNAVAILABLE
    assert "`diff` cannot work without: engine" in capsys.readouterr().out
