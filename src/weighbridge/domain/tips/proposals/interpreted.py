"""``use-multi-stage`` for programs of an interpreter or virtual machine, if build and runtime files are separable."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from itertools import islice

from weighbridge.domain.dockerfile import Instruction, Origin
from weighbridge.domain.dockerfile.edits import Edit
from weighbridge.domain.dockerfile.run_commands import RunCommand
from weighbridge.domain.image.rootfs import Node
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.packages.dpkg import deb_owners
from weighbridge.domain.start.elf import ElfError
from weighbridge.domain.start.loader.objects import elf_of
from weighbridge.domain.tips.proposals.bases import runtime_of
from weighbridge.domain.tips.proposals.needs import data_of, is_plain_path
from weighbridge.domain.tips.proposals.written import Cut, Written
from weighbridge.domain.tips.tip import TipChange

_APT = frozenset({"apt-get", "apt"})
_APT_STEPS = frozenset({"update", "install", "clean", "autoclean", "upgrade", "dist-upgrade"})
_NODE_COMMANDS = frozenset({"npm", "node", "npx", "mkdir", "rm", "cp", "mv", "echo", "test", "true", "set", "ls"})
_OTHER_TARGET = re.compile(r"--(?:prefix|target|root|user|editable|report|dry-run)\b|-[te]$")
_PIPS_OWN = frozenset({"pip", "setuptools", "wheel"})
_FOR_BUILDS = re.compile(
    r"build-essential|gcc(?:-\d+)?|g\+\+(?:-\d+)?|gfortran|clang(?:-\d+)?|cpp|make|cmake|ninja-build|meson|autoconf|automake"
    r"|libtool|pkg-config|pkgconf|binutils|patch|m4|bison|flex|swig|cython3?|cargo|rustc|.+-dev"
)
_MANIFEST = re.compile(
    r"(?:.*requirements.*\.(?:txt|in)|constraints.*\.txt|pyproject\.toml|.*\.lock|setup\.(?:py|cfg)|Pipfile)"
)
_LIBRARY_FOLDERS = (
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/local/lib",
    "/usr/lib",
    "/lib",
)
_MAXIMUM_ADDONS = 500
_INSTALLED = "/install"
_PLAIN_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.:=~_-]*")
_CLASS = re.compile(r".*\.class")
_NOTHING = re.compile(r"(?!)")
_UNREADABLE = (RunCommand(name="", arguments=(), assignments=(), operator="", start=0, name_end=0, end=0),)


def staged(image: WeighedImage, written: Written) -> TipChange | None:
    """The change that moves the build to a separate stage; ``None`` if build and runtime files are not separable."""
    programs = image.start.programs
    if not written.is_plain or written.stage.is_from_scratch or not programs:
        return None
    if not is_plain_path(image.image.config.workdir or "/"):
        return None
    program = posixpath.basename(programs[-1].path)
    if program == "java":
        return _java(image, written)
    if re.fullmatch(r"node(?:js)?", program):
        return _node(image, written)
    if re.fullmatch(r"python[\d.]*", program):
        return _python(image, written)
    return None


# --- Java ---------------------------------------------------------------------------------------------------------


def _java(image: WeighedImage, written: Written) -> TipChange | None:
    """Copy the archive or the classes onto the image with the Java runtime only."""
    cut = written.cut()
    base = runtime_of(written.stage.base)
    names = {command.name for one in cut.before if one.name == "RUN" for command in _commands(written, one)}
    if base is None or not cut.before or names & {"apt-get", "apt", "apk", "dnf", "microdnf", "yum"}:
        return None
    program = image.start.programs[-1]
    found = (image.rootfs.lookup(posixpath.join(program.cwd, word)) for word in program.argv[1:] if word[:1] != "-")
    named = [node for node in found if isinstance(node, Node) and node.is_file]
    keep = _NOTHING if "-jar" in program.argv else _CLASS
    data = data_of(image, written.stage, since_line=cut.since_line, named=named, keep=keep)
    if not data:
        return None
    stage = written.name()[0]
    lines = []
    for one in data:
        owner = f"--chown={one.owner} " if one.owner else ""
        lines.append(f"COPY --from={stage} {owner}{' '.join(one.sources)} {one.destination}")
    return written.second_stage(cut, base, image.image.config.workdir, lines)


# --- Node ---------------------------------------------------------------------------------------------------------


def _node(image: WeighedImage, written: Written) -> TipChange | None:
    """Copy the project's folder without development dependencies onto its base."""
    cut = written.cut()
    runs = [one for one in cut.before if one.name == "RUN"]
    folder = posixpath.normpath(image.image.config.workdir or "/")
    commands = [command for one in runs for command in _commands(written, one)]
    if folder == "/" or not commands or {command.name for command in commands} - _NODE_COMMANDS:
        return None
    if any(value in {"-g", "--global"} for command in commands for value in command.values):
        return None
    if not any(command.name == "npm" and {"ci", "install", "i"} & set(command.values) for command in commands):
        return None
    if any(one.name in {"COPY", "ADD"} and not _copies_into(one, folder) for one in cut.before):
        return None
    stage = written.name()[0]
    base = written.stage.from_instruction.args[0]
    lines = [f"COPY --from={stage} {folder} {folder}"]
    return written.second_stage(cut, base, folder, lines, first=("RUN npm prune --omit=dev",))


def _copies_into(instruction: Instruction, folder: str) -> bool:
    """True if a copy's destination is in `folder`, also relative to a working directory."""
    destination = instruction.expanded[-1]
    path = posixpath.normpath(posixpath.join(folder, destination))
    return path == folder or path.startswith(f"{folder}/")


# --- Python -------------------------------------------------------------------------------------------------------


def _python(image: WeighedImage, written: Written) -> TipChange | None:
    """Install pip's packages into a folder of the build stage, and copy it onto the base."""
    instructions = written.stage.instructions
    runs = [(index, one) for index, one in enumerate(instructions) if one.name == "RUN"]
    with_pip = [index for index, one in runs if any(_pip_install(command) for command in _commands(written, one))]
    if not with_pip:
        return None
    cut = Cut(stage=written.stage, before=instructions[: with_pip[-1] + 1], after=instructions[with_pip[-1] + 1 :])
    edits: list[Edit] = []
    packages: list[str] = []
    for one in cut.before:
        if one.name != "RUN":
            continue
        for command in _commands(written, one):
            if command.name in _APT and command.values and set(command.values) & _APT_STEPS:
                packages += _installed(command)
            elif (place := _pip_install(command)) is not None:
                if any(_OTHER_TARGET.match(value) for value in command.values):
                    return None
                if not _is_for_pip_itself(command):
                    edits.append(Edit(start=place, end=place, replacement=f" --root={_INSTALLED}"))
            elif command.name not in {"rm", "set", "true"}:
                return None
    if not edits or any(not _PLAIN_PACKAGE.fullmatch(package) for package in packages):
        return None
    wanted = {package for package in packages if not _FOR_BUILDS.fullmatch(package)} | _libraries(image)
    base, stage = written.stage.from_instruction.args[0], written.name()[0]
    lines = []
    if wanted:
        lines.append(
            f"RUN apt-get update && apt-get install -y --no-install-recommends {' '.join(sorted(wanted))} \\\n"
            "    && rm -rf /var/lib/apt/lists/*"
        )
    lines.append(f"COPY --from={stage} {_INSTALLED} /")
    repeated = [one for one in cut.before if one.name in {"COPY", "ADD"} and not _is_manifest(one)]
    lines += map(written.text, repeated)
    return written.second_stage(cut, base, _folder_at(cut, image), lines, edits=tuple(edits))


def _pip_install(command: RunCommand) -> int | None:
    """The position for options of ``pip install``; ``None`` for other commands."""
    words = command.arguments
    if re.fullmatch(r"python[\d.]*", command.name):
        if [word.value for word in words[:2]] != ["-m", "pip"]:
            return None
        words = words[2:]
    elif not re.fullmatch(r"pip[\d.]*", command.name):
        return None
    return next((word.end for word in words if word.value == "install" and word.start), None)


def _is_for_pip_itself(command: RunCommand) -> bool:
    values = [value for value in command.values if not value.startswith("-")]
    named = [re.split(r"[=<>~!\[]", value)[0] for value in values if value not in {"install", "pip", "-m"}]
    options = [value for value in command.values if value in {"-r", "--requirement", "-c", "."}]
    return not options and set(named) <= _PIPS_OWN


def _installed(command: RunCommand) -> list[str]:
    values = [value for value in command.values if not value.startswith("-")]
    return values[1:] if values[:1] == ["install"] else []


def _libraries(image: WeighedImage) -> set[str]:
    """The packages with libraries for the image's native add-ons, if the Dockerfile installed them."""
    rootfs = image.rootfs
    own = {layer.diff_id for layer in image.layers if not layer.from_base_image}
    addons = (
        node
        for node in rootfs.nodes_of(own)
        if node.is_file and re.search(r"/(?:site|dist)-packages/.*\.so(?:[.\d]*)$", node.path)
    )
    names: set[str] = set()
    for node in islice(addons, _MAXIMUM_ADDONS):
        try:
            dynamic = elf_of(rootfs, node).dynamic
        except ElfError:
            continue
        names.update(dynamic.needed if dynamic else ())
    found = (rootfs.lookup(f"{folder}/{name}") for name in names for folder in _LIBRARY_FOLDERS)
    paths = {node.path for node in found if isinstance(node, Node) and node.diff_id in own}
    return set(deb_owners(rootfs, paths).values())


def _is_manifest(instruction: Instruction) -> bool:
    """True for a copy of dependency lists only."""
    return bool(instruction.sources) and all(
        source.origin is Origin.CONTEXT and _MANIFEST.fullmatch(posixpath.basename(source.path))
        for source in instruction.sources
    )


def _folder_at(cut: Cut, image: WeighedImage) -> str:
    before = [one for one in cut.before if one.name == "WORKDIR"]
    if before and before[-1].expanded[0].startswith("/"):
        return before[-1].expanded[0]
    return "/" if any(one.name == "WORKDIR" for one in cut.after) else image.image.config.workdir


# --- shared -------------------------------------------------------------------------------------------------------


def _commands(written: Written, instruction: Instruction) -> Sequence[RunCommand]:
    """The commands of a ``RUN``. An unreadable one is a command without a name, which no rule allows."""
    script = written.context.script(instruction)
    return script.commands if script.has_places and script.commands else _UNREADABLE
