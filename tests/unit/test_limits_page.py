"""docs/limits.md has the bounds of the code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_limits_page_has_values_of_code():
    code = "import sys; sys.path.insert(0, 'scripts'); import limits_page; sys.stdout.write(limits_page.page())"
    page = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert (ROOT / "docs" / "limits.md").read_text() == page, "run: make limits"
