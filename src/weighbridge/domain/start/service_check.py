"""The start of an image as a Compose service configures it: other commands, users, folders and variables.

Source: the Compose specification, "services" (``command``, ``entrypoint``, ``user``, ``working_dir``, ``environment``):
a service with its own entrypoint does not take the command of the image.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace

from weighbridge.domain.checks.catalogue import CheckCode
from weighbridge.domain.checks.finding import Finding
from weighbridge.domain.image.image import Healthcheck, ImageConfig
from weighbridge.domain.image.rootfs import Rootfs
from weighbridge.domain.start.predict import Starts, followed, predict_healthcheck, predict_start
from weighbridge.domain.start.service import ServiceStart

_DEPENDS_ON_VARIABLES = frozenset({CheckCode.RUNTIME_VARIABLE_MISSING, CheckCode.SCRIPT_FAILS})


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceResult:
    """The result for one service: its findings, a sentence on its start, and why it was not checked."""

    findings: tuple[Finding, ...] = ()
    chain: str | None = None
    not_checked: str | None = None


def check_service(config: ImageConfig, rootfs: Rootfs, service: ServiceStart) -> ServiceResult:
    """Whether a container of the image starts as the service configures it."""
    if service.unknown_because is not None:
        return ServiceResult(not_checked=f"{service}: {service.unknown_because}")
    own = as_configured(config, service)
    health = _check_health(service, own, rootfs)
    if not service.changes_start:
        return health
    start = _check_start(service, own, rootfs)
    return ServiceResult(
        findings=(*start.findings, *health.findings),
        chain=start.chain or health.chain,
        not_checked=start.not_checked or health.not_checked,
    )


def _check_health(service: ServiceStart, own: ImageConfig, rootfs: Rootfs) -> ServiceResult:
    """Whether the health check of the service can run; what it finds then is not looked at."""
    prediction = predict_healthcheck(own, rootfs) if service.healthcheck is not None else None
    if prediction is None or prediction.starts is not Starts.NO:
        why = prediction.not_checked[:1] if prediction is not None else ()
        return ServiceResult(not_checked=f"{service}: health check: {why[0]}" if why else None)
    finding = prediction.findings[-1]
    doubt = _doubt(service, own, finding)
    if doubt is not None:
        return ServiceResult(not_checked=f"{service}: health check: {doubt}")
    runs = " ".join(prediction.argv)[:200]
    failed = replace(finding, evidence=(f"{service} checks its health with {runs}", *finding.evidence))
    return ServiceResult(findings=(failed,))


def _check_start(service: ServiceStart, own: ImageConfig, rootfs: Rootfs) -> ServiceResult:
    prediction = predict_start(own, rootfs)
    command = " ".join((*(own.entrypoint or ()), *(own.cmd or ())))[:200]
    if prediction.starts is Starts.NOT_CHECKED:
        return ServiceResult(not_checked=f"{service}: {'; '.join(prediction.not_checked[:2])}")
    if prediction.starts is Starts.YES:
        how = followed(prediction)
        return ServiceResult(chain=f"{service} runs {command}: starts" + (f" ({how})" if how else ""))
    finding = prediction.findings[-1]
    doubt = _doubt(service, own, finding)
    if doubt is not None:
        return ServiceResult(not_checked=f"{service}: {doubt}")
    failed = replace(finding, evidence=(f"{service} runs {command}", *finding.evidence))
    return ServiceResult(findings=(failed,))


def as_configured(config: ImageConfig, service: ServiceStart) -> ImageConfig:
    """The image's configuration with the changes of the service."""
    entrypoint, command = config.entrypoint, config.cmd
    if service.entrypoint is not None:
        entrypoint, command = service.entrypoint, None
    if service.command is not None:
        command = service.command
    return replace(
        config,
        entrypoint=entrypoint,
        cmd=command,
        user=config.user if service.user is None else service.user,
        workdir=config.workdir if service.working_dir is None else service.working_dir,
        env={**config.env, **dict(service.environment)},
        volumes=(*config.volumes, *service.mounts),
        healthcheck=config.healthcheck if service.healthcheck is None else Healthcheck(test=service.healthcheck),
    )


def _doubt(service: ServiceStart, config: ImageConfig, finding: Finding) -> str | None:
    """Why a predicted failure is not certain: the service may provide what the image lacks."""
    places = (config.workdir or "/", finding.path or "/")
    mount = next((mount for mount in service.mounts for place in places if _covers(mount, place)), None)
    if mount is not None:
        return f"it mounts {mount}, whose content decides whether {finding.path} works"
    if service.has_more_variables and finding.code in _DEPENDS_ON_VARIABLES:
        return "its env_file may set the variables that the start needs"
    if service.has_more_privilege and finding.code is CheckCode.PRIVILEGE_MISSING:
        return "it adds capabilities or is privileged"
    return None


def _covers(mount: str, path: str) -> bool:
    prefix = posixpath.normpath(mount).rstrip("/")
    return path == prefix or path.startswith(prefix + "/")
