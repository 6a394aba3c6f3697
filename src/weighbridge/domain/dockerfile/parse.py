"""Parses text to `Dockerfile`: BuildKit's grammar from ``e2b_dockerfile_utils``, plus its limits and directives.

Sources of the rules: BuildKit's ``frontend/dockerfile`` (``parser``). `stage_reader` has the rules of stages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from e2b_dockerfile_utils import DockerfileSyntaxError, parse_dockerfile_ast

from weighbridge.domain.dockerfile.model import Dockerfile
from weighbridge.domain.dockerfile.stage_reader import MAXIMUM_SHOWN, MESSAGE_PREFIX, StageReader, platform_arguments
from weighbridge.errors import DockerfileError

MAXIMUM_DOCKERFILE_BYTES = 262_144
"""Maximum size of a Dockerfile."""

_MAXIMUM_LINE = 65_535
"""BuildKit's own limit for one line (``bufio.MaxScanTokenSize`` - 1)."""

_MAXIMUM_INSTRUCTIONS = 5_000
_MAXIMUM_DIRECTIVE_LINE = 1_000

_USUAL_PLATFORM = "linux/amd64"
_PLATFORM_ARGUMENT = re.compile(r"(?:TARGET|BUILD)(?:PLATFORM|OS|ARCH|VARIANT)")
_DIRECTIVE = re.compile(r"#[\t\f\r ]*([A-Za-z][A-Za-z0-9]*)[\t\f\r ]*=[\t\f\r ]*(\S.*)")
_DIRECTIVES = frozenset({"syntax", "escape", "check"})
_ONBUILD_WITH_HEREDOC = re.compile(r"\s*onbuild\s+(?=(?:run|copy|add)\s)", re.IGNORECASE)
_ESCAPES = ("\\", "`")


def parse_dockerfile(
    text: str, *, path: str, build_args: Mapping[str, str] | None = None, platform: str | None = None
) -> Dockerfile:
    """Parse a Dockerfile for a build with `build_args` for `platform` (``os/arch[/variant]``).

    Without a `platform` it is parsed for linux/amd64, and `Dockerfile.varies_by_platform` says whether that matters.
    `path` is the file's name in messages. Raises DockerfileError for input that BuildKit refuses too; its message
    begins with ``path:line`` if the line is known. Errors that only a build can detect (a missing file, a bad flag) are
    not reported.
    """
    given = build_args or {}
    parsed = _parse(text, path=path, build_args=given, platform=platform or _USUAL_PLATFORM)
    if _PLATFORM_ARGUMENT.search(text) is None:
        return parsed
    unknown = {name: "unknown" for name in platform_arguments(_USUAL_PLATFORM, {}) if not platform or name[0] == "B"}
    try:
        other = _parse(text, path=path, build_args={**unknown, **given}, platform=platform or _USUAL_PLATFORM)
    except DockerfileError:
        return parsed._replace(varies_by_platform=True)
    return parsed._replace(varies_by_platform=_copies(parsed) != _copies(other))


def _copies(dockerfile: Dockerfile) -> list[object]:
    """The base and the copies of each stage, limited to the Dockerfile's own stages and the context."""
    return [(stage.parent, [(one.origin, one.path, one.stage) for one in stage.sources]) for stage in dockerfile.stages]


def _parse(text: str, *, path: str, build_args: Mapping[str, str], platform: str) -> Dockerfile:
    lines = _checked_lines(text, path)
    directives = _read_directives(lines)
    if build_args.get("BUILDKIT_SYNTAX"):  # overrides the directive (Dockerfile reference, "syntax")
        directives["syntax"] = build_args["BUILDKIT_SYNTAX"]
    readable, heredoc_triggers = _without_onbuild_of_heredocs(lines)
    try:
        ast = parse_dockerfile_ast("\n".join(readable))
    except DockerfileSyntaxError as error:
        message = MESSAGE_PREFIX.sub("", str(error), count=1)
        raise DockerfileError(f"{_at(path, error.line)}: {message[:MAXIMUM_SHOWN]}") from error
    except RecursionError as error:
        line = next((number for number, line in enumerate(lines, 1) if "[[[[[[[[" in line), None)
        raise DockerfileError(f"{_at(path, line)}: nested too deeply") from error
    except (ValueError, re.error) as error:
        raise DockerfileError(f"{path}: {str(error)[:MAXIMUM_SHOWN]}") from error
    if not ast.instructions:
        raise DockerfileError(f"{path}: file with no instructions")
    if len(ast.instructions) > _MAXIMUM_INSTRUCTIONS:
        raise DockerfileError(f"{path}: more than {_MAXIMUM_INSTRUCTIONS} instructions are not supported")
    reader = StageReader(path=path, escape=ast.escape_token, build_args=build_args, platform=platform)
    for node in ast.instructions:
        reader.read(node, is_heredoc_trigger=node.start_line in heredoc_triggers)
    return reader.finish(directives)


def _without_onbuild_of_heredocs(lines: Sequence[str]) -> tuple[list[str], frozenset[int]]:
    """`lines` with a heredoc's ``ONBUILD`` removed, and the numbers of these lines from 1.

    The library reads no heredoc behind ``ONBUILD``. Source: BuildKit's parser.go, ``heredocCompoundDirectives``.
    """
    readable, changed = list(lines), set()
    for index, line in enumerate(lines):
        match = _ONBUILD_WITH_HEREDOC.match(line)
        if match is None or (index and lines[index - 1].rstrip().endswith(_ESCAPES)):
            continue
        last = index
        while last + 1 < len(lines) and lines[last].rstrip().endswith(_ESCAPES):
            last += 1
        if any("<<" in one for one in lines[index : last + 1]):
            readable[index] = line[match.end() :]
            changed.add(index + 1)
    return readable, frozenset(changed)


def _checked_lines(text: str, path: str) -> list[str]:
    """The lines of `text` within the limits. Cuts long comments at the top, which are slow to parse."""
    if len(text) > MAXIMUM_DOCKERFILE_BYTES:
        raise DockerfileError(f"{path}: not a Dockerfile: larger than {MAXIMUM_DOCKERFILE_BYTES} bytes")
    lines = text.encode("utf-8", "replace").decode("utf-8").removeprefix("\ufeff").split("\n")
    for number, line in enumerate(lines, 1):
        if len(line) > _MAXIMUM_LINE:
            raise DockerfileError(f"{path}:{number}: line greater than max allowed size of {_MAXIMUM_LINE}")
    for index, line in enumerate(lines):
        if not line.lstrip().startswith("#"):
            break
        if len(line) > _MAXIMUM_DIRECTIVE_LINE:
            lines[index] = "#"
    return lines


def _read_directives(lines: Sequence[str]) -> dict[str, str]:
    """The parser directives: ``# name=value`` lines at the very top; the first other line ends them.

    BuildKit looks for ``syntax`` after a shebang line too (``DetectSyntax``).
    """
    directives: dict[str, str] = {}
    for line in lines[1:] if lines[0].startswith("#!") else lines:
        match = _DIRECTIVE.fullmatch(line.strip())
        if match is None or match.group(1).lower() not in _DIRECTIVES:
            break
        directives[match.group(1).lower()] = match.group(2)
    return directives


def _at(path: str, line: int | None) -> str:
    return path if line is None else f"{path}:{line}"
