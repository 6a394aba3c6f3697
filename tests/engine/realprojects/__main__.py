"""Follow the proposals of every project, and print what became of them: ``make tips-corpus``."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import docker

from realprojects.rebuilding import Rebuilder, candidates_of, patch_of, proposals_of, rebuilder
from weighbridge.report.units import format_bytes
from weighbridge.sources.layer_cache import LayerCache

ROOT = Path(__file__).resolve().parents[3]
PROJECTS = ROOT / "tests/data/projects"


def main() -> int:
    """The table on stdout; exit code 1 where a change broke the build or the start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("projects", nargs="*", help="folders of tests/data/projects; all of them by default")
    parser.add_argument("--ladder", action="store_true", help="build the ladder's candidates too")
    parser.add_argument("--patches", action="store_true", help="print the patches")
    options = parser.parse_args()
    command = [sys.executable, str(ROOT / "scripts/engine.py"), "env", "--json", "overlay2"]
    known = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    environment = {**os.environ, **known["environment"]}
    folders = [Path(one) for one in options.projects] or sorted(PROJECTS.iterdir())
    broken = 0
    print("| project | before | tip | basis | after | saved | builds and starts |\n|---|--:|---|---|--:|--:|---|")
    client = docker.DockerClient(base_url=known["docker_host"], timeout=300)
    with (
        tempfile.TemporaryDirectory() as cache,
        rebuilder(client, environment, LayerCache(Path(cache))) as one,
    ):
        for folder in folders:
            broken += _project(one, folder, options)
    return 1 if broken else 0


def _project(one: Rebuilder, folder: Path, options: argparse.Namespace) -> int:
    broken = 0
    file = folder if folder.is_file() else folder / "Dockerfile"
    context = file.parent
    started = time.monotonic()
    before = one.build(context, file.read_bytes().decode())
    print(f"{file}: {time.monotonic() - started:.1f} s, {before.started} {before.output}", file=sys.stderr)
    name = folder.name
    if before.image is None:
        print(f"| {name} | does not build: {before.log[-1000:]} |")
        return 1
    size = format_bytes(before.unpacked_bytes)
    changes = [(tip.code, str(tip.basis), tip.saved_bytes, tip.explanation, tip.change) for tip in proposals_of(before)]
    if options.ladder:
        changes += [(f"ladder: {rung}", "", None, "", change) for rung, change in candidates_of(before)]
    for code, basis, saved_bytes, explanation, change in changes:
        print(f"  {code} ({basis} {saved_bytes}): {explanation}", file=sys.stderr)
        if change is None or not change.edits:
            print(f"| {name} | {size} | {code} | {basis} | | {format_bytes(saved_bytes or 0)} | no patch |")
            continue
        if options.patches:
            print(patch_of(before, change), file=sys.stderr)
        after = one.follow(context, before, change)
        good = after.is_good or (not before.is_good and after.started == before.started)
        new = after.errors - before.errors
        said = "yes" if good and not new else f"NO: {after.started} {sorted(new)} {after.output} {after.log[-700:]}"
        broken += said != "yes"
        saved = before.unpacked_bytes - after.unpacked_bytes
        percent = f"{saved / before.unpacked_bytes:.0%}" if before.unpacked_bytes else ""
        print(
            f"| {name} | {size} | {code} | {basis} | {format_bytes(after.unpacked_bytes)}"
            f" | {format_bytes(saved)} ({percent}) | {said} |",
            flush=True,
        )
    return broken


if __name__ == "__main__":
    raise SystemExit(main())
