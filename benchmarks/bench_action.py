"""What the Action costs: phases of a run of four images under act, cold, warm and on a second push, beside bare builds.

    python benchmarks/bench_action.py                  # DOCKER_HOST and docker with buildx on PATH, as for the tests
    python benchmarks/bench_action.py --builds long    # builds that take half a minute

The repository has an image each in Python, Go, Node and shell, generated from base images that the engine has. The
Action runs in its own container, without a token: it publishes report, outputs and summary, and no comment.

- cold: the first push; no cache folder, and head's own layers are not in the builder's cache.
- warm: the same push again; everything is in the builder's cache and in the cache folder.
- second push: one copied file changes, as in most pull requests.

Phases begin where the log shows them: image (act builds the Action's image), start (container to first line), plan,
build (until all images are built), read (layers that no build has read meanwhile), weigh, publish (report, outputs,
summary), tips, end (the second report and the removal of the containers).
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import queue
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ACTION = "OWNER/weighbridge@v1"
ACTION_FILES = (
    "action.yml",
    "Dockerfile",
    ".dockerignore",
    "requirements/runtime.lock",
    "scripts/collect_image.py",
    "src",
)
RUN_SECONDS = 1_800
PHASES = ("image", "start", "plan", "build", "read", "weigh", "publish", "tips", "end")
BEGINS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("start", ("docker run image=act-",)),
    ("plan", ("push: compared with",)),
    ("build", ("::group::",)),
    ("read", ("| reading ", "| weighing ")),
    ("weigh", ("| weighing ",)),
    ("publish", ("::group::report",)),
    ("tips", ("patched Dockerfile",)),
    ("end", ("::group::report",)),
)
"""A phase begins with the first line, after the phase before it began, that has one of these texts."""
IMAGES: Mapping[str, Mapping[str, str]] = {
    "python": {
        "Dockerfile": "FROM {python}\nWORKDIR /srv\nRUN python3 -m venv --without-pip /venv\n"
        'COPY . .\nCMD ["python3", "app.py"]\n',
        "app.py": 'print("hello")\n',
    },
    "go": {
        "Dockerfile": 'FROM {go}\nWORKDIR /src\nCOPY . .\nRUN CGO_ENABLED=0 go build -o /hello .\nCMD ["/hello"]\n',
        "go.mod": "module example.org/hello\n\ngo 1.19\n",
        "app.go": 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hello") }\n',
    },
    "node": {
        "Dockerfile": 'FROM {node}\nWORKDIR /srv\nCOPY . .\nCMD ["node", "/srv/app.js"]\n',
        "app.js": 'console.log("hello")\n',
    },
    "shell": {
        "Dockerfile": "FROM {shell}\nCOPY . /srv/\nRUN head -c 3000000 /dev/urandom > /cache.bin\n"
        'CMD ["sh", "/srv/app.sh"]\n',
        "app.sh": "#!/bin/sh\necho hello\n",
    },
}
LONG_BUILDS: Mapping[str, Mapping[str, str]] = {
    "python": {
        "Dockerfile": "FROM {python}\nWORKDIR /srv\nCOPY . .\n"
        "RUN python3 -m compileall -q -f /usr/local/lib /usr/lib || true\n"
        'CMD ["python3", "app.py"]\n',
    },
    "go": {
        "Dockerfile": 'FROM {go}\nWORKDIR /src\nCOPY . .\nRUN CGO_ENABLED=0 go build -a -o /hello .\nCMD ["/hello"]\n',
        "app.go": 'package main\n\nimport "net/http"\n\n'
        'func main() { _ = http.ListenAndServe(":8080", http.FileServer(http.Dir("/srv"))) }\n',
    },
}
"""Files in place of those of `IMAGES`: every change of a source compiles a standard library. Needs no network."""
SOURCES = {"python": "app.py", "go": "app.go", "node": "app.js", "shell": "app.sh"}
COMMENTS = {"python": "# {}\n", "go": "// {}\n", "node": "// {}\n", "shell": "# {}\n"}
WORKFLOW = {
    "on": "push",
    "jobs": {
        "weigh": {
            "runs-on": "ubuntu-latest",
            "steps": [{"uses": ACTION, "with": {"token": "", "cache-dir": ".weighbridge-cache", "comment": "never"}}],
        }
    },
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run: the seconds of each phase, in all, and how it ended."""

    name: str
    phases: Mapping[str, float]
    seconds: float
    exit_code: int
    bare_seconds: float


class Repository:
    """The generated repository. Its images differ from those of every other run of this program."""

    def __init__(self, folder: Path, bases: Mapping[str, str], *, builds: str) -> None:
        self.folder = folder
        self._salt = secrets.token_hex(8)
        folder.mkdir()
        self._git("init", "--quiet", "--initial-branch=main")
        for name, files in IMAGES.items():
            (folder / name).mkdir()
            for file, text in {**files, **(LONG_BUILDS.get(name, {}) if builds == "long" else {})}.items():
                content = text.format(**bases) if file == "Dockerfile" else text
                (folder / name / file).write_text(content)
        (folder / ".github/workflows").mkdir(parents=True)
        (folder / ".github/workflows/weigh.yml").write_text(json.dumps(WORKFLOW))
        (folder / ".gitignore").write_text(".weighbridge-cache/\nweighbridge-report/\n")
        self.change("base", list(IMAGES))

    def change(self, what: str, names: Sequence[str]) -> str:
        """Append a line to the source of images, and commit; the commit."""
        for name in names:
            with (self.folder / name / SOURCES[name]).open("a") as file:
                file.write(COMMENTS[name].format(f"{what} {self._salt}"))
        self._git("add", "--all")
        self._git("commit", "--quiet", "-m", what)
        return self._git("rev-parse", "HEAD")

    def _git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "commit.gpgsign=false")
        command = ["git", "-C", str(self.folder), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main() -> int:
    """Run the benchmark and print the table; 1 where a run did not end with the verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--act", default=str(Path(sys.executable).parent / "act"))
    parser.add_argument("--runner-image", default="node:20", help="Needs bash and node.")
    parser.add_argument("--python", default="python:3.13-slim-trixie")
    parser.add_argument("--go", default="golang:1")
    parser.add_argument("--node", default="node:20")
    parser.add_argument("--shell", default="busybox")
    parser.add_argument(
        "--builds",
        choices=("short", "long"),
        default="short",
        help="long: Python and Go compile a standard library at every change, half a minute on two cores.",
    )
    parser.add_argument("--log", type=Path, help="Write the log of all runs to this file.")
    options = parser.parse_args()
    bases = {name: getattr(options, name) for name in IMAGES}
    with tempfile.TemporaryDirectory(prefix="weighbridge-bench-") as scratch:
        folder = Path(scratch)
        action = _action_folder(folder / "action")
        repository = Repository(folder / "shop", bases, builds=options.builds)
        base = _head(repository.folder)
        first = repository.change("first", list(IMAGES))
        # The bare builds have a repository of their own: neither warms the builder's cache for the other.
        twin = Repository(folder / "twin", bases, builds=options.builds)
        twin.change("first", list(IMAGES))
        run = functools.partial(_run, options, folder, repository.folder, twin.folder, action=action, before=base)
        runs = [run(name="cold", after=first), run(name="warm", after=first)]
        second = repository.change("second", ["python", "go"])
        twin.change("second", ["python", "go"])
        runs.append(run(name="second push", after=second))
    _print(runs)
    return 0 if all(run.exit_code in {0, 1} for run in runs) else 1


def _head(folder: Path) -> str:
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _action_folder(folder: Path) -> Path:
    """The Action as a release has it."""
    command = [
        "git",
        "-C",
        str(ROOT),
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
        "--",
        *ACTION_FILES,
    ]
    for name in filter(None, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def _bare_builds(repository: Path) -> float:
    """The seconds of building every image of the checkout with the user's own builder, one after the other."""
    begun = time.monotonic()
    for name in IMAGES:
        command = ["docker", "build", "--quiet", "--tag", f"weighbridge-bench/{name}", str(repository / name)]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "DOCKER_BUILDKIT": "1"})
    seconds = time.monotonic() - begun
    tags = [f"weighbridge-bench/{name}" for name in IMAGES]
    subprocess.run(["docker", "image", "rm", *tags], check=False, capture_output=True)
    return seconds


def _run(
    options: argparse.Namespace,
    folder: Path,
    repository: Path,
    twin: Path,
    *,
    action: Path,
    name: str,
    before: str,
    after: str,
) -> Run:
    """Run the Action for a push of `repository`, then the bare builds of the same commit of its `twin`."""
    event = folder / "event.json"
    owner = {"login": "octo-org", "name": "octo-org"}
    details = {"full_name": "octo-org/shop", "name": "shop", "default_branch": "main", "owner": owner}
    event.write_text(json.dumps({"ref": "refs/heads/main", "before": before, "after": after, "repository": details}))
    command = [
        options.act,
        "push",
        *("--eventpath", str(event), "--workflows", ".github/workflows/weigh.yml"),
        *("--platform", f"ubuntu-latest={options.runner_image}"),
        *("--container-daemon-socket", os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")),
        *("--local-repository", f"{ACTION}={action}", "--action-cache-path", str(folder / "actions")),
        *("--pull=false", "--rm", "--no-cache-server", "--bind"),
    ]
    begun = time.monotonic()
    lines: queue.Queue[tuple[float, str] | None] = queue.Queue()
    with subprocess.Popen(
        command, cwd=repository, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:

        def read() -> None:
            for line in process.stdout or ():
                lines.put((time.monotonic() - begun, line))
            lines.put(None)

        threading.Thread(target=read, daemon=True).start()
        log = []
        while (item := lines.get(timeout=RUN_SECONDS)) is not None:
            log.append(item)
        process.wait()
    seconds = time.monotonic() - begun
    if options.log:
        with options.log.open("a") as file:
            file.writelines(f"{name} {at:8.2f} {line}" for at, line in log)
    return Run(
        name=name,
        phases=_phases(log, seconds),
        seconds=seconds,
        exit_code=process.returncode,
        bare_seconds=_bare_builds(twin),
    )


def _phases(log: Sequence[tuple[float, str]], seconds: float) -> dict[str, float]:
    """The seconds of each phase. One that does not show in the log took no time of its own."""
    begins: dict[str, float] = {"image": 0.0}
    rest = list(BEGINS)
    for at, line in log:
        for index, (phase, texts) in enumerate(rest):
            if any(text in line for text in texts):
                begins[phase] = at
                del rest[: index + 1]
                break
    order = sorted(begins.items(), key=lambda item: (item[1], PHASES.index(item[0])))
    ends = [at for _, at in order[1:]] + [seconds]
    return {phase: end - at for (phase, at), end in zip(order, ends, strict=True)}


def _print(runs: Sequence[Run]) -> None:
    print("| run | " + " | ".join(PHASES) + " | all | bare builds of head | all ÷ bare | exit |")
    print("|---|" + "--:|" * (len(PHASES) + 4))
    for run in runs:
        cells = [f"{run.phases[phase]:.1f}" if phase in run.phases else "" for phase in PHASES]
        print(
            f"| {run.name} | {' | '.join(cells)} | {run.seconds:.1f} | {run.bare_seconds:.1f} "
            f"| {run.seconds / run.bare_seconds:.2f} | {run.exit_code} |"
        )


if __name__ == "__main__":
    sys.exit(main())
