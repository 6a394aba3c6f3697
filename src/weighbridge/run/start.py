"""Starts an image (``--start``), and compares the outcome with the prediction."""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.build.trial import TrialBounds, try_start
from weighbridge.domain.checks.finding import Subject
from weighbridge.domain.image.weighed import WeighedImage
from weighbridge.domain.result.tips import TrialResult
from weighbridge.domain.start.trial import Trial, TrialOutcome, agrees
from weighbridge.errors import EngineError, ImageError
from weighbridge.run.clients import Tools


def start_image(tools: Tools, name: str, image: WeighedImage, in_engine: Callable[[], str]) -> TrialResult:
    """Start `image`, and compare the outcome with its prediction. A failed trial is inconclusive.

    `in_engine` returns the image's name in the engine. It loads the image first if necessary.
    """
    tools.progress.step(f"starting {name}, without network, for at most {TrialBounds().time_limit_seconds:g} s")
    trial = trial_of(tools, in_engine)
    predicted = (one.predicts for one in image.findings if one.subject is Subject.ENTRYPOINT and one.predicts)
    return TrialResult(trial=trial, agrees=agrees(trial, image.start.starts, predicted))


def trial_of(tools: Tools, in_engine: Callable[[], str]) -> Trial:
    """Start an image. An error of the engine makes the trial inconclusive."""
    try:
        return try_start(tools.engine(), in_engine())
    except (EngineError, ImageError) as error:
        return Trial(outcome=TrialOutcome.NOT_TRIED, message=str(error))
