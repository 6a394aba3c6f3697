"""Node packages: what has a ``package.json`` directly in its folder in a ``node_modules``.

Source: Node's documentation of modules ("Loading from node_modules folders") and npm's of ``package.json``. A package
has the files of its folder; what lies in a ``node_modules`` inside it belongs to the packages there.
"""

from __future__ import annotations

import json

from weighbridge.domain.packages.model import Ecosystem
from weighbridge.domain.packages.owners import Ledger

_FOLDER = "/node_modules/"
_MAX_BYTES = 1024 * 1024


def find_npm_packages(ledger: Ledger) -> None:
    """Enter all Node packages that no package of the distribution brought, with their files."""
    homes: dict[str, int] = {}
    for folder, names in ledger.folders():
        if "package.json" in names and home_of(folder) == folder and ledger.owner(names["package.json"]) is None:
            homes[folder] = names["package.json"]
    if not homes:
        return
    described = ledger.read_all(homes.values(), limit_bytes=_MAX_BYTES)
    accounts: dict[str, int] = {}
    for home, number in homes.items():
        if ledger.is_full:
            break
        name, version = _name_and_version(described.get(number, b""))
        accounts[home] = ledger.open_account(Ecosystem.NPM, name or _name_of(home), version)
    for folder, names in ledger.folders():
        account = accounts.get(home_of(folder) or "")
        if account is not None:
            for number in names.values():
                ledger.claim_number(account, number)


def home_of(folder: str) -> str | None:
    """The folder of the package that a folder is in; ``None`` outside of every ``node_modules``."""
    start = folder.rfind(_FOLDER)
    if start < 0:
        return None
    start += len(_FOLDER)
    end = folder.find("/", start)
    if end > 0 and folder[start] == "@":
        end = folder.find("/", end + 1)
    elif end < 0 and folder[start : start + 1] == "@":
        return None
    return folder if end < 0 else folder[:end]


def _name_of(home: str) -> str:
    return home[home.rfind(_FOLDER) + len(_FOLDER) :]


def _name_and_version(content: bytes) -> tuple[str | None, str | None]:
    try:
        package = json.loads(content)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(package, dict):
        return None, None
    name, version = package.get("name"), package.get("version")
    return (name if isinstance(name, str) and name else None, version if isinstance(version, str) else None)
