"""``java``: the jar or class on its command line.

Sources: the JDK's src/java.base/share/native/libjli (java.c, wildcard.c, parse_manifest.c), LauncherHelper.java, and
the jar file specification (``Main-Class``, ``Class-Path``). The messages were recorded from OpenJDK 11 to 21.
"""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Iterator

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import LookupFailure, Node
from weighbridge.domain.start.attempt import Process, Program
from weighbridge.domain.start.interpreters.jars import JarReading, read_jar
from weighbridge.domain.start.interpreters.java_machine import broken_runtime, refused_options
from weighbridge.domain.start.interpreters.java_options import read_java_line
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_FIX = 'Name the jar or the class: CMD ["java", "-jar", "/app/app.jar"].'
_MAX_CLASS_PATH = 400
_MAX_JARS = 300
_MAX_PLACES = 2000


def read_java(process: Process, program: Program) -> Reading | None:
    """The jar or class that ``java`` runs; None for other programs."""
    if posixpath.basename(program.path) != "java":
        return None
    view = View(process=process, program=program)
    broken = broken_runtime(view)
    if broken is not None:
        return broken
    line = read_java_line(view)
    if isinstance(line, Reading):
        return line
    if line.fails_with is not None:
        return view.refuses(view.shown, line.fails_with, fix=_FIX)
    # The launcher opens the jar before the virtual machine starts, which then looks for the main class.
    jar = _open_jar(view, line.jar) if line.jar is not None else None
    if isinstance(jar, Reading):
        return jar
    refused = refused_options(view, line)
    if refused is not None:
        return refused
    if line.ends_early:
        return view.looked("prints and ends")
    if jar is not None:
        return _main_of_jar(view, line.jar or "", jar)
    if line.main_class is None:
        return view.unsure("a main module is not followed")
    return _class(view, line.main_class, line.class_path)


def _open_jar(view: View, name: str) -> Node | Reading:
    """The file of ``-jar``, if the launcher accepts it: a zip archive with a manifest."""
    unreadable = f"Unable to access jarfile {name}"
    node = view.find(name)
    if isinstance(node, LookupFailure):
        return view.absent(node) or view.file_missing(name, unreadable)
    if node.is_file and not view.process.credentials.may_read(node.entry):
        what = f"mode {node.mode:04o}, owner {node.uid}:{node.gid}: the user may not read it"
        return _not_runnable(view, node, unreadable, what, CheckCode.ENTRYPOINT_NOT_EXECUTABLE)
    jar = read_jar(view.process.rootfs, node) if node.is_file else "no archive"
    if jar == "no archive":
        what, code = "is not a jar file", CheckCode.INTERPRETER_FILE_MISSING
    elif isinstance(jar, JarReading) and not jar.has_manifest:
        what, code = "has no manifest", CheckCode.INTERPRETER_MODULE_MISSING
    else:
        return node
    return _not_runnable(view, node, f"Invalid or corrupt jarfile {name}", what, code)


def _main_of_jar(view: View, name: str, node: Node) -> Reading:
    jar = read_jar(view.process.rootfs, node)
    if isinstance(jar, str):
        return view.looked(f"{node.path} is found, not read")
    main = jar.main_class
    if main is None:
        return _not_runnable(
            view,
            node,
            f"no main manifest attribute, in {name}",
            "has no Main-Class in its manifest",
            CheckCode.INTERPRETER_MODULE_MISSING,
        )
    search = _ClassSearch(view, main)
    if jar.launcher_agent or search.finds(node.path):
        return view.looked(f"{node.path} with {main} is found, not read")
    if search.unreadable:
        return view.unsure(f"whether the Class-Path of {node.path} has {main}")
    evidence = (f"{node.path}: Main-Class is {main}", "neither the jar nor its Class-Path has this class")
    return _no_class(view, main.replace("/", "."), node.path, evidence)


def _not_runnable(view: View, node: Node, predicts: str, what: str, code: CheckCode) -> Reading:
    return view.fails(
        code,
        path=node.path,
        predicts=predicts,
        evidence=(f"{node.path} {what}",),
        fix="COPY the executable jar of the build (Spring Boot: not the one that ends in -plain.jar), or name "
        "the class: java -cp APP.jar MAIN.",
    )


def _no_class(view: View, name: str, path: str, evidence: tuple[str, ...]) -> Reading:
    return view.fails(
        CheckCode.INTERPRETER_MODULE_MISSING,
        path=path,
        predicts=f"Could not find or load main class {name}",
        evidence=evidence,
        fix="COPY the classes or jars into the final stage, or correct the class path or the class name.",
    )


def _class(view: View, name: str, class_path: str | None) -> Reading:
    """A main class from the class path: ``CLASSPATH`` or the working directory by default."""
    if name.endswith(".java"):
        node = view.find(name)
        if not isinstance(node, LookupFailure):
            return view.looked(f"{name} is found, not read")
        return view.absent(node) or _no_class(view, name, view.absolute(name), (f"{name}: not in the image",))
    text = class_path if class_path is not None else view.process.env.get("CLASSPATH") or "."
    entries = list(_entries(view, text))
    if len(entries) > _MAX_CLASS_PATH:
        return view.unsure(f"more than {_MAX_CLASS_PATH} places in the class path")
    search = _ClassSearch(view, name)
    for entry in entries:
        if search.finds(view.absolute(entry)):
            return view.looked(f"the class {name} is found in {entry}, not read")
    if search.unreadable:
        return view.unsure(f"no class {name} in the readable part of the class path")
    shown = ", ".join(entries[:6]) + (f" and {len(entries) - 6} more" if len(entries) > 6 else "")
    jar = "the jar is the value of -jar: java -jar" if name.endswith(".jar") else ""
    evidence = tuple(part for part in (f"no class {name} in {shown}", jar) if part)
    return _no_class(view, name.replace("/", "."), view.absolute(entries[0]), evidence)


class _ClassSearch:
    """Looks for a class in folders, in jars, and in the jars of their ``Class-Path``, each once.

    `unreadable` means that a place could not be read, so that a class that is not found may still be there.
    """

    def __init__(self, view: View, name: str) -> None:
        self._view, self._name = view, name
        self._seen: set[str] = set()
        self.unreadable = False

    def finds(self, path: str) -> bool:
        """True if the class is at `path`, or at a place that a manifest there names."""
        pending = deque([path])
        while pending:
            place = pending.popleft()
            if place in self._seen:
                continue
            if len(self._seen) > _MAX_PLACES:
                self.unreadable = True
                return False
            self._seen.add(place)
            found = self._look(place)
            if isinstance(found, bool):
                return found
            pending += found
        return False

    def _look(self, place: str) -> bool | list[str]:
        """True if the class is there; otherwise the places that a manifest there adds."""
        view = self._view
        node = view.find(place)
        if isinstance(node, LookupFailure):
            self.unreadable |= view.absent(node) is not None
            return []
        if node.is_directory:
            return view.file(f"{node.path}/{self._name.replace('.', '/')}.class") is not None or []
        jar = read_jar(view.process.rootfs, node) if len(self._seen) <= _MAX_JARS and node.is_file else ""
        if isinstance(jar, str):
            self.unreadable |= jar != "no archive"
            return []
        if jar.has_class(self._name):
            return True
        names = jar.class_path.split()
        self.unreadable |= any(":" in name or "%" in name for name in names)
        return [view.absolute(name, posixpath.dirname(node.path)) for name in names if ":" not in name]


def _entries(view: View, text: str) -> Iterator[str]:
    """The entries of a class path; ``lib/*`` means all jars of a folder (libjli/wildcard.c)."""
    for part in text.split(":")[: _MAX_CLASS_PATH + 1]:
        if part != "*" and not part.endswith("/*"):
            yield part or "."
            continue
        folder = view.directory(part[:-1] or ".")
        jars = view.process.rootfs.children(folder) if folder is not None else ()
        names = sorted(child.path for child in jars if child.path.lower().endswith(".jar"))
        yield from names or [part]
