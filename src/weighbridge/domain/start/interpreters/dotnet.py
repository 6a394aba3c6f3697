"""``dotnet``: the assembly, its runtime configuration, and the frameworks beside the host.

Sources: dotnet/runtime, docs/design/features (host-startup.md, framework-version-resolution.md) and
src/native/corehost (fxr_resolver.cpp, fx_muxer.cpp, fx_resolver.messages.cpp), whose messages are quoted. They are not
recorded from a run.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import LookupFailure, Node
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_VERSION = re.compile(r"([0-9]{1,5})\.([0-9]{1,5})\.([0-9]{1,5})(?:-[\w.-]+)?")
_ROLLS_TO_MINOR = frozenset({"minor", "latestminor"})
_ROLLS_TO_MAJOR = frozenset({"major", "latestmajor"})
_MAX_FRAMEWORKS = 20
_FIRST_WITH_THESE_WORDS = 6

Version = tuple[int, int, int]


def read_dotnet(view: View) -> Reading:
    """What ``dotnet App.dll`` needs before the application itself runs."""
    words = list(view.words)
    if words[:1] == ["exec"]:
        words.pop(0)
    name = words[0] if words else ""
    if not name.lower().endswith((".dll", ".exe")):
        return view.unsure(f"{name or 'a start without arguments'} is not followed")
    root = posixpath.dirname(view.program.path)
    host = max(_versions(view, f"{root}/host/fxr"), default=None)
    if host is None:
        return _host_missing(view, root)
    found = view.find(name)
    if isinstance(found, LookupFailure):
        return view.absent(found) or _assembly_missing(view, root, name, host)
    return _frameworks(view, root, found, host)


def _versions(view: View, folder: str) -> Iterator[Version]:
    """The versions that the names of a directory's children are."""
    node = view.directory(folder)
    for child in view.process.rootfs.children(node) if node is not None else ():
        match = _VERSION.fullmatch(posixpath.basename(child.path))
        if match is not None:
            yield int(match[1]), int(match[2]), int(match[3])


def _host_missing(view: View, root: str) -> Reading:
    folder = f"{root}/host/fxr"
    if isinstance(view.find(folder), Node):
        return view.unsure(f"{folder} has no version")
    return view.fails(
        CheckCode.INTERPRETER_LIBRARY_MISSING,
        path=folder,
        predicts=f"[{folder}] does not exist",
        evidence=(f"{folder}: not in the image",),
        fix="Copy the whole folder of dotnet, or begin the final stage with a .NET runtime image.",
    )


def _assembly_missing(view: View, root: str, name: str, host: Version) -> Reading:
    if any(_versions(view, f"{root}/sdk")) or host[0] < _FIRST_WITH_THESE_WORDS:
        return view.unsure(f"{view.absolute(name)} is not in the image; the SDK then looks for a command")
    return view.file_missing(name, f"The application '{name}' does not exist.")


def _frameworks(view: View, root: str, assembly: Node, host: Version) -> Reading:
    path = f"{posixpath.splitext(assembly.path)[0]}.runtimeconfig.json"
    node = view.file(path)
    if node is None:
        return view.fails(
            CheckCode.INTERPRETER_FILE_MISSING,
            path=path,
            predicts="The library 'libhostpolicy.so' required to execute the application was not found in '",
            evidence=(f"{path}: not in the image, so the host looks for a self-contained application",),
            fix="COPY the whole output folder of dotnet publish.",
        )
    settings = view.json(node)
    options = settings.get("runtimeOptions") if isinstance(settings, dict) else None
    if not isinstance(options, dict):
        return view.unsure(f"{path} is not readable")
    policy = view.process.env.get("DOTNET_ROLL_FORWARD") or options.get("rollForward") or "Minor"
    for framework, wanted in _wanted(options):
        there = sorted(_versions(view, f"{root}/shared/{framework}"))
        fits = _fits(str(policy).lower(), wanted, there)
        if fits is None:
            return view.unsure(f"whether a framework fits by the policy {str(policy)[:40]}")
        if not fits:
            folder = f"{root}/shared/{framework}"
            return _framework_missing(view, folder, wanted=wanted, there=there, host=host)
    return view.looked(f"{assembly.path} and its framework are found, not read")


def _wanted(options: dict[str, object]) -> Iterator[tuple[str, Version]]:
    listed = options.get("frameworks")
    single = [options["framework"]] if "framework" in options else []
    for one in (listed if isinstance(listed, list) else single)[:_MAX_FRAMEWORKS]:
        if not isinstance(one, dict):
            continue
        name, match = one.get("name"), _VERSION.fullmatch(str(one.get("version")))
        if isinstance(name, str) and re.fullmatch(r"[\w.]{1,100}", name) and match is not None:
            yield name, (int(match[1]), int(match[2]), int(match[3]))


def _fits(policy: str, wanted: Version, there: list[Version]) -> bool | None:
    """Whether a version may be taken; None for a policy that is unknown."""
    later = [version for version in there if version >= wanted]
    if policy in _ROLLS_TO_MAJOR:
        return bool(later)
    if policy in _ROLLS_TO_MINOR:
        return any(version[0] == wanted[0] for version in later)
    if policy == "latestpatch":
        return any(version[:2] == wanted[:2] for version in later)
    if policy == "disable":
        return wanted in there
    return None


def _framework_missing(view: View, folder: str, *, wanted: Version, there: list[Version], host: Version) -> Reading:
    framework, shown = posixpath.basename(folder), ".".join(map(str, wanted))
    have = ", ".join(".".join(map(str, version)) for version in there[:10]) or "no version"
    old = "It was not possible to find any compatible framework version"
    new = "You must install or update .NET to run this application."
    return view.fails(
        CheckCode.INTERPRETER_LIBRARY_MISSING,
        path=folder,
        predicts=new if host[0] >= _FIRST_WITH_THESE_WORDS else old,
        evidence=(f"the application wants {framework} {shown}", f"the image has {have} of it"),
        fix=f"Begin the final stage with a runtime image of .NET {wanted[0]}.{wanted[1]} that has {framework}.",
    )
