"""An SBOM that BuildKit attaches to an image: its packages are in the report, marked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conftest import Engine

Run = Callable[..., Any]
_PURL = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:npm/left-pad@1.3.0"}
_STATEMENT = {
    "_type": "https://in-toto.io/Statement/v0.1",
    "predicateType": "https://spdx.dev/Document",
    "predicate": {
        "spdxVersion": "SPDX-2.3",
        "packages": [{"name": "left-pad", "versionInfo": "1.3.0", "externalRefs": [_PURL]}],
    },
}
_SCANNER = f"""#!/bin/sh
cat > "$BUILDKIT_SCAN_DESTINATION/sbom.spdx.json" <<'END'
{json.dumps(_STATEMENT)}
END
"""
"""A scanner as BuildKit runs it (its "SBOM scanning protocol"); the usual one comes from a public registry."""


def test_sbom_that_buildkit_attaches_gives_marked_packages(
    containerd_engine: Engine, need_images: Run, tmp_path: Path
) -> None:
    need_images(containerd_engine, "busybox")
    scanner = "weighbridge-test/scanner:1"
    (tmp_path / "scan").write_text(_SCANNER)
    (tmp_path / "scan").chmod(0o755)
    (tmp_path / "Dockerfile.scanner").write_text('FROM busybox\nCOPY scan /\nENTRYPOINT ["/scan"]\n')
    (tmp_path / "Dockerfile").write_text("FROM busybox\nCOPY scan /\n")

    def build(*options: str) -> None:
        done: subprocess.CompletedProcess[str] = containerd_engine.docker("buildx", "build", *options, tmp_path)
        assert done.returncode == 0, done.stderr

    build("--provenance=false", "--load", "--tag", scanner, "--file", str(tmp_path / "Dockerfile.scanner"))
    try:
        archive = f"type=oci,dest={tmp_path}/app.tar"
        build("--attest", f"type=sbom,generator=docker.io/{scanner}", "--output", archive)
    finally:
        containerd_engine.docker("image", "rm", "--force", scanner)
    command = [sys.executable, "-m", "weighbridge", "inspect", f"oci-archive:{tmp_path}/app.tar", "--format", "json"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    report = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    packages = json.loads(report)["images"][0]["packages"]
    assert [(one["name"], one["head_version"], one["from_sbom"]) for one in packages] == [("left-pad", "1.3.0", True)]
