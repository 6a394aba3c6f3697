"""On request: the image is really started, and what happened is held against the prediction."""

from __future__ import annotations

from weighbridge.build.trial import TrialBounds, try_start
from weighbridge.domain.trial import Trial, TrialOutcome
from weighbridge.errors import EngineError
from weighbridge.layers.reference import ImageReference
from weighbridge.report.assemble import text, with_trial
from weighbridge.report.model import ImageReport
from weighbridge.steps.request import Tools


def tried(tools: Tools, image: ImageReport, reference: ImageReference) -> ImageReport:
    """`image` with what happened when its head was really started. A trial that fails is no verdict on the image."""
    if image.head is None:
        return image
    tools.progress.step(f"starting {image.name}, without network, for {TrialBounds().time_limit_seconds:g} s at most")
    return with_trial(image, trial_of(tools, reference))


def trial_of(tools: Tools, reference: ImageReference) -> Trial:
    """What happens when an image of the engine is started; an engine that does not do its part is no trial."""
    try:
        return try_start(tools.engine(), reference.place)
    except EngineError as error:
        return Trial(outcome=TrialOutcome.NOT_TRIED, message=text(str(error)))
