"""What is installed in an image: packages of distributions and of languages, with their bytes."""

from weighbridge.domain.packages.diff import PackageChange, diff_packages
from weighbridge.domain.packages.find import find_packages
from weighbridge.domain.packages.model import NOT_IN_ANY_PACKAGE, Ecosystem, Package, PackageSet

__all__ = [
    "NOT_IN_ANY_PACKAGE",
    "Ecosystem",
    "Package",
    "PackageChange",
    "PackageSet",
    "diff_packages",
    "find_packages",
]
