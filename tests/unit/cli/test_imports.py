"""Imports of commands: `--version`, `--help` and `lint` start without the libraries of the other commands."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import click
import pytest
from tars import tar_of

from weighbridge.cli.main import COMMANDS, cli

HEAVY = ("docker", "github", "jinja2", "msgspec", "requests", "rich", "yaml", "weighbridge.report.model")
SLOW_FOR_ONE_FILE = (
    *("base64", "csv", "difflib", "logging", "subprocess", "tempfile"),
    *("weighbridge.domain.checks.catalogue", "weighbridge.domain.start.wrapper_rules", "weighbridge.plan"),
    "weighbridge.progress.lines",
)
_PROGRAM = """
import sys
from weighbridge.__main__ import main
try:
    main()
finally:
    print("\\n".join(name for name in {heavy!r} if name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["lint", "Dockerfile"], ["lint", "--help"], ["action", "--help"]]
)
def test_light_command_imports_no_heavy_library(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "Dockerfile").write_text('FROM debian:bookworm-slim\nCOPY app /app\nCMD ["/app"]\n')
    command = [sys.executable, "-c", _PROGRAM.format(heavy=HEAVY), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.split()) == (0, [])


def test_lint_of_one_file_imports_only_what_it_uses(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text('FROM debian:bookworm-slim\nRUN apt-get install curl\nCMD ["curl"]\n')
    program = _PROGRAM.format(heavy=SLOW_FOR_ONE_FILE)
    command = [sys.executable, "-c", program, "lint", "Dockerfile", "--fail-level", "never"]
    # `make coverage` measures subprocesses too, with imports of its own.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.split()) == (0, [])
    assert "recommended-packages" in done.stdout  # findings are printed, so the imports of their output count too


def test_action_prints_line_before_importing_run() -> None:
    without_run = "import sys\nsys.modules['weighbridge.action.run'] = None"
    program = _PROGRAM.format(heavy=HEAVY).replace("import sys", without_run)
    command = [sys.executable, "-c", program, "action"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stdout.startswith("Weighbridge ")


@pytest.mark.parametrize("name", COMMANDS)
def test_group_help_quotes_each_command(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    assert (command.help or "").replace("\n", " ").startswith(COMMANDS[name])
    assert importlib.import_module(f"weighbridge.cli.commands.{name}").__doc__


def test_unknown_command_returns_none() -> None:
    assert cli.get_command(click.Context(cli), "weigh") is None


def test_configuration_imports_nothing_that_weighs() -> None:
    listed = "[one for one in sys.modules if one.startswith('weighbridge.domain.image.')]"
    program = f"import sys, weighbridge.config\nprint({listed})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['weighbridge.domain.image.file_map_nodes']"


WEIGHS = (
    "weighbridge.build.builder",
    "weighbridge.domain.checks.check",
    "weighbridge.domain.lint.rules",
    "weighbridge.domain.packages.find",
    "weighbridge.domain.start.predict",
    "weighbridge.domain.tips.find",
    "weighbridge.plan.bake",
    "weighbridge.report.assemble",
    "weighbridge.run.existing",
)
CONNECTS = ("docker", "requests", "ssl")
NOT_FOR_A_TERMINAL = ("jinja2", "yaml")
SLOW_FOR_KNOWN_IMAGE = ("e2b_dockerfile_utils", "logging", "subprocess", "tempfile")


def test_source_of_known_images_of_engine_imports_no_sdk() -> None:
    program = (
        f"import sys, weighbridge.sources.known_in_engine\nprint(*(one for one in {CONNECTS} if one in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_inspect_of_known_archive_imports_nothing_that_weighs_or_connects(tmp_path: Path) -> None:
    layer = tar_of({"app": b"binary"})
    document = {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [f"sha256:{sha256(layer).hexdigest()}"]}}
    manifest = [{"Config": "config.json", "RepoTags": None, "Layers": ["layer.tar"]}]
    image = tmp_path / "image.tar"
    files = {"config.json": json.dumps(document).encode(), "layer.tar": layer}
    image.write_bytes(tar_of({**files, "manifest.json": json.dumps(manifest).encode()}))
    program = _PROGRAM.format(heavy=(*WEIGHS, *CONNECTS, *NOT_FOR_A_TERMINAL, *SLOW_FOR_KNOWN_IMAGE))
    arguments = ["inspect", f"docker-archive:{image}", "--quiet", "--cache-dir", str(tmp_path / "cache")]
    imported = []
    for _ in range(2):
        command = [sys.executable, "-c", program, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        imported.append(set(done.stderr.split()))
    assert {"weighbridge.report.assemble", "weighbridge.domain.checks.check"} <= imported[0]
    assert imported[0].isdisjoint({*CONNECTS, *NOT_FOR_A_TERMINAL})
    assert imported[1] == set()
