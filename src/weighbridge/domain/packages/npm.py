"""Node packages: what has a ``package.json`` directly in its folder in a ``node_modules``.

Source: Node's documentation of modules ("Loading from node_modules folders") and npm's of ``package.json``. A package
has the files of its folder; what lies in a ``node_modules`` inside it belongs to the packages there.
"""

from __future__ import annotations

import json

from weighbridge.domain.packages.model import Ecosystem, Links
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
        name, version, requires = _description(described.get(number, b""))
        accounts[home] = ledger.open_account(
            Ecosystem.NPM, name or _name_of(home), version, links=Links(requires=requires, location=home)
        )
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


_DEPENDENCIES = ("dependencies", "optionalDependencies", "peerDependencies")


def _description(content: bytes) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Name, version and the names of the dependencies."""
    try:
        package = json.loads(content)
    except (ValueError, RecursionError):
        return None, None, ()
    if not isinstance(package, dict):
        return None, None, ()
    name, version = package.get("name"), package.get("version")
    requires = {name: None for key in _DEPENDENCIES if isinstance(of := package.get(key), dict) for name in of}
    return (
        name if isinstance(name, str) and name else None,
        version if isinstance(version, str) else None,
        tuple(requires),
    )
