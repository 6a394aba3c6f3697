"""The file that a package in ``node_modules`` offers: its ``exports``, its ``main``, or its files.

Sources: Node's documentation of packages (``PACKAGE_EXPORTS_RESOLVE``), lib/internal/modules/cjs/loader.js
(``tryPackage``) and esm/resolve.js (``legacyMainResolve``). The messages were recorded from Node 20.
"""

from __future__ import annotations

import enum
import posixpath
from dataclasses import dataclass

from weighbridge.domain.image.rootfs import LookupFailure, Node
from weighbridge.domain.start.interpreters.view import View

EXTENSIONS = (".js", ".json", ".node")
_MAX_DEPTH = 8
_MAX_KEYS = 2000


class Resolution(enum.Enum):
    """Whether a request resolves to a module."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """The result of a request: its file, if known; the message and the cause, if they are other than usual."""

    kind: Resolution
    file: Node | None = None
    predicts: str = ""
    cause: str = ""


UNSURE = Resolved(kind=Resolution.UNSURE)


class _Target(enum.Enum):
    """Results of ``exports`` that are no path."""

    ABSENT = "absent"
    UNSURE = "unsure"


def find_path(view: View, path: str) -> Node | None:
    """The file for an absolute `path`: itself, with an extension, or the main file of a directory."""
    if not path.endswith("/"):
        found = _as_file(view, path)
        if found is not None:
            return found
    directory = view.directory(path)
    return _as_directory(view, directory.path) if directory is not None else None


def _as_file(view: View, path: str) -> Node | None:
    for ending in ("", *EXTENSIONS):
        found = view.file(path + ending)
        if found is not None:
            return found
    return None


def _as_directory(view: View, path: str) -> Node | None:
    main = main_of(view, path)
    if main:
        target = posixpath.normpath(posixpath.join(path, main))
        found = _as_file(view, target) or _as_file(view, f"{target}/index")
        if found is not None:
            return found
    return _as_file(view, f"{path}/index")


def main_of(view: View, directory: str) -> str | None:
    """The ``main`` of a directory's package.json; None if it has none."""
    package = package_of(view, directory)
    main = package.get("main") if package is not None else None
    return main if isinstance(main, str) and main else None


def package_of(view: View, directory: str) -> dict[str, object] | None:
    """A directory's package.json; None if it is missing or unreadable."""
    node = view.file(f"{directory.rstrip('/')}/package.json")
    content = view.json(node) if node is not None else None
    return content if isinstance(content, dict) else None


def in_package(view: View, place: str, rest: str, *, is_import: bool) -> Resolved | None:
    """The file `rest` of the package in the folder `place`; None if Node looks further up."""
    has_description = view.file(f"{place}/package.json") is not None
    package = package_of(view, place)
    if has_description and package is None:
        return UNSURE
    if package is not None and package.get("exports") is not None:
        return _exported(view, place, rest, package["exports"], is_import=is_import)
    if rest and is_import:
        return _path(view, f"{place}/{rest}", view.file(f"{place}/{rest}"))
    found = find_path(view, f"{place}/{rest}" if rest else place)
    if found is not None:
        return Resolved(kind=Resolution.YES, file=found)
    if _is_uncertain(view, f"{place}/{rest or 'index.js'}"):
        return UNSURE
    if is_import:
        return Resolved(kind=Resolution.NO, predicts="Cannot find package '", cause=f"{place} has no main file")
    main = main_of(view, place) if not rest else None
    if main is None:
        return None
    target = posixpath.normpath(posixpath.join(place, main))
    return Resolved(
        kind=Resolution.NO,
        predicts=f"Cannot find module '{target}'",
        cause=f'{place}/package.json names main "{main}", which is missing',
    )


def _is_uncertain(view: View, path: str) -> bool:
    failure = view.find(path)
    return isinstance(failure, LookupFailure) and view.absent(failure) is not None


def _path(view: View, path: str, file: Node | None, cause: str = "") -> Resolved:
    if file is not None:
        return Resolved(kind=Resolution.YES, file=file)
    if _is_uncertain(view, path):
        return UNSURE
    return Resolved(kind=Resolution.NO, predicts=f"Cannot find module '{path}'", cause=cause or f"{path} is missing")


def _exported(view: View, place: str, rest: str, exports: object, *, is_import: bool) -> Resolved:
    conditions = frozenset({"node", "node-addons", "default", "import" if is_import else "require"})
    description = f"{place}/package.json"
    target = _target_of(exports, f"./{rest}" if rest else ".", conditions)
    if target is _Target.UNSURE:
        return UNSURE
    if isinstance(target, _Target):
        text = (
            f"Package subpath './{rest}' is not defined by \"exports\" in {description}"
            if rest
            else f'No "exports" main defined in {description}'
        )
        return Resolved(kind=Resolution.NO, predicts=text, cause=f"the exports of {description} have no such path")
    path = posixpath.normpath(posixpath.join(place, target))
    return _path(view, path, view.file(path), f"{description} exports {target}, which is missing")


def _target_of(exports: object, subpath: str, conditions: frozenset[str]) -> str | _Target:
    if not isinstance(exports, dict) or not any(key.startswith(".") for key in exports):
        return _resolve(exports, conditions, "") if subpath == "." else _Target.ABSENT
    if len(exports) > _MAX_KEYS or not all(key.startswith(".") for key in exports):
        return _Target.UNSURE
    if subpath in exports and "*" not in subpath:
        return _resolve(exports[subpath], conditions, "")
    best, middle = "", ""
    for key in exports:
        before, star, after = key.partition("*")
        if key.endswith("/") and subpath.startswith(key):
            # Releases before 17 accept a folder.
            return _Target.UNSURE
        fits = subpath.startswith(before) and subpath.endswith(after) and len(subpath) >= len(key) and subpath != before
        if star and fits and (len(before), len(key)) > (len(best.partition("*")[0]), len(best)):
            best, middle = key, subpath[len(before) : len(subpath) - len(after)]
    return _resolve(exports[best], conditions, middle) if best else _Target.ABSENT


def _resolve(target: object, conditions: frozenset[str], middle: str, depth: int = 0) -> str | _Target:
    if target is None:
        return _Target.ABSENT
    if isinstance(target, str) and target.startswith("./"):
        return target.replace("*", middle) if middle else target
    if not isinstance(target, dict) or depth > _MAX_DEPTH or "module-sync" in target:
        return _Target.UNSURE
    for key, value in target.items():
        if key in conditions:
            found = _resolve(value, conditions, middle, depth + 1)
            if found is not _Target.ABSENT or value is None:
                return found
    return _Target.ABSENT
