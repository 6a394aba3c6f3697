"""Finds Python's standard library and package folders from the files of the image.

Sources: CPython's Modules/getpath.py (Modules/getpath.c before 3.11), Lib/site.py, and Debian's patch of site.py, which
uses ``dist-packages``. If several rules may apply, all their places count: a module in any of them is found.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.lines import lines_of
from weighbridge.domain.start.interpreters.view import View
from weighbridge.domain.start.shells import find_in_path

PYTHON = re.compile(r"^python(3(?:\.[0-9]{1,2}t?)?)?$")
_RELEASED = re.compile(r"^python(3\.[0-9]{1,2}t?)$")
_PREFIXES = ("/usr", "/usr/local")
_LIBRARY_FOLDERS = ("lib", "lib64")
_MAX_LINK_FILES = 100
_MAX_LINK_BYTES = 64 * 1024
_MAX_SITE_BYTES = 128 * 1024
_HARMLESS_LINK_FILES = ("distutils-precedence.pth", "_virtualenv.pth", "a1_coverage.pth", "zzz_coverage.pth")
"""``.pth`` files whose code adds no module."""
_CHANGES_IMPORTS = re.compile(r"meta_path|path_hooks|sys\.path|addsitedir|sys\.modules")


@dataclass(frozen=True, kw_only=True, slots=True)
class PythonOptions:
    """The command-line options that affect Python's search path: ``-E``, ``-I``, ``-s``, ``-S``."""

    ignores_environment: bool = False
    ignores_user_site: bool = False
    ignores_site: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PythonHome:
    """One Python of an image.

    `release` is for example ``3.11``. `standard_library` is its folder, None if no rule finds it. `packages` are the
    folders for installed packages. `unsure` names other possible sources of modules, empty if there are none.
    """

    release: str
    standard_library: str | None
    has_encodings: bool
    searched: tuple[str, ...]
    packages: tuple[str, ...] = ()
    unsure: str = ""


def find_home(view: View, options: PythonOptions) -> PythonHome | None:
    """The Python that `view` started; None if its release is unknown."""
    started_as = _started_as(view)
    venv = _virtual_environment(view, started_as)
    starts = [posixpath.dirname(view.program.path), posixpath.dirname(started_as)]
    if venv is not None and venv.home:
        starts.insert(0, venv.home)
    starts += [posixpath.dirname(path) for path in view.program.libraries if "libpython" in path]
    release = _release(view, starts)
    if release is None:
        return None
    env = {} if options.ignores_environment else view.process.env
    home = env.get("PYTHONHOME", "").partition(":")[0]
    prefixes = [home] if home else list(dict.fromkeys((*_upwards(starts), *_PREFIXES)))
    places = [f"{prefix.rstrip('/')}/{folder}/python{release}" for prefix in prefixes for folder in _LIBRARY_FOLDERS]
    library = next((place for place in places if _has(view, place, "os")), None)
    zipped = any(view.file(f"{prefix}/lib/python{release.replace('.', '')}.zip") for prefix in prefixes)
    encodings = zipped or any(_has(view, f"{place}/encodings", "__init__") for place in places)
    python = PythonHome(
        release=release,
        standard_library=library,
        has_encodings=encodings or _on_python_path(view, env.get("PYTHONPATH", "")),
        searched=tuple(place for place in places if place.startswith(tuple(_PREFIXES)) or home)[:4],
    )
    if library is None:
        return python
    packages, unsure = _packages(view, python, library, venv, options)
    return PythonHome(
        release=release,
        standard_library=library,
        has_encodings=python.has_encodings,
        searched=python.searched,
        packages=packages,
        unsure="a zipped standard library" if zipped else unsure,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Venv:
    root: str
    home: str | None
    with_system: bool


def _started_as(view: View) -> str:
    """The path of the program as named, with its symlinks not resolved (``sys.executable``)."""
    if "/" in view.name:
        return view.absolute(view.name)
    return find_in_path(view.process, view.name) or view.program.path


def _virtual_environment(view: View, started_as: str) -> _Venv | None:
    directory = posixpath.dirname(started_as)
    for root in (directory, posixpath.dirname(directory)):
        node = view.file(f"{root}/pyvenv.cfg")
        if node is None:
            continue
        settings: dict[str, str] = {}
        for line in lines_of(view.text(node) or ""):
            key, equals, value = line.partition("=")
            if equals:
                settings[key.strip().lower()] = value.strip()
        with_system = settings.get("include-system-site-packages", "").lower() == "true"
        return _Venv(root=root, home=settings.get("home"), with_system=with_system)
    return None


def _release(view: View, starts: list[str]) -> str | None:
    match = _RELEASED.match(posixpath.basename(view.program.path))
    if match:
        return match.group(1)
    for library in view.program.libraries:
        linked = re.search(r"libpython(3\.[0-9]{1,2}t?)\.so", library)
        if linked:
            return linked.group(1)
    found = set()
    for prefix in (*_upwards(starts), *_PREFIXES):
        folder = view.directory(f"{prefix}/lib")
        if folder is not None:
            names = (posixpath.basename(child.path) for child in view.process.rootfs.children(folder))
            found |= {match.group(1) for name in names if (match := _RELEASED.match(name))}
    return found.pop() if len(found) == 1 else None


def _upwards(starts: list[str]) -> list[str]:
    """The folders above each start, nearest first (``search_up`` in getpath.py), without the root."""
    found: list[str] = []
    for start in starts:
        path = posixpath.normpath(start)
        while path.startswith("/") and path != "/" and len(found) < 64:
            found.append(path)
            path = posixpath.dirname(path)
    return list(dict.fromkeys(found))


def _has(view: View, directory: str, name: str) -> bool:
    return view.file(f"{directory}/{name}.py") is not None or view.file(f"{directory}/{name}.pyc") is not None


def _on_python_path(view: View, value: str) -> bool:
    return any(_has(view, f"{part}/encodings", "__init__") for part in value.split(":")[:32] if part)


def _packages(
    view: View, python: PythonHome, library: str, venv: _Venv | None, options: PythonOptions
) -> tuple[tuple[str, ...], str]:
    """The folders for packages, in order, including those of their ``.pth`` files; and the unknown parts."""
    if options.ignores_site:
        return (), ""
    folders = list(_site_folders(view, python, library, venv, options))
    unsure = ""
    number = 0
    while number < len(folders) and number < _MAX_LINK_FILES:
        added, runs = _read_link_files(view, folders[number])
        folders += [path for path in added if path not in folders]
        unsure = unsure or runs
        number += 1
    places = (*folders, library)
    for name in ("sitecustomize", "usercustomize"):
        node = next((node for place in places if (node := view.file(f"{place}/{name}.py"))), None)
        if node is not None and _CHANGES_IMPORTS.search(view.text(node) or "sys.path"):
            unsure = unsure or f"{node.path} changes the module search path"
    return tuple(folders), unsure


def _site_folders(
    view: View, python: PythonHome, library: str, venv: _Venv | None, options: PythonOptions
) -> Iterator[str]:
    versioned = f"python{python.release}"
    prefix = posixpath.dirname(posixpath.dirname(library))
    if venv is not None:
        for folder in _LIBRARY_FOLDERS:
            yield f"{venv.root}/{folder}/{versioned}/site-packages"
        if not venv.with_system:
            return
    home = view.process.env.get("PYTHONUSERBASE") or posixpath.join(view.process.env.get("HOME", "/"), ".local")
    if not options.ignores_user_site and not view.has_env("PYTHONNOUSERSITE"):
        yield f"{home}/lib/{versioned}/site-packages"
    site = view.file(f"{library}/site.py")
    if site is not None and "dist-packages" in (view.text(site, _MAX_SITE_BYTES) or ""):
        yield f"{prefix}/local/lib/{versioned}/dist-packages"
        yield f"{prefix}/lib/python3/dist-packages"
        yield f"{prefix}/lib/{versioned}/dist-packages"
        return
    # Fedora and similar distributions also use /usr/local.
    for root in dict.fromkeys((prefix, "/usr/local") if prefix == "/usr" else (prefix,)):
        for folder in _LIBRARY_FOLDERS:
            yield f"{root}/{folder}/{versioned}/site-packages"


def _read_link_files(view: View, folder: str) -> tuple[list[str], str]:
    """The folders that the ``.pth`` files of a folder add, and the first file with code that may add modules."""
    node = view.directory(folder)
    if node is None:
        return [], ""
    added: list[str] = []
    runs = ""
    files = [child for child in view.process.rootfs.children(node) if child.path.endswith(".pth")]
    for child in sorted(files, key=lambda child: child.path)[:_MAX_LINK_FILES]:
        target = view.find(child.path)
        text = view.text(target, _MAX_LINK_BYTES) if isinstance(target, Node) and target.is_file else None
        for line in lines_of(text or ""):
            if line.startswith(("import ", "import\t")):
                if posixpath.basename(child.path) not in _HARMLESS_LINK_FILES:
                    runs = runs or f"{child.path} runs code that may add modules"
            elif line.strip() and not line.startswith("#") and len(added) < _MAX_LINK_FILES:
                added.append(posixpath.normpath(posixpath.join(folder, line.strip())))
    if len(files) > _MAX_LINK_FILES:
        runs = runs or f"{folder} has more than {_MAX_LINK_FILES} .pth files"
    return added, runs
