"""Packages of an attached SBOM complete those of the databases."""

from __future__ import annotations

from weighbridge.domain.packages.diff import diff_packages
from weighbridge.domain.packages.listed import ListedPackage, comparable_packages, with_listed_packages
from weighbridge.domain.packages.model import Ecosystem, Package, PackageSet


def found(*versions: str) -> PackageSet:
    packages = (Package(ecosystem=Ecosystem.PYTHON, name="Flask", version=one, size_bytes=10) for one in versions)
    return PackageSet(packages=tuple(packages))


def listed(name: str, version: str = "1", ecosystem: Ecosystem = Ecosystem.PYTHON) -> ListedPackage:
    return ListedPackage(ecosystem=ecosystem, name=name, version=version)


def test_listed_package_missing_in_database_is_added_without_size() -> None:
    packages = with_listed_packages(found("2"), [listed("zlib", ecosystem=Ecosystem.DEB)])
    assert packages.listed == (Package(ecosystem=Ecosystem.DEB, name="zlib", version="1", size_bytes=None),)


def test_listed_package_in_database_is_not_added_again() -> None:
    assert with_listed_packages(found("2"), [listed("flask", "9")]).listed == ()


def test_image_without_sbom_has_no_listed_packages() -> None:
    assert with_listed_packages(found("2"), None).listed is None


def test_listed_package_with_other_version_is_change_without_bytes() -> None:
    base = with_listed_packages(found("2"), [listed("zlib", "1")])
    head = with_listed_packages(found("2"), [listed("zlib", "2")])
    (change,) = diff_packages(*comparable_packages(base, head))
    assert (change.name, change.base_version, change.head_version, change.delta_bytes) == ("zlib", "1", "2", None)
    assert change.is_listed


def test_sbom_of_one_of_two_sides_adds_no_change() -> None:
    head = with_listed_packages(found("2"), [listed("zlib")])
    assert diff_packages(*comparable_packages(found("2"), head)) == ()


def test_sbom_of_only_side_counts() -> None:
    head = with_listed_packages(found("2"), [listed("zlib")])
    assert [(one.name, one.is_listed) for one in diff_packages(*comparable_packages(None, head))] == [
        ("Flask", False),
        ("zlib", True),
    ]
