"""Generates the JSON Schema of the configuration file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weighbridge.config.file import DEFAULT_CONFIG
from weighbridge.config.grammar import (
    ARGUMENT,
    BAKE_TARGET,
    CONFIG_VERSION,
    MAXIMUM_COUNT,
    OPTIONAL_TIPS,
    PLATFORM,
    REVISION,
)
from weighbridge.config.settings import FailOnTips
from weighbridge.domain.gate.settings import FailOn, OnUnknown

_GROWTH = r"\+ ?[0-9]+(\.[0-9]+)? ?(%|([kKMGT]i?)?B)"

_TEXT: Mapping[str, Any] = {"type": "string", "minLength": 1}
_INCREASE: Mapping[str, Any] = {"type": "string", "pattern": f"^{_GROWTH}(( and {_GROWTH})+|( or {_GROWTH})+)?$"}
_SIZE: Mapping[str, Any] = {
    "type": "string",
    "pattern": r"^[0-9]+(\.[0-9]+)? ?([kKMGT]i?)?B$",
    "examples": ["500MB", "64MiB"],
}
_COUNT: Mapping[str, Any] = {"type": "integer", "minimum": 1, "maximum": MAXIMUM_COUNT}
_DURATION: Mapping[str, Any] = {
    "type": ["string", "integer"],
    "minimum": 1,
    "pattern": r"^[0-9]+(\.[0-9]+)? ?[smh]?$",
    "examples": ["90s", "10m"],
}


def config_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the configuration file, for editors."""
    limits = _limits()
    schema = _object(
        {
            "version": {"const": CONFIG_VERSION},
            "limits": limits,
            "budgets": _budgets(),
            "discover": _discover(),
            "images": {"type": "object", "additionalProperties": _image(limits)},
            "build": _build(),
            "checks": _checks(),
            "lint": _object({"trusted-bases": _list(_TEXT, "Image names without tag.")}),
            "tips": _tips(),
            "report": _object(
                {"text-diffs": {"type": "boolean", "description": "Diffs of small text files in the HTML report."}}
            ),
            "comment": _object(
                {"above": {**_SIZE, "description": "Post no comment while every image changes by less."}}
            ),
            "override": _object({"label": _TEXT}),
            "history": _object({"branch": {**_TEXT, "description": "Separate branch that stores the size history."}}),
        }
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Weighbridge configuration ({DEFAULT_CONFIG})",
        **schema,
    }


def _limits() -> dict[str, Any]:
    hard_or_soft = _hard_or_soft_limits()
    return _object(
        {
            **hard_or_soft,
            "warn": {**_object(hard_or_soft), "description": "Soft limits: the same keys. They warn and never fail."},
            "on-unknown": {
                "enum": [str(choice) for choice in OnUnknown],
                "description": "The effect of a limit that cannot be checked: fail the job (default), or warn.",
            },
            "ratchet": _object(
                {
                    "since": {
                        "type": "string",
                        "pattern": f"^{REVISION.pattern}$",
                        "description": "A tag or commit of the default branch, or a day.",
                        "examples": ["v1.0", "2026-01-31"],
                    },
                    "max-increase": _INCREASE,
                },
                required=["since", "max-increase"],
            ),
        }
    )


def _hard_or_soft_limits() -> dict[str, Any]:
    waste = _object({"size": _SIZE, "ignore": _list(_TEXT, "Globs of paths in the image.")}, required=["size"])
    return {
        "max-increase": {
            **_INCREASE,
            "description": "Maximum growth of an image between base and head.",
            "examples": ["+10%", "+5MB", "+5MB and +10%", "+5MB or +10%"],
        },
        "max-own-increase": {**_INCREASE, "description": "Maximum growth by own files; percent of the whole image."},
        "max-dependency-increase": {**_INCREASE, "description": "The same by packages of languages and distribution."},
        "max-base-image-increase": {**_INCREASE, "description": "The same by the base image."},
        "max-size": {**_SIZE, "description": "Maximum size of an image, unpacked."},
        "max-new-size": {**_SIZE, "description": "Maximum size of an image that base does not have."},
        "max-download-size": {**_SIZE, "description": "Maximum size of a download."},
        "max-download-increase": {**_INCREASE, "description": "Maximum growth of a download."},
        "max-wasted": {
            "anyOf": [_SIZE, waste],
            "description": "Maximum of bytes in files that later layers of the Dockerfile hide.",
        },
        "max-layers": {**_COUNT, "description": "Maximum number of layers, those of the base image included."},
    }


def _budgets() -> dict[str, Any]:
    budget = _object(
        {
            "name": _TEXT,
            "images": {**_list(_TEXT, "Names of images, or globs."), "minItems": 1},
            "max-size": _SIZE,
            "max-increase": _INCREASE,
        },
        required=["name", "images"],
    )
    one_of = [{"required": ["max-size"]}, {"required": ["max-increase"]}]
    return _list({**budget, "anyOf": one_of}, "Limits on several images together.")


def _discover() -> dict[str, Any]:
    return _object(
        {
            "include": _list(_TEXT, "Globs of Dockerfile paths; selects only these."),
            "exclude": _list(_TEXT, "Globs of Dockerfile paths."),
            "bake-targets": _list(
                {"type": "string", "pattern": f"^{BAKE_TARGET.pattern}$"},
                "Targets and groups of bake files to build. Default: default.",
            ),
        }
    )


def _image(limits: Mapping[str, Any]) -> dict[str, Any]:
    platform = {"type": "string", "pattern": f"^{PLATFORM.pattern}$"}
    named = _object({"name": platform, "required": {"type": "boolean"}}, required=["name"])
    return _object(
        {
            "dockerfile": {
                **_TEXT,
                "description": "Path from the repository's root. Without it: built elsewhere, for `mode: compare`.",
            },
            "from": {**_TEXT, "description": "Base image of an image that is built elsewhere, as on the command line."},
            "context": {
                **_TEXT,
                "description": "Path from the repository's root. Default: found automatically.",
            },
            "target": {**_TEXT, "description": "Stage to build. Default: the last one."},
            "platforms": {"type": "array", "items": {"anyOf": [platform, named]}, "uniqueItems": True},
            "build-args": {
                "type": "object",
                "propertyNames": {"pattern": f"^{ARGUMENT.pattern}$"},
                "additionalProperties": {"type": ["string", "number", "boolean"]},
            },
            "prepare": {
                **_list(_TEXT, "Command that makes files which git does not hold, word by word. Needs `--prepare`."),
                "examples": [["make", "bin/app"]],
            },
            "limits": limits,
        }
    )


def _build() -> dict[str, Any]:
    return _object(
        {
            "builder": {**_TEXT, "description": "Name of the buildx builder."},
            "cache-from": {
                **_list(_TEXT, "In the syntax of docker buildx build; {image} and {side} are replaced."),
                "examples": [["type=registry,ref=registry.example/cache:{image}"]],
            },
        }
    )


def _checks() -> dict[str, Any]:
    ignored = _object({"code": _TEXT, "image": _TEXT, "reason": _TEXT}, required=["code", "reason"])
    return _object(
        {
            "fail-on": {"enum": [str(choice) for choice in FailOn]},
            "ignore": {"type": "array", "items": ignored},
        }
    )


def _tips() -> dict[str, Any]:
    return _object(
        {
            "verify": {
                "enum": [True, False, "after-verdict", "default-branch", "never"],
                "description": "When the patches of tips are built and measured: after the verdict (true), only in runs"
                " on the default branch, or never (false).",
            },
            "ladder": {"type": "boolean", "description": "Also build the image on other bases."},
            "minimum-saving": _SIZE,
            "include": _list({"enum": list(OPTIONAL_TIPS)}, "Optional tips."),
            "maximum-builds": {**_COUNT, "description": "Maximum builds per image, for its tips and its ladder."},
            "maximum-builds-in-all": {**_COUNT, "description": "Maximum builds per run."},
            "build-time-limit": {**_DURATION, "description": "Timeout per build."},
            "time-limit": {**_DURATION, "description": "Timeout for all builds together."},
            "disk-limit": {**_SIZE, "description": "Maximum disk space; each build counts with its image's size."},
            "fail-on": {
                "enum": [str(choice) for choice in FailOnTips],
                "description": "The tips that fail the job: those that the change introduces, or none (default).",
            },
            "above": {**_SIZE, "description": "The bytes that a change may add and a tip saves (default 1MB)."},
            "maximum-age": {**_DURATION, "description": "Maximum age of reused measurements of an earlier run."},
        }
    )


def _list(items: Mapping[str, Any], description: str) -> dict[str, Any]:
    return {"type": "array", "items": items, "description": description}


def _object(properties: Mapping[str, Any], *, required: list[str] | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": dict(properties)}
    if required:
        schema["required"] = required
    return schema
