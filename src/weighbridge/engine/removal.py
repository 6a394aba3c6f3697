"""Removes images and containers from the engine, several in parallel, within the time limit for cleaning up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import docker
import docker.errors
import requests

from weighbridge.engine.connection import cleaning_up
from weighbridge.errors import EngineError

IN_PARALLEL = 8
"""A busy engine takes seconds for one removal, and hardly longer for several. A client keeps 10 connections."""

RemovalError = EngineError | docker.errors.DockerException | requests.RequestException


def remove_all(
    engine: docker.DockerClient, removals: Sequence[Callable[[], object]]
) -> tuple[RemovalError | None, ...]:
    """Call `removals`, `IN_PARALLEL` at a time. Returns the error of each call, or ``None``.

    Once the engine does not answer or the time limit is reached, the remaining calls get that error without a request.
    """
    errors: list[RemovalError | None] = []
    with ThreadPoolExecutor(IN_PARALLEL, thread_name_prefix="weighbridge-removal") as pool:
        for start in range(0, len(removals), IN_PARALLEL):
            some = removals[start : start + IN_PARALLEL]
            try:
                with cleaning_up(engine):
                    found = list(pool.map(_error_of, some))
            except EngineError as error:
                found = [error] * len(some)
            errors += found
            unavailable = next((error for error in found if not _is_answer(error)), None)
            if unavailable is not None:
                return (*errors, *[unavailable] * (len(removals) - len(errors)))
    return tuple(errors)


def _error_of(removal: Callable[[], object]) -> RemovalError | None:
    try:
        removal()
    except (EngineError, docker.errors.DockerException, requests.RequestException) as error:
        return error
    return None


def _is_answer(error: RemovalError | None) -> bool:
    """True if the engine answered: it removed the object, refused, or did not know it."""
    return error is None or isinstance(error, docker.errors.APIError)
