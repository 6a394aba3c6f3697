"""``java``: the jar or class on its command line, and the Java runtime's own files.

Sources: the JDK's src/java.base/share/native/libjli (java.c, wildcard.c, parse_manifest.c), the jar file
specification (``Main-Class``, ``Class-Path``). The messages were recorded from OpenJDK 11 to 21.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import LookupFailure, Node
from weighbridge.domain.start.attempt import Process, Program
from weighbridge.domain.start.interpreters.jars import JarReading, read_jar
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_WITH_VALUE = frozenset(
    [
        "-p",
        "--module-path",
        "--add-modules",
        "--limit-modules",
        "--upgrade-module-path",
        "--add-reads",
        "--add-exports",
        "--add-opens",
        "--patch-module",
        "--source",
        "--enable-native-access",
        "-splash",
        "--describe-module",
        "-d",
    ]
)
_CLASS_PATH = frozenset({"-cp", "-classpath", "--class-path"})
_ENDS_EARLY = frozenset(
    [
        "-version",
        "--version",
        "-showversion",
        "--show-version",
        "-help",
        "--help",
        "-h",
        "-?",
        "-X",
        "--help-extra",
        "--list-modules",
    ]
)
_VARIABLES = ("JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS")
_CLASS_NAME = re.compile(r"[A-Za-z_$][\w$]*(?:[./][A-Za-z_$][\w$]*)*")
_RUNTIME_FILES = (
    ("lib/libjava.so", "Error: could not find libjava.so"),
    ("lib/jvm.cfg", "Error: could not open `"),
    ("lib/server/libjvm.so", "Error: missing `server' JVM at `"),
    ("lib/modules", "Failed setting boot class path."),
)
_MAX_CLASS_PATH = 400
_MAX_JARS = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    """A java command line: the jar or class, the class path as given, the agents, and unsupported parts."""

    jar: str | None = None
    main_class: str | None = None
    class_path: str | None = None
    agents: tuple[str, ...] = ()
    ends_early: bool = False
    module: bool = False
    unknown: str | None = None


def read_java(process: Process, program: Program) -> Reading | None:
    """The jar or class that ``java`` runs; None for other programs."""
    if posixpath.basename(program.path) != "java":
        return None
    view = View(process=process, program=program)
    broken = _runtime(view)
    if broken is not None:
        return broken
    line = _read_line(view.words)
    if line.unknown is not None:
        return view.unsure(line.unknown)
    if line.ends_early:
        return view.looked("prints and ends")
    variables = [
        name for name in _VARIABLES if any(mark in process.env.get(name, "") for mark in ("-cp", "class", "-jar", "@"))
    ]
    if variables:
        return view.unsure(f"{variables[0]} adds options")
    # The launcher reads the jar's manifest before the virtual machine starts; agents come later.
    main = _jar(view, line.jar) if line.jar is not None else None
    if main is not None and main.failure is not None and main.failure.path == view.absolute(line.jar or ""):
        return main
    for agent in line.agents:
        missing = _agent(view, agent)
        if missing is not None:
            return missing
    if main is not None:
        return main
    if line.module:
        return view.unsure("a main module is not followed")
    if line.main_class is None:
        return view.looked("prints how it is used")
    return _class(view, line.main_class, line.class_path)


def _runtime(view: View) -> Reading | None:
    """The files that the launcher requires; only for runtimes with the layout of Java 9 and later."""
    home = posixpath.dirname(posixpath.dirname(view.program.path))
    if view.file(f"{home}/lib/libjli.so") is None or view.directory(f"{home}/jre") is not None:
        return None
    for name, text in _RUNTIME_FILES:
        path = f"{home}/{name}"
        failure = view.find(path)
        if not isinstance(failure, LookupFailure) or view.absent(failure) is not None:
            continue
        # Debian's launcher uses jvm.cfg-default if there is no jvm.cfg; other builds may have another virtual machine.
        if view.file(f"{path}-default") is not None or view.directory(f"{home}/lib/client") is not None:
            continue
        link = view.process.rootfs.lookup(path, follow=False)
        leads = f"{path}: not in the image"
        if isinstance(link, Node) and link.entry.link_target is not None:
            leads = f"{path} is a symlink to {link.entry.link_target}, which is not in the image"
        return view.fails(
            CheckCode.INTERPRETER_LIBRARY_MISSING,
            path=path,
            predicts=f"{text}{path}'" if text.endswith("`") else text,
            evidence=(leads,),
            fix=f"Copy all of {home} and what its links lead to, or install the runtime in the final stage.",
        )
    return None


def _read_line(words: tuple[str, ...]) -> _Line:
    agents: list[str] = []
    class_path = None
    rest = list(words[:500])
    while rest:
        word = rest.pop(0)
        if word in _ENDS_EARLY:
            if word not in {"-showversion", "--show-version"}:
                return _Line(ends_early=True, agents=tuple(agents))
        elif word == "-jar":
            return _Line(jar=rest[0] if rest else None, agents=tuple(agents))
        elif word in {"-m", "--module"} or word.startswith("--module="):
            return _Line(module=True, agents=tuple(agents))
        elif word in _CLASS_PATH:
            class_path = rest.pop(0) if rest else ""
        elif word.startswith("--class-path="):
            class_path = word.partition("=")[2]
        elif word.startswith("@"):
            return _Line(unknown=f"the options in {word[:80]} are not read")
        elif word.startswith("-javaagent:"):
            agents.append(word.removeprefix("-javaagent:").partition("=")[0])
        elif word in _WITH_VALUE:
            rest = rest[1:]
        elif word.startswith("-"):
            continue
        else:
            return _Line(main_class=word, class_path=class_path, agents=tuple(agents))
    return _Line(agents=tuple(agents))


def _agent(view: View, path: str) -> Reading | None:
    node = view.find(path)
    if not isinstance(node, LookupFailure):
        return None
    return view.absent(node) or view.file_missing(path, f"Error opening zip file or JAR manifest missing : {path}")


def _jar(view: View, name: str) -> Reading:
    found = view.named_file(name, f"Unable to access jarfile {name}")
    if isinstance(found, Reading):
        return found
    jar = read_jar(view.process.rootfs, found)
    if isinstance(jar, str):
        # The launcher rejects an empty file, or one without the end of a zip archive.
        if found.size_bytes == 0 or jar == "no archive":
            return _not_runnable(
                view,
                found,
                f"Invalid or corrupt jarfile {name}",
                "is not a jar file",
                CheckCode.INTERPRETER_FILE_MISSING,
            )
        return view.looked(f"{found.path} is found, not read")
    if jar.main_class is None:
        what = "has no Main-Class in its manifest" if jar.has_manifest else "has no manifest"
        return _not_runnable(
            view, found, f"no main manifest attribute, in {name}", what, CheckCode.INTERPRETER_MODULE_MISSING
        )
    if not _CLASS_NAME.fullmatch(jar.main_class):
        return view.looked(f"{found.path} is found, not read")
    if jar.has_class(jar.main_class) or jar.class_path or jar.launcher_agent:
        return view.looked(f"{found.path} with {jar.main_class} is found, not read")
    return _no_class(
        view, jar.main_class, found.path, (f"{found.path}: Main-Class is {jar.main_class}", "the jar has no such class")
    )


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
    if not _CLASS_NAME.fullmatch(name):
        return view.unsure(f"{name[:80]} is an unsupported class name")
    text = class_path if class_path is not None else view.process.env.get("CLASSPATH") or "."
    entries = list(_entries(view, text))
    if len(entries) > _MAX_CLASS_PATH:
        return view.unsure(f"more than {_MAX_CLASS_PATH} places in the class path")
    unreadable = False
    for number, entry in enumerate(entries):
        node = view.find(entry)
        if isinstance(node, LookupFailure):
            unreadable |= view.absent(node) is not None
        elif node.is_directory:
            if view.file(f"{node.path}/{name.replace('.', '/')}.class") is not None:
                return view.looked(f"the class {name} is found, not read")
        elif number >= _MAX_JARS:
            unreadable = True
        else:
            jar = read_jar(view.process.rootfs, node)
            if isinstance(jar, JarReading) and jar.has_class(name):
                return view.looked(f"the class {name} is found in {node.path}, not read")
            unreadable |= isinstance(jar, str) or bool(jar.class_path)
    if unreadable:
        return view.unsure(f"no class {name} in the readable part of the class path")
    shown = ", ".join(entries[:6]) + (f" and {len(entries) - 6} more" if len(entries) > 6 else "")
    return _no_class(view, name.replace("/", "."), view.absolute(entries[0]), (f"no class {name} in {shown}",))


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
