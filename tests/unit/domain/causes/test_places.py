"""Files without a package are recognised by their path, the patterns of a folder being chosen once."""

from __future__ import annotations

import pytest

from weighbridge.domain.causes.places import _PATTERNS, known_place

PATHS = (
    "/var/lib/apt/lists/deb.debian.org",
    "/var/lib/dpkg/status",
    "/root/.npm/_cacache/index/a",
    "/srv/node_modules/.package-lock.json",
    "/srv/node_modules/a/package-lock.json",
    "/srv/app/main.pyc",
    "/srv/app/__pycache__/main.cpython-313.opt",
    "/etc/ld.so.cache",
    "/var/cache/ldconfig/aux-cache",
    "/tmp/v8-compile-cache-0/x",
    "/srv/v8-compile-cache.blob",
    "/root/.cache/x",
    "/srv/line\nbreak/.cache/pip/x",
    "/srv/app.py",
    "/srv/.git/.package-lock.json",
    "/srv/node_modules/.modules.yaml",
    "/srv/node_modules/.yarn-integrity",
    "/srv/not-yarn.lock",
    "/srv/pnpm-lock.yaml",
    "/var/log/main.pyc",
    "/app",
    "relative",
)


@pytest.mark.parametrize("path", PATHS)
def test_place_is_that_of_first_pattern_that_matches_path(path: str) -> None:
    assert known_place(path) == next((what for pattern, what in _PATTERNS if pattern.match(path)), None)


def test_name_in_ordinary_folder_decides_after_other_names_of_folder() -> None:
    found = [known_place(f"/srv/app/{name}") for name in ("main.py", "main.pyc", "yarn.lock", "main.py")]
    assert found == [None, "Python bytecode (__pycache__)", "lock file of npm", None]
