"""Finds the packages that commands install, in the ``RUN`` instructions of a Dockerfile or in a shell script.

A word with variables counts if ``ARG`` or ``ENV`` of the Dockerfile define them. A new installer is one line in
`_INSTALLERS`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace

from weighbridge.domain.declarations.model import MAX_TEXT_CHARACTERS, Declaration, LineNumbers
from weighbridge.domain.declarations.requirements import requirement
from weighbridge.domain.dockerfile import Dockerfile, Instruction
from weighbridge.domain.dockerfile.run_commands import RunCommand, RunWord, read_heredoc
from weighbridge.domain.lint.context import LintContext
from weighbridge.domain.lint.model import LintSettings
from weighbridge.domain.packages.model import Ecosystem

MAX_WORDS = 20_000
_Variables = dict[str, tuple[str, int | None]]
_REFERENCE = re.compile(r"\$(?:\{([A-Za-z_]\w{0,100})(?::?-[^}]{0,200})?\}|([A-Za-z_]\w{0,100}))")
_DEB = re.compile(r"([a-z0-9][a-z0-9+.-]{0,200}?)(?::[a-z0-9-]+)?(?:[=/][^\s]{0,200})?[+]?\Z")
_NAME_AND_VERSION = re.compile(r"([A-Za-z0-9_.][\w.+:-]{0,200}?)(?:[<>=~!]{1,2}[^\s]{0,200})?(?:@[^\s]{0,100})?\Z")
_RPM = re.compile(
    r"([A-Za-z0-9_][\w.+-]{0,200}?)(?:-\d[\w.:~^+]{0,60}-\d[\w.~^+]{0,60})?(?:\.(?:x86_64|aarch64|noarch|i686))?\Z"
)
_NPM = re.compile(r"((?:@[^@/\s]{1,100}/)?[A-Za-z0-9_][\w.-]{0,200})(?:@[^\s]{0,200})?\Z")
_WITH_AT = re.compile(r"([\w.~/-]{1,200}?)(?:@[^\s]{0,100})?\Z")
_COMPOSER = re.compile(r"([\w.-]{1,100}/[\w.-]{1,100})(?::[^\s]{0,100})?\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Installer:
    """A command that installs the packages in its arguments.

    `leading` are the words before the packages, as alternatives per position (``pip install``, ``apk add``).
    `with_value` are the options that take the next word, which is then not a package.
    """

    names: re.Pattern[str]
    leading: tuple[frozenset[str], ...]
    ecosystem: Ecosystem
    name_of: re.Pattern[str]
    with_value: frozenset[str] = frozenset()


def _installer(
    names: str, leading: str, ecosystem: Ecosystem, name_of: re.Pattern[str], with_value: str = ""
) -> _Installer:
    return _Installer(
        names=re.compile(rf"(?:{names})\Z"),
        leading=tuple(frozenset(place.split("|")) for place in leading.split()),
        ecosystem=ecosystem,
        name_of=name_of,
        with_value=frozenset(with_value.split()),
    )


_PIP_VALUES = (
    "-r --requirement -c --constraint -e --editable -t --target --prefix --root -i --index-url --extra-index-url"
    " -f --find-links --python --platform --implementation --abi --python-version --cache-dir --trusted-host"
    " --timeout --retries --progress-bar --src --upgrade-strategy --no-binary --only-binary --proxy --cert --log -p"
)
_ANY = re.compile(r"(.{1,300})\Z", re.DOTALL)
_INSTALLERS = (
    _installer(
        "apt-get|apt|aptitude",
        "install",
        Ecosystem.DEB,
        _DEB,
        "-o -t -c -a --option --target-release --default-release --config-file",
    ),
    _installer("apk", "add", Ecosystem.APK, _NAME_AND_VERSION, "-t --virtual -X --repository --root -p --arch"),
    _installer(
        "dnf|dnf5|yum|microdnf|tdnf|zypper",
        "install|in|localinstall",
        Ecosystem.RPM,
        _RPM,
        "--setopt --enablerepo --disablerepo --installroot --releasever -x --exclude -c --config",
    ),
    _installer(r"pip[0-9.]*", "install", Ecosystem.PYTHON, _ANY, _PIP_VALUES),
    _installer(r"python[0-9.]*", "-m pip install", Ecosystem.PYTHON, _ANY, _PIP_VALUES),
    _installer("uv", "pip install", Ecosystem.PYTHON, _ANY, _PIP_VALUES),
    _installer("uv", "tool|add install", Ecosystem.PYTHON, _ANY, _PIP_VALUES),
    _installer(
        "uv|poetry|pipenv",
        "add|install",
        Ecosystem.PYTHON,
        _ANY,
        _PIP_VALUES + " --group --extra -E --with --without --only -G",
    ),
    _installer("pipx", "install", Ecosystem.PYTHON, _ANY, "--python --pip-args --spec --suffix"),
    _installer(
        "npm|pnpm|bun",
        "install|i|add",
        Ecosystem.NPM,
        _NPM,
        "--prefix -C --registry --cache --userconfig --loglevel --omit --include --only --workspace -w",
    ),
    _installer("yarn", "add", Ecosystem.NPM, _NPM, "--cwd --cache-folder --registry"),
    _installer("yarn", "global add", Ecosystem.NPM, _NPM, "--cwd --cache-folder --registry"),
    _installer("gem", "install", Ecosystem.GEM, _WITH_AT, "-v --version -i --install-dir -s --source -n --bindir"),
    _installer("composer", "require", Ecosystem.COMPOSER, _COMPOSER, "--working-dir -d"),
    _installer("go", "install|get", Ecosystem.GO, _WITH_AT, "-ldflags -tags -o"),
    _installer(
        "cargo",
        "install",
        Ecosystem.CARGO,
        _WITH_AT,
        "--version --root --git --branch --tag --features --path --target",
    ),
    _installer("dotnet", "add", Ecosystem.NUGET, _WITH_AT, "--version -v --source -s"),
    _installer(
        "conda|mamba|micromamba",
        "install|create",
        Ecosystem.CONDA,
        _NAME_AND_VERSION,
        "-n --name -c --channel -p --prefix -f --file",
    ),
)
_DISTRIBUTIONS = frozenset({Ecosystem.DEB, Ecosystem.APK, Ecosystem.RPM})

NAMED_FILES = re.compile(r"(?:-r|--requirement|-c|--constraint)(?:[ \t]+|=)([^\s;&|]{1,400})")
"""Matches the options of pip that name requirements and constraints files."""


def declared_by_commands(text: str, dockerfile: Dockerfile, *, target: str | None = None) -> tuple[Declaration, ...]:
    """The packages that commands in the stages of `target` install; `text` is the Dockerfile."""
    return tuple(_declarations(text, dockerfile, target))


def _declarations(text: str, dockerfile: Dockerfile, target: str | None) -> Iterator[Declaration]:
    context = LintContext(text, dockerfile, LintSettings(), target=target)
    left = MAX_WORDS
    for stage in dockerfile.reachable_stages(target):
        variables: _Variables = {name: (value or "", None) for name, value in dockerfile.global_args.items()}
        for instruction in stage.instructions:
            _set_variables(variables, instruction)
            if instruction.name != "RUN":
                continue
            for word, installer in _installed(context.script(instruction).commands):
                left -= 1
                if left < 0:
                    return
                line = context.line_of(word.start) if word.start else instruction.line
                yield from _of_word(word, installer, variables, dockerfile.path, line)


def declared_by_script(path: str, text: str) -> Iterator[Declaration]:
    """The packages that the commands of a shell script install. Variables of the script are unknown."""
    lines = LineNumbers(text)
    for word, installer in itertools.islice(_installed(read_heredoc(text, 0, len(text)).commands), MAX_WORDS):
        yield from _of_word(word, installer, {}, path, lines.at(word.start))


def distribution_of(words: Set[str]) -> Ecosystem | None:
    """The distribution whose packages a command with these words installs; ``None`` for other commands."""
    for installer in _INSTALLERS:
        is_subcommand = not installer.leading[0].isdisjoint(words)
        if installer.ecosystem in _DISTRIBUTIONS and is_subcommand and any(map(installer.names.match, words)):
            return installer.ecosystem
    return None


def _installed(commands: Iterable[RunCommand]) -> Iterator[tuple[RunWord, _Installer]]:
    """The words that name packages, each with its installer."""
    for command in commands:
        for installer in _INSTALLERS:
            for word in _packages(command, installer):
                yield word, installer


def _set_variables(variables: _Variables, instruction: Instruction) -> None:
    """Record `instruction`'s variables with their line. A global ``ARG`` that a stage redeclares keeps its value."""
    if instruction.name == "ENV":
        for index in range(0, len(instruction.expanded) - 2, 3):
            variables[instruction.expanded[index]] = instruction.expanded[index + 1], instruction.line
    elif instruction.name == "ARG":
        for word in instruction.expanded:
            name, equals, value = word.partition("=")
            if equals:
                variables[name] = value, instruction.line


def _packages(command: RunCommand, installer: _Installer) -> list[RunWord]:
    """The words of `command` that name packages; empty for another command."""
    if not installer.names.match(command.name):
        return []
    leading = list(installer.leading)
    found: list[RunWord] = []
    skip = False
    for word in command.arguments:
        if skip:
            skip = False
        elif leading and word.source in leading[0]:
            leading.pop(0)
        elif word.source.startswith("-"):
            skip = word.source in installer.with_value
        elif leading:
            return []
        else:
            found.append(word)
    return [] if leading else found


def _of_word(
    word: RunWord, installer: _Installer, variables: Mapping[str, tuple[str, int | None]], path: str, line: int
) -> Iterator[Declaration]:
    written = word.value if word.value is not None else word.source.strip("\"'")
    if "$" in written:
        written = _REFERENCE.sub(lambda match: variables.get(match[1] or match[2], (match[0], None))[0], written)
        if "$" in written:
            written = written.partition("$")[0].rstrip("=<>~!@[")
    for one in written.split():
        if installer.ecosystem is Ecosystem.PYTHON:
            declaration = requirement(one, path, line)
            if declaration is not None:
                yield replace(declaration, text=f"{declaration.text} (command)")
            continue
        match = installer.name_of.match(one)
        if match is None or one.startswith((".", "/")) or "://" in one:
            continue
        name = match[1].lower() if installer.ecosystem is Ecosystem.CONDA else match[1]
        yield Declaration(
            ecosystem=installer.ecosystem, name=name, text=one[:MAX_TEXT_CHARACTERS], path=path, line=line
        )
