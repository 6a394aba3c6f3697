"""Conda packages: a record in ``conda-meta`` for each.

Source: conda's documentation ("conda-meta": name, version, ``depends``, and ``files`` relative to the environment).
"""

from __future__ import annotations

import json

from weighbridge.domain.packages.ecosystem import PackageEcosystem
from weighbridge.domain.packages.model import Ecosystem, Links
from weighbridge.domain.packages.owners import PackageOwners

_FOLDER = "/conda-meta"
_MAX_BYTES = 32 * 1024 * 1024


def find_conda_packages(owners: PackageOwners) -> None:
    """Add all conda packages of all environments with their files."""
    records = {
        number: folder.removesuffix(_FOLDER)
        for folder, names in owners.folders()
        if folder.endswith(_FOLDER)
        for name, number in names.items()
        if name.endswith(".json")
    }
    contents = owners.read_all(records, limit_bytes=_MAX_BYTES)
    for number, environment in records.items():
        record = _record(contents.get(number, b""))
        name, version = record.get("name"), record.get("version")
        if not isinstance(name, str) or not name or owners.is_full:
            continue
        depends, files = record.get("depends"), record.get("files")
        requires = (
            (one.split()[0] for one in depends if isinstance(one, str) and one) if isinstance(depends, list) else ()
        )
        package_id = owners.add_package(
            Ecosystem.CONDA,
            name,
            version if isinstance(version, str) else None,
            links=Links(requires=tuple(requires), location=environment),
        )
        owners.claim_file(package_id, number)
        for file in files if isinstance(files, list) else ():
            if isinstance(file, str):
                owners.claim(package_id, f"{environment}/{file}")


def _record(content: bytes) -> dict[str, object]:
    try:
        record = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


CONDA = PackageEcosystem(
    name=Ecosystem.CONDA,
    find=find_conda_packages,
    url_type="conda",
)
