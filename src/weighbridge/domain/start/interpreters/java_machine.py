"""The Java virtual machine: its own files, and the options that it refuses.

HotSpot's library contains the names of its options, so a name that it does not contain is certainly refused.

Sources: the JDK's src/java.base/share/native/libjli/java_md_common.c, src/hotspot/share/runtime/arguments.cpp
(``parse_each_vm_init_arg``, ``process_argument``) and src/java.instrument (``InvocationAdapter.c``). The messages were
recorded from OpenJDK 11 to 21.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.image.rootfs import LookupFailure, Node
from weighbridge.domain.start.interpreters.jars import JarReading, read_jar
from weighbridge.domain.start.interpreters.java_options import JavaLine, split_options
from weighbridge.domain.start.interpreters.reading import Reading
from weighbridge.domain.start.interpreters.view import View

_FILES = (
    ("lib/libjava.so", "Error: could not find libjava.so"),
    ("lib/jvm.cfg", "Error: could not open `"),
    ("lib/server/libjvm.so", "Error: missing `server' JVM at `"),
    ("lib/modules", "Failed setting boot class path."),
)
_LIBRARIES = ("lib/server/libjvm.so", "jre/lib/amd64/server/libjvm.so", "lib/amd64/server/libjvm.so")
_LIBRARY_FOLDERS = ("/lib", "/usr/lib", "/usr/local/lib", "/lib64", "/usr/lib64", "/usr/java/packages/lib")
_MAX_LIBRARY_BYTES = 64 * 1024 * 1024
_MAX_OPTIONS = 60
_HOTSPOT = b"UseCompressedOops\0"
_IGNORES_UNKNOWN = "-XX:+IgnoreUnrecognizedVMOptions"
_KNOWN = re.compile(
    r"-D.*|-(?:ea|da|enableassertions|disableassertions)(?::.*)?|-[ed]sa|-(?:en|dis)ablesystemassertions"
    r"|-verbose(?::.*)?|-(?:server|client|minimal)|--enable-preview|--illegal-access=.*"
    r"|--(?:add|limit)-[a-z]+=.*|--(?:patch-module|upgrade-module-path|module-path|enable-native-access)=.*"
    r"|-Xbootclasspath.*|-X(?:batch|check:jni|comp|debug|int|internalversion|mixed|noagent|noclassgc|rs|prof|share:.*)"
    r"|-X(?:log|loggc|verify|run\w+)(?::.*)?|-Xmaxjitcodesize.*"
)
"""Options of every release, or whose values are not checked."""
_SIZES = {
    "-Xmx": "Invalid maximum heap size: ",
    "-Xms": "Invalid initial heap size: ",
    "-Xss": "Invalid thread stack size: ",
    "-Xmn": "Invalid initial young generation size: ",
}
_SIZE = re.compile(r"(\d{1,18})([kKmMgGtT]?)")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SMALLEST_HEAP_BYTES = 1 << 20
_FLAG = re.compile(r"-XX:([+-]?)([A-Za-z0-9_]*)(?:(:?=)(.*))?", re.DOTALL)
_NUMERIC = re.compile(r".*(?:Percentage|Size|Fraction|Ratio|Count|Threads|Millis)")
_NUMBER = re.compile(r"[-+]?[\d.][\w.+-]*")
_COLLECTORS = frozenset({"UseSerialGC", "UseParallelGC", "UseG1GC", "UseZGC", "UseShenandoahGC"})
_OF_LAUNCHER = re.compile(r"-(?:jar|cp|classpath|m|p)|--(?:class-path|module)|--(?:add|limit)-[a-z]+")
"""Options that only the launcher understands, such as ``--add-opens`` with its value in the next word."""
_AGENTS = ("-javaagent:", "-agentlib:", "-agentpath:")
_STEM = re.compile(r"-{1,2}[A-Za-z][\w-]*")
_OPTION_FILES = {"Flags": "Could not open settings file ", "VMOptionsFile": "Could not open options file '"}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Machine:
    """HotSpot of one image: its home folder, and the content of its library."""

    view: View
    home: str
    library: Node
    content: bytes

    def has(self, text: str) -> bool:
        return text.encode("utf-8", "surrogateescape") in self.content


def broken_runtime(view: View) -> Reading | None:
    """The files that the launcher requires; only for runtimes with the layout of Java 9 and later."""
    home = posixpath.dirname(posixpath.dirname(view.program.path))
    if view.file(f"{home}/lib/libjli.so") is None or view.directory(f"{home}/jre") is not None:
        return None
    for name, text in _FILES:
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


def refused_options(view: View, line: JavaLine) -> Reading | None:
    """The first option that ends the virtual machine: one that it does not have, a wrong value, a missing agent."""
    env = view.process.env
    before, behind = (split_options(env.get(name, "")) for name in ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS"))
    if before is None or behind is None:
        return view.unsure("the quotes in JAVA_TOOL_OPTIONS or _JAVA_OPTIONS")
    origins = (("JAVA_TOOL_OPTIONS", before), ("", line.machine), ("_JAVA_OPTIONS", behind))
    options = [option for _, given in origins for option in given]
    if len(options) > _MAX_OPTIONS:
        return view.unsure(f"more than {_MAX_OPTIONS} options")
    has_more = any(not _KNOWN.fullmatch(option) and not option.startswith(_AGENTS) for option in options)
    machine = _machine(view) if has_more else None
    if machine is not None:
        ignores = _IGNORES_UNKNOWN in options
        for option in options:
            text = _refused(machine, option, ignores=ignores)
            if text is not None:
                variable = next((name for name, given in origins if option in given), "")
                return view.refuses(option, text, variable=variable)
        text = _heap(options) or _collectors(machine, options)
        if text is not None:
            return view.refuses("these options together", text)
    agents = (_agent(view, option) for option in options)
    return next((agent for agent in agents if agent is not None), None)


def _machine(view: View) -> _Machine | None:
    home = posixpath.dirname(posixpath.dirname(view.program.path))
    library = next((node for name in _LIBRARIES if (node := view.file(f"{home}/{name}")) is not None), None)
    if library is None or library.size_bytes > _MAX_LIBRARY_BYTES:
        return None
    content = view.process.rootfs.read(library, limit_bytes=_MAX_LIBRARY_BYTES)
    if _HOTSPOT not in content:
        return None
    return _Machine(view=view, home=home, library=library, content=content)


def _refused(machine: _Machine, option: str, *, ignores: bool) -> str | None:
    """The error for one option; None if the machine may accept it."""
    if option.startswith("-XX:"):
        return _refused_flag(machine, option, ignores=ignores)
    if option[:4] in _SIZES:
        return None if _bytes(option) is not None else f"{_SIZES[option[:4]]}{option}"
    if _KNOWN.fullmatch(option) or option.startswith(_AGENTS) or ignores:
        return None
    stem = _STEM.match(option)
    if stem is not None and machine.has(stem.group()) and not _OF_LAUNCHER.fullmatch(option):
        return None
    return f"Unrecognized option: {option}"


def _refused_flag(machine: _Machine, option: str, *, ignores: bool) -> str | None:
    match = _FLAG.fullmatch(option)
    if match is None:
        return None
    sign, name, equals, value = match.groups()
    if equals and name in _OPTION_FILES and isinstance(machine.view.find(value), LookupFailure):
        return f"{_OPTION_FILES[name]}{value}"
    if not name or not machine.has(f"{name}\0"):
        # A few options are compared with their whole text, such as -XX:Flags=.
        if ignores or (name and machine.has(f"-XX:{sign}{name}")):
            return None
        return f"Unrecognized VM option '{option.removeprefix('-XX:').lstrip('+-')}'"
    if not sign and not equals:
        return f"VM option '{name}'"
    if equals == "=" and not sign and _NUMERIC.fullmatch(name) and not _NUMBER.fullmatch(value):
        return f"Improperly specified VM option '{name}={value}'"
    return None


def _bytes(option: str) -> int | None:
    match = _SIZE.fullmatch(option[4:])
    return int(match[1]) * _UNITS[match[2].lower()] if match is not None else None


def _heap(options: list[str]) -> str | None:
    found = {name: next((_bytes(one) for one in reversed(options) if one.startswith(name)), None) for name in _SIZES}
    highest, first = found["-Xmx"], found["-Xms"]
    if highest and highest < _SMALLEST_HEAP_BYTES and not first:
        return "Too small maximum heap"
    if highest and first and first > highest:
        return "Initial heap size set to a larger value than the maximum heap size"
    return None


def _collectors(machine: _Machine, options: list[str]) -> str | None:
    text = "Multiple garbage collectors selected"
    chosen = {name for name in _COLLECTORS if f"-XX:+{name}" in options and f"-XX:-{name}" not in options}
    return text if len(chosen) > 1 and machine.has(text) else None


def _agent(view: View, option: str) -> Reading | None:
    """The error for an agent that the machine cannot load; None for other options."""
    kind, colon, rest = option.partition(":")
    path = rest.partition("=")[0]
    if not colon:
        return None
    if kind == "-javaagent":
        return _java_agent(view, path)
    if kind == "-agentpath":
        node = view.find(path)
        text = f"Could not find agent library {path} in absolute path"
        return (view.absent(node) or view.file_missing(path, text)) if isinstance(node, LookupFailure) else None
    return _agent_library(view, path) if kind == "-agentlib" else None


def _java_agent(view: View, path: str) -> Reading | None:
    text = f"Error opening zip file or JAR manifest missing : {path}"
    node = view.find(path)
    if isinstance(node, LookupFailure):
        return view.absent(node) or view.file_missing(path, text)
    jar = read_jar(view.process.rootfs, node) if node.is_file else "no archive"
    if jar == "no archive":
        return view.fails(
            CheckCode.INTERPRETER_FILE_MISSING,
            path=node.path,
            predicts=text,
            evidence=(f"{node.path} is no jar file",),
            fix="COPY the jar of the agent.",
        )
    if not isinstance(jar, JarReading) or jar.premain_class is not None or not jar.has_manifest:
        return None
    return view.fails(
        CheckCode.INTERPRETER_MODULE_MISSING,
        path=node.path,
        predicts=f"Failed to find Premain-Class manifest attribute in {path}",
        evidence=(f"{node.path} has no Premain-Class in its manifest",),
        fix="Name the jar of the agent.",
    )


def _agent_library(view: View, name: str) -> Reading | None:
    """``-agentlib``: in the runtime's own folder, or where the loader finds libraries."""
    home = posixpath.dirname(posixpath.dirname(view.program.path))
    own = f"{home}/lib/lib{name}.so"
    multiarch = [child for folder in ("/lib", "/usr/lib") for child in _folders_below(view, folder)]
    places = [f"{home}/lib", f"{home}/jre/lib", *_LIBRARY_FOLDERS, *multiarch]
    if view.has_env("LD_LIBRARY_PATH") or any(view.file(f"{place}/lib{name}.so") is not None for place in places):
        return None
    failure = view.find(own)
    if not isinstance(failure, LookupFailure):
        return None
    return view.absent(failure) or view.file_missing(own, f"Could not find agent library {name} on the library path")


def _folders_below(view: View, folder: str) -> list[str]:
    node = view.directory(folder)
    children = view.process.rootfs.children(node) if node is not None else ()
    return [child.path for child in children if child.path.endswith(("-linux-gnu", "-linux-musl", "-linux-gnueabihf"))]
