"""Finds the step of the Dockerfile that failed in the output of a build: its line, and what it printed.

The formats are BuildKit's plain progress (``#6 1.134 text``) and the classic builder's (``Step 3/4 : RUN …``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from weighbridge.domain.dockerfile.model import Dockerfile

_HEADER = re.compile(r"#(?P<number>\d+) \[(?!internal\])[^\]]*\] (?P<text>.+)")
_ERROR = re.compile(r"#(?P<number>\d+) ERROR: (?P<text>.*)")
_OUTPUT = re.compile(r"#(?P<number>\d+) \d+\.\d+ (?P<text>.*)")
_REPEATED = re.compile(r" > \[[^\]]*\] (?P<text>.+):$")
"""After the output BuildKit repeats the failed step: ``> [3/3] RUN cat /dta:``."""
_PLACE = re.compile(r"(?P<file>\S+):(?P<line>[1-9][0-9]{0,6})$")
"""buildx names the line, above a ruler: ``Dockerfile:3``."""
_CLASSIC = re.compile(r"Step \d+/\d+ : (?P<text>.+)")
_CLASSIC_NOISE = re.compile(r" ---> |Removing intermediate container ")
_EXIT_CODE = re.compile(r"(?:exit code: |non-zero code: )(?P<code>\d{1,3})\b")
_NOISE = re.compile(r"#\d+ (?:sha256:|DONE |CACHED|resolve |transferring |extracting |\[internal\]|\.\.\.$)|-{6,}$")
_CAUSE_PREFIXES = re.compile(
    r"(?:failed to (?:compute cache key|calculate checksum of ref|walk|solve)[^:]*(?:::\S+)?: "
    r"|rpc error: code = \w+ desc = |executor failed running )+"
)
_MAXIMUM_SAID = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedStep:
    """`line` is where the instruction begins; ``None`` if it is unknown. `output` is what it printed (hostile text)."""

    name: str
    line: int | None
    exit_code: int | None
    said: str
    output: tuple[str, ...]

    def message(self, path: str) -> str:
        """``Dockerfile:3: RUN failed (exit 1): cat: can't open '/dta'``."""
        place = path if self.line is None else f"{path}:{self.line}"
        code = "" if self.exit_code is None else f" (exit {self.exit_code})"
        return f"{place}: {self.name} failed{code}" + (f": {self.said}" if self.said else "")


def find_failed_step(dockerfile: Dockerfile, lines: Sequence[str]) -> FailedStep | None:
    """The failed step, from the last lines of a build's output; ``None`` where they do not name it."""
    return _of_buildkit(dockerfile, lines) or _of_classic_builder(dockerfile, lines)


def without_noise(lines: Sequence[str]) -> tuple[str, ...]:
    """The lines without digests, transfers, and steps that are done or cached."""
    return tuple(line for line in lines if not _NOISE.match(line))


def _of_buildkit(dockerfile: Dockerfile, lines: Sequence[str]) -> FailedStep | None:
    failed = next((found for line in reversed(lines) if (found := _ERROR.match(line))), None)
    if failed is None:
        return None
    number = failed["number"]
    texts = [found["text"] for line in lines if (found := _HEADER.match(line)) and found["number"] == number]
    texts += [found["text"] for line in lines if (found := _REPEATED.match(line))]
    if not texts:
        return None
    output = [found["text"] for line in lines if (found := _OUTPUT.match(line)) and found["number"] == number]
    named = [
        int(found["line"])
        for line, following in pairwise(lines)
        if following.startswith("------") and (found := _PLACE.match(line))
    ]
    line = named[-1] if named else _line_of(dockerfile, texts[0])
    return _step(texts[0], line, output, failed["text"])


def _of_classic_builder(dockerfile: Dockerfile, lines: Sequence[str]) -> FailedStep | None:
    begun = [number for number, line in enumerate(lines) if _CLASSIC.match(line)]
    if not begun:
        return None
    found = _CLASSIC.match(lines[begun[-1]])
    assert found is not None
    output = [line for line in lines[begun[-1] + 1 :] if not _CLASSIC_NOISE.match(line)]
    error = output.pop() if output else ""
    return _step(found["text"], _line_of(dockerfile, found["text"]), output, error)


def _step(text: str, line: int | None, output: Sequence[str], error: str) -> FailedStep:
    name = text.split(maxsplit=1)[0].upper()
    code = _EXIT_CODE.search(error)
    printed = [each for each in output if each.strip()]
    if code is not None:
        said = printed[-1].strip() if printed else text.partition(" ")[2]
    else:
        said = _CAUSE_PREFIXES.sub("", error)
    return FailedStep(
        name=name,
        line=line,
        exit_code=int(code["code"]) if code else None,
        said=said if len(said) <= _MAXIMUM_SAID else f"{said[: _MAXIMUM_SAID - 1]}…",
        output=tuple(printed),
    )


def _line_of(dockerfile: Dockerfile, text: str) -> int | None:
    """The line of the only instruction with this text; ``None`` for several, or where variables were expanded."""
    wanted = " ".join(text.split())
    lines = {
        instruction.line
        for stage in dockerfile.stages
        for instruction in stage.instructions
        if instruction.text == wanted
    }
    return lines.pop() if len(lines) == 1 else None
