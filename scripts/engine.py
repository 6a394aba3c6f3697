"""The engines that `make` works with: start, stop, status, env; remove (newer engines only: with their images)."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import asdict

from devkit import engines
from devkit.command import DevkitError
from devkit.terminal import say


def main() -> int:
    """Parse the command line; errors go to stderr as text, with exit code 1."""
    parser = argparse.ArgumentParser(prog="engine.py", description=__doc__)
    parser.add_argument("action", choices=["start", "stop", "remove", "status", "env"])
    parser.add_argument("--json", action="store_true", help="env: everything about the engine as one JSON object")
    parser.add_argument(
        "slot", nargs="?", choices=engines.ALL_SLOTS, help="default: the two that the tests use; for env: overlay2"
    )
    arguments = parser.parse_intermixed_args()
    try:
        slots = [arguments.slot] if arguments.slot else list(engines.SLOTS)
        if arguments.action == "env":
            return _env(slots[0], as_json=arguments.json)
        return {"start": _start, "stop": _stop, "remove": _remove, "status": _status}[arguments.action](slots)
    except DevkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _start(slots: list[str]) -> int:
    for slot in slots:
        engines.clear_away(engines.start(slot))
    return 0


def _stop(slots: list[str]) -> int:
    for slot in slots:
        say(f"{slot}: " + ("stopped" if engines.stop(slot) else "nothing of ours runs"))
    return 0


def _remove(slots: list[str]) -> int:
    for slot in slots:
        engines.remove(slot)
        say(f"{slot}: stopped, images and build cache removed")
    return 0


def _status(slots: list[str]) -> int:
    for slot in slots:
        engine = engines.known(slot)
        if engine is None:
            print(f"{slot}: not running")
            continue
        whose = "private" if engine.private else "this machine's"
        print(f"{slot}: {whose} engine {engine.version}, {engine.store} store, {engine.docker_host}")
    return 0


def _env(slot: str, *, as_json: bool) -> int:
    engine = engines.known(slot)
    if engine is None:
        raise DevkitError(f"the {slot} engine does not run: `make engine` starts it")
    if as_json:
        print(json.dumps({**asdict(engine), "environment": engine.environment()}))
        return 0
    for name, value in engine.environment().items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
