"""Computes the verdict over all planned images, and records the run in the size history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from weighbridge.domain.result.image import ImageResult
from weighbridge.domain.result.judge import judge_run
from weighbridge.domain.result.run import RunResult
from weighbridge.domain.secret_values import SecretMask
from weighbridge.run.clients import Tools
from weighbridge.run.compare import unaffected
from weighbridge.run.plan import Planned
from weighbridge.run.request import DiffRequest
from weighbridge.run.size_history import open_size_history, ratchet_notes, record_of


def judge_and_record(
    planned: Planned,
    request: DiffRequest,
    tools: Tools,
    results: Mapping[str, ImageResult],
    notes: Sequence[str],
    *,
    secrets: SecretMask,
) -> RunResult:
    """The result of the run: the verdict over all planned images. Records the run in the size history.

    An image without a result is unaffected.
    """
    history = open_size_history(planned.repository, request, tools)
    images = []
    for plan in planned.plans:
        limits = request.config.limits_of(plan.image, base_image=plan.base_image)
        image = replace(results.get(plan.name) or unaffected(plan), limits=limits)
        if image.head is not None:
            image = replace(image, history=history.of(image.name, limits.ratchet, head_sha=planned.head.sha))
        images.append(image)
    judged = judge_run(
        images,
        fail_on=request.config.checks.fail_on,
        budgets=request.config.budgets,
        on_unknown=request.config.on_unknown,
        tip_limit=request.config.tips.limit,
    )
    history.keep(record_of(planned, {image.name: image for image in images}, request))
    return RunResult(
        base=request.base_shown or planned.base,
        head=request.head_shown or planned.head,
        images=tuple(images),
        breaches=judged.breaches,
        warnings=judged.warnings,
        budgets=judged.budgets,
        comment_above_bytes=request.config.comment.above_bytes,
        notes=(*request.notes, *planned.notes, *notes, *ratchet_notes(images)),
        secrets=secrets,
    )
