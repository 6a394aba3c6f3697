"""Finds the Dockerfile instruction of each layer, from the end of the image history.

BuildKit writes one history entry for each instruction except ``FROM`` and ``ONBUILD`` (``commitToHistory`` in its
``dockerfile2llb``), the classic builder one for each instruction except ``FROM``. Both append to the base image's
history. So the end of the history is the final stage, and the remaining start is the base image.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.domain.dockerfile.model import Dockerfile, Instruction, Stage
from weighbridge.domain.image.image import HistoryEntry
from weighbridge.domain.secret_values import ANY_SECRET

_KINDS = (
    "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL"
    " STOPSIGNAL USER VOLUME WORKDIR"
)
_KIND = re.compile(rf"({_KINDS.replace(' ', '|')})(?=\s|$)")
_SHELL = re.compile(r" /\S{0,100}sh(?: \S{1,20}){0,5}? -\w{0,10}c ")
_MAXIMUM_TEXT = 65_536
_MAXIMUM_CELLS = 1_000_000
"""Above this number of pairs (thousands of instructions), entries are paired one by one from the end."""

_SAME_KIND = 10
_SAME_DESTINATION = 50
_SAME_TEXT = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerOrigin:
    """The origin of one layer.

    `text` is the instruction on one line: from the Dockerfile, otherwise from the history, otherwise ``None``. `line`
    is its first line in the Dockerfile; ``None`` if it is not in the Dockerfile, and the line of ``FROM`` for a trigger
    of the base image. `instruction` is ``None`` for both. `from_base_image` marks the base image's own layers.
    """

    instruction: Instruction | None
    text: str | None
    line: int | None
    from_base_image: bool


def history_text(created_by: str | None) -> str | None:
    """A history entry as the original instruction, on one line; ``None`` if the history has no text.

    Removes the builders' additions: ``/bin/sh -c #(nop)``, ``# buildkit``, and the build arguments before a ``RUN``.
    Masks secrets: unlike a Dockerfile, a history has expanded values.
    """
    if created_by is None or not created_by.strip():
        return None
    kind, text = _read_entry(created_by)
    if kind == "RUN":
        text = _without_shell(text)
    return ANY_SECRET.text(" ".join(f"{kind} {text}".split() if kind else text.split()))


def layer_origins(
    history: Sequence[HistoryEntry],
    dockerfile: Dockerfile,
    stage: Stage | None = None,
    *,
    base_image_layers: int | None = None,
) -> tuple[LayerOrigin, ...]:
    """The instruction of each layer of an image built from `dockerfile` up to `stage` (default: last), lowest first.

    One result for each entry of `history` that is not empty. `base_image_layers`, if known, is the number of layers of
    the lowest ``FROM``'s image; it separates that image's layers from those of its ``ONBUILD`` triggers.
    """
    final = stage or dockerfile.final_stage()
    chain = dockerfile.chain(final)
    instructions = [one for each in chain for one in (*each.triggers, *each.instructions)]
    entries = [_Entry(entry) for entry in history]
    found = _pair(entries, instructions)
    first = min(found, default=len(entries))
    origins: list[LayerOrigin] = []
    for index, entry in enumerate(history):
        if entry.empty_layer:
            continue
        instruction = found.get(index)
        if instruction is not None:
            origins.append(
                LayerOrigin(
                    instruction=instruction, text=instruction.text, line=instruction.line, from_base_image=False
                )
            )
            continue
        is_base = index < first and not chain[0].is_from_scratch
        is_trigger = is_base and base_image_layers is not None and len(origins) >= base_image_layers
        origins.append(
            LayerOrigin(
                instruction=None,
                text=history_text(entry.created_by),
                line=chain[0].line if is_trigger else None,
                from_base_image=is_base and not is_trigger,
            )
        )
    return tuple(origins)


class _Entry:
    """A parsed history entry."""

    __slots__ = ("kind", "text")

    def __init__(self, entry: HistoryEntry) -> None:
        self.kind, self.text = _read_entry(entry.created_by or "")


def _read_entry(created_by: str) -> tuple[str | None, str]:
    """The kind of instruction and the rest of the text; a bare command line is a ``RUN`` of the classic builder."""
    text = created_by[:_MAXIMUM_TEXT].strip()
    marker = text.find("#(nop)", 0, 512)
    if marker >= 0:
        text = text[marker + len("#(nop)") :].strip()
    text = text.removesuffix("# buildkit").rstrip()
    match = _KIND.match(text)
    if match is not None:
        return match.group(1), text[match.end() :].strip()
    if marker < 0 and text.startswith(("/bin/sh -c ", "|")):
        return "RUN", text
    return None, text


def _without_shell(text: str) -> str:
    """A ``RUN`` of the history without ``|2 A=1 B=2``, which may hold secrets, and without the default shell."""
    shell = _SHELL.search(text) if text.startswith("|") else None
    if shell is not None:
        text = text[shell.start() + 1 :]
    return text.removeprefix("/bin/sh -c ").strip()


def _pair(entries: Sequence[_Entry], instructions: Sequence[Instruction]) -> dict[int, Instruction]:
    """The instruction of each entry that has one, by the entry's index."""
    committed = [one for one in instructions if one.name != "ONBUILD"]
    for candidates in (committed, instructions):
        offset = len(entries) - len(candidates)
        if offset >= 0 and all(
            _likeness(entries[offset + i], one) >= _least_likeness(one) for i, one in enumerate(candidates)
        ):
            return {offset + i: one for i, one in enumerate(candidates)}
    if len(entries) * len(instructions) > _MAXIMUM_CELLS:
        return _pair_from_the_end(entries, instructions)
    return _pair_best(entries, instructions)


def _pair_from_the_end(entries: Sequence[_Entry], instructions: Sequence[Instruction]) -> dict[int, Instruction]:
    found: dict[int, Instruction] = {}
    index = len(entries) - 1
    for one in reversed(instructions):
        if index >= 0 and _likeness(entries[index], one) >= _least_likeness(one):
            found[index] = one
            index -= 1
    return found


def _pair_best(entries: Sequence[_Entry], instructions: Sequence[Instruction]) -> dict[int, Instruction]:
    """The best pairing that keeps both orders; of equal pairings, the pairing nearest to the end of the history."""
    height, width = len(entries), len(instructions)
    likeness = [[_likeness(entry, one) for one in instructions] for entry in entries]
    best = [[0] * (width + 1) for _ in range(height + 1)]
    for i in range(1, height + 1):
        for j in range(1, width + 1):
            score = max(best[i - 1][j], best[i][j - 1])
            alike = likeness[i - 1][j - 1]
            if alike:
                score = max(score, best[i - 1][j - 1] + alike)
            best[i][j] = score
    found: dict[int, Instruction] = {}
    i, j = height, width
    while i and j:
        alike = likeness[i - 1][j - 1]
        if alike and best[i][j] == best[i - 1][j - 1] + alike:
            i, j = i - 1, j - 1
            found[i] = instructions[j]
        elif best[i][j] == best[i][j - 1]:
            j -= 1
        else:
            i -= 1
    return found


def _least_likeness(one: Instruction) -> int:
    """The minimum similarity for an entry to belong to an instruction at the expected position.

    The history contains a ``RUN`` in shell form literally; the text of other instructions may differ.
    """
    return _SAME_TEXT if one.name == "RUN" and not one.is_exec_form else _SAME_KIND


def _likeness(entry: _Entry, one: Instruction) -> int:
    """The certainty that `entry` belongs to `one`; 0 if it certainly does not."""
    text = entry.text
    if entry.kind is None and one.name == "RUN":
        # The classic builder writes a RUN as the bare command line, after any shell of SHELL.
        return _SAME_TEXT if text.endswith(_run_text(one)) else 0
    if entry.kind != one.name:
        return 0
    if one.name == "RUN":
        return _SAME_TEXT if text.endswith(_run_text(one)) else _SAME_KIND
    if text.endswith(" ".join(one.expanded)[:_MAXIMUM_TEXT]):
        return _SAME_TEXT
    if one.name in {"ADD", "COPY"} and one.expanded and text.split()[-1:] == [one.expanded[-1]]:
        return _SAME_DESTINATION
    return _SAME_KIND


def _run_text(one: Instruction) -> str:
    """The end of the text of a ``RUN`` in the history, cut like the history's own text if it is very long."""
    if not one.heredocs:
        return " ".join(one.args).strip()[-_MAXIMUM_TEXT // 2 :]
    last = one.heredocs[-1]
    if len(one.heredocs) == 1 and one.args and one.args[0].strip().startswith("<<") and len(one.args[0].split()) == 1:
        content = last.content
        if last.chomp:
            content = re.sub(r"^\t+", "", content, flags=re.MULTILINE)
        if content.startswith("#!"):
            return f"/dev/pipes/{last.name}"
        return content.strip()
    return f"{last.content}{last.name}".strip()
