"""Reads Compose and bake files with ``docker buildx bake --print``: the same program that would build them.

The files come from a pull request. Neither format can run a command, and buildx is confined further: it sees a folder
with only the definition files (no symlinks), an environment without the run's variables, no engine and no terminal, and
it has limits on time, memory and output. ``--print`` fetches and builds nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import posixpath
import resource
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighbridge.config import PLATFORM
from weighbridge.domain.lines import lines_of
from weighbridge.errors import ConfigError
from weighbridge.plan.definition import (
    DefinitionKind,
    ImageDefinition,
    inline_definition,
    is_remote,
    named_contexts,
    path_below,
    remote_definition,
    text_or,
)
from weighbridge.plan.tree import ROOT
from weighbridge.progress.text import without_controls

_TIMEOUT_SECONDS = 30.0
_MAXIMUM_ANSWER_BYTES = 16_777_216
_MAXIMUM_MESSAGE_BYTES = 65_536
_MAXIMUM_MEMORY_BYTES = 4 * 1024**3
_MAXIMUM_SHOWN = 300
_MAXIMUM_TARGETS = 5_000
_NOTHING = "unix:///nonexistent/weighbridge.sock"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bake:
    """Runs ``buildx bake``. `buildx` is the start of the command line; `environment` locates docker's plugins."""

    buildx: tuple[str, ...]
    environment: Mapping[str, str]

    def resolve(
        self, files: Sequence[str], contents: Mapping[str, bytes], *, folder: str, targets: Sequence[str]
    ) -> dict[str, Any]:
        """Resolve `targets` of the definition `files` to bake's output: ``{"group": …, "target": …}``.

        `contents` are all required files, by their path from the repository's root; bake runs in `folder`. Relative
        paths in the output are relative to `folder`. Raises ConfigError with bake's message.
        """
        with tempfile.TemporaryDirectory(prefix="weighbridge-bake-") as scratch:
            root = Path(scratch).resolve() / "tree"
            _write(root, contents)
            where = root / folder
            where.mkdir(parents=True, exist_ok=True)
            command = [*self.buildx, "bake", "--print", "--progress=plain"]
            for file in files:
                command += ["--file", posixpath.relpath(file, folder)]
            # --print still looks secrets up on disk; they do not affect the definition of an image.
            command += ["--set", "*.secrets=", "--set", "*.ssh=", "--", *targets]
            try:
                answer = _run(command, folder=where, environment=self._clean_environment(Path(scratch)))
            except ConfigError as error:
                raise ConfigError(str(error).replace(f"{root}/", "")) from error
            return _relative(_decode(answer), f"{root}/", folder)

    def _clean_environment(self, scratch: Path) -> dict[str, str]:
        home = self.environment.get("HOME")
        plugins = self.environment.get("DOCKER_CONFIG") or (f"{home}/.docker" if home else None)
        clean = {
            "PATH": self.environment.get("PATH", os.defpath),
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            "BUILDX_CONFIG": str(scratch),
            "DOCKER_HOST": _NOTHING,
            "GOMAXPROCS": "1",
            "NO_COLOR": "1",
        }
        return clean | ({"DOCKER_CONFIG": plugins} if plugins else {})


def images_of_bake(
    answer: Mapping[str, Any], *, kind: DefinitionKind, file: str, folder: str
) -> tuple[ImageDefinition, ...]:
    """The images in bake's output, in its order; paths in it are relative to `folder`.

    A target whose context is remote or outside of this repository has a `failure`. Raises ConfigError for output of an
    unexpected shape.
    """
    targets = answer.get("target")
    if not isinstance(targets, dict) or len(targets) > _MAXIMUM_TARGETS:
        raise ConfigError(f"{file}: the output of bake holds no targets, or more than {_MAXIMUM_TARGETS}")
    return tuple(
        _image(name, target, kind, file, folder) for name, target in targets.items() if isinstance(target, dict)
    )


def _image(name: str, target: Mapping[str, Any], kind: DefinitionKind, file: str, folder: str) -> ImageDefinition:
    if text_or(target.get("dockerfile-inline"), ""):
        return inline_definition(kind, name, file)
    written = text_or(target.get("context"), ".")
    context = path_below(folder, written)
    if context is None or is_remote(written):
        return remote_definition(kind, name, file)
    dockerfile = path_below(context, text_or(target.get("dockerfile"), "Dockerfile"))
    if dockerfile is None or dockerfile == ROOT:
        return remote_definition(kind, name, file)
    contexts, failure = named_contexts(folder, _texts(target.get("contexts")))
    return ImageDefinition(
        kind=kind,
        name=name,
        file=file,
        dockerfile=dockerfile,
        context=context,
        target=text_or(target.get("target"), "") or None,
        build_args=_texts(target.get("args")),
        platforms=tuple(dict.fromkeys(one for one in _list(target.get("platforms")) if PLATFORM.fullmatch(one))),
        contexts=contexts,
        tags=tuple(_list(target.get("tags"))),
        failure=failure and f"{file}: {name}: {failure}",
    )


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {name: text for name, text in value.items() if isinstance(text, str)}


def _list(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str) and one] if isinstance(value, list) else []


# --- the program --------------------------------------------------------------------------------------------------


def _write(root: Path, contents: Mapping[str, bytes]) -> None:
    """Write the files below `root`, each as a regular file."""
    root.mkdir()
    for path, data in contents.items():
        try:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(data)
        except OSError as error:
            raise ConfigError(f"{path}: cannot write to a temporary folder: {error.strerror}") from error


def _run(command: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> bytes:
    """The output of the command. Raises ConfigError if it fails, times out, or exceeds the output limit."""
    with tempfile.TemporaryFile() as messages:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=messages,
                start_new_session=True,
            )
        except OSError as error:
            raise ConfigError(f"cannot start docker buildx: {error.strerror}") from error
        _bound(process.pid)
        timer = threading.Timer(_TIMEOUT_SECONDS, _end, (process,))
        timer.start()
        try:
            assert process.stdout is not None
            answer = process.stdout.read(_MAXIMUM_ANSWER_BYTES + 1)
            if len(answer) > _MAXIMUM_ANSWER_BYTES:
                raise ConfigError(f"the output of docker buildx bake exceeds {_MAXIMUM_ANSWER_BYTES} bytes")
            code = process.wait()
            if code == 0:
                return answer
            is_late = not timer.is_alive()
        finally:
            timer.cancel()
            _end(process)
            if process.stdout is not None:
                process.stdout.close()
        messages.seek(0, os.SEEK_END)
        messages.seek(max(0, messages.tell() - _MAXIMUM_MESSAGE_BYTES))
        raise ConfigError(_why(messages.read().decode("utf-8", "replace"), is_late=is_late))


def _bound(process_id: int) -> None:
    """Limit the memory of the process and its children, if the system supports it."""
    if hasattr(resource, "prlimit"):
        with contextlib.suppress(OSError, ValueError):
            resource.prlimit(process_id, resource.RLIMIT_AS, (_MAXIMUM_MEMORY_BYTES, _MAXIMUM_MEMORY_BYTES))


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _why(message: str, *, is_late: bool) -> str:
    if is_late:
        return f"docker buildx bake took longer than {_TIMEOUT_SECONDS:g} seconds"
    lines = [without_controls(line).strip() for line in lines_of(message)]
    error = next((line.removeprefix("ERROR: ") for line in reversed(lines) if line.startswith("ERROR: ")), None)
    return (error or next((line for line in reversed(lines) if line), "no reason given"))[:_MAXIMUM_SHOWN]


def _decode(answer: bytes) -> dict[str, Any]:
    try:
        decoded = json.loads(answer)
    except (ValueError, RecursionError) as error:
        raise ConfigError("the output of docker buildx bake is not JSON") from error
    if not isinstance(decoded, dict):
        raise ConfigError("the output of docker buildx bake is not a JSON object")
    return decoded


def _relative(answer: dict[str, Any], root: str, folder: str) -> dict[str, Any]:
    """`answer` with buildx's absolute paths relative to `folder` again (a Dockerfile's relative to its context)."""
    targets = answer.get("target")
    if not isinstance(targets, dict):
        return answer

    def seen(value: object, start: str) -> object:
        if isinstance(value, str) and f"{value}/".startswith(root):
            return posixpath.relpath(f"{value}/", start)
        return value

    here = posixpath.normpath(root + folder)
    found = {}
    for name, target in targets.items():
        if isinstance(target, dict):
            context, contexts = target.get("context"), target.get("contexts")
            start = posixpath.normpath(posixpath.join(here, context)) if isinstance(context, str) else here
            found[name] = target | {"context": seen(context, here), "dockerfile": seen(target.get("dockerfile"), start)}
            if isinstance(contexts, dict):
                found[name]["contexts"] = {key: seen(one, here) for key, one in contexts.items()}
    return answer | {"target": found}
