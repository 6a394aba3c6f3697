"""PHP packages that Composer installed: ``vendor/composer/installed.json``.

Source: Composer's documentation ("Runtime utilities", the format of version 2, and the plain list of version 1). A
package has the files of its folder, which ``install-path`` names from ``vendor/composer``.
"""

from __future__ import annotations

import json
import posixpath

from weighbridge.domain.packages.model import Ecosystem, Links
from weighbridge.domain.packages.owners import Ledger

_MAX_BYTES = 16 * 1024 * 1024
_MAX_DEPTH = 64


def find_composer_packages(ledger: Ledger) -> None:
    """Enter all Composer packages with their files."""
    lists = {
        names["installed.json"]: folder
        for folder, names in ledger.folders()
        if folder.endswith("/composer") and "installed.json" in names
    }
    contents = ledger.read_all(lists, limit_bytes=_MAX_BYTES)
    accounts: dict[str, int] = {}
    for number, folder in lists.items():
        for package in _packages(contents.get(number, b"")):
            name, version = package.get("name"), package.get("version")
            if not isinstance(name, str) or not name or ledger.is_full:
                continue
            path = package.get("install-path")
            home = posixpath.normpath(f"{folder}/{path}" if isinstance(path, str) else f"{folder}/../{name}")
            requires = package.get("require")
            accounts[home] = ledger.open_account(
                Ecosystem.COMPOSER,
                name,
                version.removeprefix("v") if isinstance(version, str) else None,
                links=Links(
                    requires=tuple(one for one in requires if "/" in one) if isinstance(requires, dict) else ()
                ),
            )
    claim_below(ledger, accounts)


def claim_below(ledger: Ledger, accounts: dict[str, int]) -> None:
    """Each package owns what lies in its folder, at any depth, and in no deeper package's folder."""
    if not accounts:
        return
    for folder, names in ledger.folders():
        path, depth = folder, 0
        while path and path not in accounts and depth < _MAX_DEPTH:
            path, depth = path.rpartition("/")[0], depth + 1
        account = accounts.get(path)
        if account is not None:
            for number in names.values():
                ledger.claim_number(account, number)


def _packages(content: bytes) -> list[dict[str, object]]:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return []
    packages = data.get("packages") if isinstance(data, dict) else data
    return [one for one in packages if isinstance(one, dict)] if isinstance(packages, list) else []
