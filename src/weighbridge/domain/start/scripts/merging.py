"""Keeps the number of states small: drops duplicates, and merges what is too much."""

from __future__ import annotations

from weighbridge.domain.start.scripts.state import State, joined

MAX_STATES = 6
MAX_ENDS = 40


def limited(states: list[State]) -> list[State]:
    """The states without duplicates; too many are merged into one."""
    running: dict[tuple[object, ...], State] = {}
    ended: dict[object, State] = {}
    for state in states:
        if state.end is None:
            running.setdefault(state.key(), state)
        else:
            ended.setdefault(state.end, state)
    kept = list(running.values())
    by_jump: dict[str, list[State]] = {}
    if len(kept) > MAX_STATES:
        for state in kept:
            by_jump.setdefault(state.jump, []).append(state)
        kept = []
        for group in by_jump.values():
            first, *others = group
            for other in others[MAX_STATES - 2 :]:
                others[0] = joined(others[0], other)
            kept.extend([first, *others[: MAX_STATES - 2]])
    return [*list(ended.values())[:MAX_ENDS], *kept]
