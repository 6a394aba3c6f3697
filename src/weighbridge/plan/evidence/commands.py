"""Finds ``docker build`` commands in scripts, Makefiles, comments and pages. Reads the text, and runs nothing.

Replaces variables that the text itself sets; any other variable becomes a hole. Skips what it does not understand: a
missed command means "context unknown", but a misread command means a wrong context.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from weighbridge.domain.lines import lines_of
from weighbridge.plan.evidence.model import FILE_FOLDER_MARK, HOLE, ROOT_MARK, BuildCommand, EvidenceKind

_MAXIMUM_COMMANDS = 200
_MAXIMUM_LINE = 4_000
_MAXIMUM_LINES = 20_000
_MAXIMUM_TOKENS = 200
_MAXIMUM_ROUNDS = 4

_TOOL = (
    r"(?:docker|podman|nerdctl|buildah"
    r"|[$][({]?[A-Za-z_]*(?:DOCKER|CONTAINER|ENGINE|BUILDER|BUILDX|BUILD_CMD|OCI|PODMAN)\w*(?:\[[@*]\])?[)}]?\"?)"
)
_BUILD_VARIABLE = r"[$][({]?(?:[A-Za-z_]\w*_)?(?:DOCKER|OCI|CONTAINER|BUILDX|PODMAN)_?BUILDX?(?:_CMD|_COMMAND)?[)}]?\"?"
_BUILD = re.compile(
    rf"(?:^|[\s\"'`(&|;@=\[>/-])(?:{_TOOL}(?:\s+--?[a-z][a-z-]*(?:[= ][^\s-]\S*)?)*"
    rf"\s+(?:(?:image|builder)\s+|buildx\s+)?(?:build|bud)(?=\s|$)|{_BUILD_VARIABLE}(?=\s+\S))",
    re.IGNORECASE,
)
"""A tool with its word ``build``, or a variable that holds both (``$(DOCKER_BUILD) -f X .``)."""
_EXECUTOR = re.compile(
    r"(?:^|[\s\"'`(&|;@=\[])"
    r"(?:/kaniko/executor|buildctl(?:-daemonless\.sh)?(?:\s+--?[a-z-]+(?:[= ]\S+)?)*\s+build)(?=\s)"
)
"""kaniko, or BuildKit's client: both name the context with an option."""
_WORTH = re.compile(rb"docker|buildctl|podman|nerdctl|buildah|container|engine|kaniko", re.IGNORECASE)
_END = re.compile(r"(?<![\\$])(?:&&|\|\||[;|&<>`])")
_ASSIGNMENT = re.compile(
    r"^\s*(?:[^\s=:#$][^=:#]{0,80}:\s+(?=[A-Z_]+\s*[:?]?=))?(?:export\s+|readonly\s+|local\s+|declare\s+(?:-\w+\s+)?)*([A-Za-z_]\w*)\s*(?:\?|::?)?=\s*(.*)$"
)
_VARIABLE = re.compile(
    r"[$](?:\{(?P<brace>[A-Za-z_]\w*)(?::?[-=](?P<default>[^{}$]*))?\}|\((?P<make>[A-Za-z_]\w*)\)|(?P<plain>[A-Za-z_]\w*))"
)
_OTHER_VARIABLE = re.compile(r"[$](?:\{[^{}]*\}|\([^()]*\)|[@*#?0-9<^]|[$]\w*)")
_TASK_VARIABLE = re.compile(r"(?<![${])\{\{\s*\.?([A-Za-z_]\w*)\s*\}\}")
"""A variable of just (``{{name}}``) or Task (``{{.NAME}}``)."""
_LEFT_OF_COMMAND = re.compile(r"[\"'`()|;&]")
_NOT_A_WORD = re.compile(r"\W")
_HOLES = re.compile(f"{HOLE}([^{HOLE}]*){HOLE}")
_DIRNAME = r"(?:dirname\s+(?:--\s+)?[\"']?[$](?:0|\{0\}|\{?BASH_SOURCE(?:\[0\])?\}?)[\"']?)"
_PLACES = (
    (re.compile(rf"[$]\(\s*{_DIRNAME}\s*\)"), FILE_FOLDER_MARK),
    (re.compile(r"[$]\{(?:0|BASH_SOURCE(?:\[0\])?)%/\*\}"), FILE_FOLDER_MARK),
    (re.compile(r"[$]\(\s*(?:shell\s+)?git\s+rev-parse\s+--show-toplevel[^()]*\)"), ROOT_MARK),
    (re.compile(r"[$]\{?(?:GITHUB_WORKSPACE|CI_PROJECT_DIR|BUILDKITE_BUILD_CHECKOUT_PATH)\b\}?"), ROOT_MARK),
    (re.compile(r"[$]\((?:Build\.SourcesDirectory|System\.DefaultWorkingDirectory)\)"), ROOT_MARK),
    (re.compile(r"[$]\(\s*(?:realpath|readlink\s+-f)\s+([^()\s]+)\s*\)"), r"\1"),
    (re.compile(r"[$]\(\s*(?:shell\s+)?pwd(?:\s+-P)?\s*\)|[$]\{?PWD\b\}?|[$][({]CURDIR[)}]"), "."),
    (
        re.compile(
            r"[$]\(\s*(?:unset CDPATH\s*&&\s*)?cd\s+(?:--\s+|-P\s+)?[\"']?([^\"'()&;]*?)[\"']?\s*"
            r"(?:>\s*/dev/null(?:\s+2>&1)?\s*)?&&\s*pwd(?:\s+-P)?\s*\)"
        ),
        r"\1",
    ),
    (re.compile(r"[$]\(\s*(?:dir|abspath|realpath)\s+[^\n]{0,80}?MAKEFILE_LIST\)+"), FILE_FOLDER_MARK),
)
_CD = re.compile(r"(?:^|&&|;|\|\||\()\s*(?:cd|pushd)\s+(?:--\s+)?(\"[^\"]*\"|'[^']*'|[^\s;&|)]+)")

_PLACEHOLDER = re.compile(r"<([A-Za-z][\w .:/-]{0,60})>")
_ENVIRONMENT = r"(?:[A-Z_]+=\S*\s+)*(?:[A-Z_]+=\S*)?"
_PACKED = re.compile(rf"(?:^|[;&(|\s])(?:g|bsd)?tar\s+([^|;&]*)\|\s*{_ENVIRONMENT}$")
_PRINTED = re.compile(rf"(?:^|[;&(|\s])cat\s+([^|;&\s]+)\s*\|\s*{_ENVIRONMENT}$")
_REDIRECTED = re.compile(r"<\s*([^<>|;&()\s]+)")
_RUN_KINDS = frozenset({EvidenceKind.WORKFLOW, EvidenceKind.PIPELINE, EvidenceKind.SCRIPT})

_OPTIONS = (
    "t tag f file build-arg build-args target platform label cache-from cache-to secret ssh network net add-host o",
    "progress output iidfile metadata-file builder build-context cgroup-parent m memory memory-swap shm-size ulimit",
    "isolation allow annotation attest no-cache-filter cpu-period cpu-quota c cpu-shares cpuset-cpus cpuset-mems",
    "security-opt format authfile creds arch os variant jobs userns volume v runtime cap-add device dns env",
    "pull-policy manifest",
)
_WITH_VALUE = frozenset(option for options in _OPTIONS for option in options.split())
"""Options of ``build`` that take the next word as their value (docker, podman and buildah)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPlace:
    """The origin of a text. `folders` are the possible working folders of its commands, from the root, best first."""

    kind: EvidenceKind
    file: str
    folders: tuple[str, ...]
    first_line: int = 1
    keeps_folder: bool = False
    """True for a script, where ``cd`` applies to the following lines."""


def may_hold_commands(data: bytes) -> bool:
    """False only if the bytes certainly hold no build command."""
    return _WORTH.search(data) is not None


def build_commands(
    text: str, place: TextPlace, *, variables: Mapping[str, str] | None = None
) -> Iterator[BuildCommand]:
    """The build commands of `text`, at most 200. `variables` are known from outside of the text."""
    lines = list(_logical_lines(text))
    known = dict(variables or {})
    for name, value in _assignments(lines).items():
        known.setdefault(name, value)
    folder = ""
    number = 0
    for line_number, line in lines:
        if _EXECUTOR.search(line) is not None:
            yield from _executed(_expanded(line, known), place, place.first_line + line_number)
        is_command = _BUILD.search(line) is not None
        if not is_command and not (place.keeps_folder and _CD.search(line)):
            continue
        expanded = _expanded(line, known)
        is_example = place.kind in _RUN_KINDS and line.lstrip().startswith("#")
        line_folder = folder
        position = 0
        for match in _BUILD.finditer(expanded) if is_command else ():
            # The match may begin with the sign before the tool.
            before = expanded[position : match.start() + (expanded[match.start()] in "|;&(")]
            line_folder = _entered(before, line_folder)
            command = _command(expanded[match.end() :], line_folder, place, place.first_line + line_number, before)
            position = match.end()
            if command is not None:
                yield replace(command, kind=EvidenceKind.COMMENT) if is_example else command
                number += 1
                if number >= _MAXIMUM_COMMANDS:
                    return
        if place.keeps_folder:
            stripped = expanded.strip()
            if not stripped.startswith(("(", "#")) and not stripped.endswith(")"):
                folder = _entered(expanded, folder)


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines, with continued lines joined, and the number of their first line from 0."""
    joined: list[str] = []
    first = 0
    for number, line in enumerate(lines_of(text)[:_MAXIMUM_LINES]):
        if not joined:
            first = number
        stripped = line.rstrip()
        if stripped.endswith("\\") and sum(map(len, joined)) < _MAXIMUM_LINE:
            joined.append(stripped[:-1])
            continue
        joined.append(stripped)
        yield first, " ".join(joined)[:_MAXIMUM_LINE]
        joined = []
    if joined:
        yield first, " ".join(joined)[:_MAXIMUM_LINE]


def _assignments(lines: Sequence[tuple[int, str]]) -> dict[str, str]:
    """The variables that the text sets exactly once. A second value makes a variable unknown, as does any command."""
    found: dict[str, str | None] = {}
    for _, line in lines:
        match = _ASSIGNMENT.match(line)
        if match is None:
            continue
        value = match[2].strip()
        if value[:1] in {'"', "'"} and value.rstrip(";").endswith(value[0]) and len(value) > 1:
            value = value.rstrip(";")[1:-1]
        else:
            value = re.split(r"\s+#|;", value, maxsplit=1)[0].strip()
        name = match[1]
        is_known = not _is_result_of_command(value) and (name not in found or found[name] == value)
        found[name] = value if is_known else None
    return {name: value for name, value in found.items() if value is not None and len(value) <= _MAXIMUM_LINE}


def _is_result_of_command(value: str) -> bool:
    """True if a command makes the value, and its quotes and brackets would be read as part of the build command."""
    if "$(" not in value and "`" not in value:
        return False
    for pattern, replacement in _PLACES:
        value = pattern.sub(replacement, value)
    return _LEFT_OF_COMMAND.search(_OTHER_VARIABLE.sub("", value)) is not None


def _expanded(line: str, known: Mapping[str, str]) -> str:
    """`line` with its known variables replaced, several levels deep, and holes for others except the tool's name."""
    text = _TASK_VARIABLE.sub(r"${\1}", line)
    for _ in range(_MAXIMUM_ROUNDS):
        for pattern, replacement in _PLACES:
            text = pattern.sub(replacement, text)
        before = text

        def value_of(match: re.Match[str]) -> str:
            name = match["brace"] or match["make"] or match["plain"]
            if name in known:
                return known[name]
            if match["default"] is not None:
                return match["default"]
            return match[0] if _is_tool(name) else f"{HOLE}{name}{HOLE}"

        text = _VARIABLE.sub(value_of, text)[: 4 * _MAXIMUM_LINE]
        if text == before:
            break
    return _OTHER_VARIABLE.sub(_hole_or_tool, text)


def _hole_or_tool(match: re.Match[str]) -> str:
    written = match[0]
    return written if _is_tool(written.strip("$(){}")) else f"{HOLE}{_NOT_A_WORD.sub('_', written)}{HOLE}"


def _is_tool(name: str) -> bool:
    return re.search(
        r"DOCKER|CONTAINER|ENGINE|BUILDER|BUILDX|BUILD_CMD|OCI|PODMAN", name, re.IGNORECASE
    ) is not None and (
        re.search(r"FILE|DIR|PATH|CONTEXT|ARG|TAG|NAME|IMAGE|REPO|OPT|FLAG|PLATFORM|REGISTRY", name, re.IGNORECASE)
        is None
    )


def _entered(text: str, folder: str) -> str:
    """The working folder after the ``cd`` commands of `text`."""
    for match in _CD.finditer(text):
        path = match[1].strip("\"'")
        if path in {"-", "~"}:
            return HOLE
        folder = path if path.startswith(("/", ROOT_MARK, FILE_FOLDER_MARK)) or not folder else f"{folder}/{path}"
    return folder


def _command(rest: str, folder: str, place: TextPlace, line: int, before: str) -> BuildCommand | None:
    rest = _PLACEHOLDER.sub(lambda match: f"{HOLE}{_NOT_A_WORD.sub('_', match[1])}{HOLE}", rest)
    own = _cut(rest)
    tokens = _tokens(own)
    dockerfile: str | None = None
    positional: list[str] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        index += 1
        if not token.startswith("-") or token == "-":  # noqa: S105 - a command-line word
            positional.append(token)
            continue
        name, equals, value = token.lstrip("-").partition("=")
        if token.startswith("-f") and not token.startswith("--") and len(token) > 2 and not equals:
            name, equals, value = "f", "=", token[2:]
        if not equals and name in _WITH_VALUE:
            value = tokens[index] if index < len(tokens) else ""
            index += 1
        if name in {"f", "file"}:
            dockerfile = value
    context = next((one for one in reversed(positional) if not _is_only_a_hole(one)), None)
    is_packed = False
    if context == "-":
        context, is_packed = _packed_folder(before), True
    elif dockerfile == "-":
        dockerfile = _dockerfile_on_stdin(before, rest[len(own) :])
    if (
        context is None
        or context == "-"
        or dockerfile in {"-", ""}
        or not _is_path(context)
        or (dockerfile and not _is_path(dockerfile))
    ):
        return None
    if HOLE in folder:
        return None
    command = BuildCommand(
        kind=place.kind,
        dockerfile=dockerfile,
        context=context,
        folders=place.folders,
        file=place.file,
        line=line,
        dockerfile_is_in_context=is_packed,
    )
    if folder:
        folders = place.folders if not folder.startswith((ROOT_MARK, FILE_FOLDER_MARK)) else (".",)
        command = replace(command, folders=tuple(_below(one, folder) for one in folders))
    return command


def _executed(line: str, place: TextPlace, number: int) -> Iterator[BuildCommand]:
    """The build of ``/kaniko/executor --context C --dockerfile F``, or of ``buildctl build --local context=C``."""
    match = _EXECUTOR.search(line)
    tokens = _tokens(_cut(line[match.end() :])) if match is not None else []
    values: dict[str, str] = {}
    for index, token in enumerate(tokens):
        name, equals, value = token.lstrip("-").partition("=")
        if token.startswith("-"):
            value = value if equals else tokens[index + 1] if index + 1 < len(tokens) else ""
            if name in {"local", "opt"}:
                name, _, value = value.partition("=")
            values[name] = value
    context = (values.get("context") or values.get("c") or "").removeprefix("dir://")
    below = values.get("context-sub-path")
    context = f"{context}/{below}" if below and context else context
    if "filename" in values or "frontend" in values:
        folder = values.get("dockerfile") or context
        dockerfile: str | None = f"{folder}/{values.get('filename') or 'Dockerfile'}"
    else:
        # kaniko looks for the Dockerfile in the working folder first, and then in the context.
        dockerfile = values.get("dockerfile") or values.get("f")
    if context and _is_path(context) and (dockerfile is None or _is_path(dockerfile)):
        yield BuildCommand(
            kind=place.kind, dockerfile=dockerfile, context=context, folders=place.folders, file=place.file, line=number
        )


def _packed_folder(before: str) -> str | None:
    """The folder that ``tar`` packs and pipes into the build; ``None`` if it packs anything else."""
    match = _PACKED.search(before)
    if match is None:
        return None
    folder, names = ".", []
    words = iter(_tokens(match[1]))
    for number, word in enumerate(words):
        if word in {"-C", "--directory"}:
            folder = next(words, "")
        elif word.startswith(("-C", "--directory=")):
            folder = word.removeprefix("--directory=").removeprefix("-C")
        elif word in {"-f", "--file", "--exclude", "-X"}:
            next(words, None)
        elif not word.startswith("-") and not (number == 0 and word.isalpha()):
            names.append(word)
    return folder if names in (["."], ["*"]) else None


def _dockerfile_on_stdin(before: str, after: str) -> str:
    """The Dockerfile of ``cat X | docker build -f - .`` and of ``docker build -f - . < X``; ``"-"`` for other input."""
    match = _PRINTED.search(before) or _REDIRECTED.match(after)
    return "-" if match is None else match[1].strip("\"'")


def _below(folder: str, path: str) -> str:
    return path if path.startswith((ROOT_MARK, FILE_FOLDER_MARK)) or folder == "." else f"{folder}/{path}"


def _cut(rest: str) -> str:
    """The arguments up to the end of the command. Respects quotes."""
    quote = ""
    for index, letter in enumerate(rest):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'" and (index == 0 or rest[index - 1] != "\\"):
            if rest.find(letter, index + 1) < 0:
                return rest[:index]
            quote = letter
        elif _END.match(rest, index) or (letter in "#)" and rest[index - 1 : index].isspace()) or letter in ")`":
            return rest[:index]
    return rest


def _tokens(text: str) -> list[str]:
    found = re.findall(r"(?:\"[^\"]*\"|'[^']*'|\\.|[^\s\"'\\])+", text)[:_MAXIMUM_TOKENS]
    return [re.sub(r"[\"']", "", one) for one in found]


def _is_only_a_hole(token: str) -> bool:
    return not _HOLES.sub("", token).strip("./,") and HOLE in token


def _is_path(text: str) -> bool:
    return (
        "://" not in text
        and not text.startswith(("git@", "github.com/", "~", "<", "/"))
        and not any(letter in text for letter in "*?[]{}<>(),:=@$'\"")
        and len(text) < 500
    )
