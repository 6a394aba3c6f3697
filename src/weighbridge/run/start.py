"""On request: the image is really started, and what happened is held against the prediction."""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.build.trial import TrialBounds, try_start
from weighbridge.domain.start.trial import Trial, TrialOutcome
from weighbridge.errors import EngineError, ImageError
from weighbridge.report.assemble import text, with_trial
from weighbridge.report.model import ImageReport
from weighbridge.run.request import Tools


def tried(tools: Tools, image: ImageReport, in_engine: Callable[[], str]) -> ImageReport:
    """`image` with what happened when its head was really started. A trial that fails is no verdict on the image.

    `in_engine` gives its name in the engine, and loads it there first where need be.
    """
    if image.head is None:
        return image
    tools.progress.step(f"starting {image.name}, without network, for {TrialBounds().time_limit_seconds:g} s at most")
    return with_trial(image, trial_of(tools, in_engine))


def trial_of(tools: Tools, in_engine: Callable[[], str]) -> Trial:
    """What happens when an image is started; an engine that does not do its part is no trial."""
    try:
        return try_start(tools.engine(), in_engine())
    except (EngineError, ImageError) as error:
        return Trial(outcome=TrialOutcome.NOT_TRIED, message=text(str(error)))
