"""Builds the planted repositories for real and holds the causes in the report against what was planted.

``python -m causes.corpus FOLDER [NAME…]`` writes the repository, runs ``weighbridge diff`` and prints every case that
is not as planted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from causes.cases import Case, Expected, all_cases

LEAST_ATTRIBUTED = 0.95
"""The share of changed bytes that must have a cause."""

_AUTHOR = ("-c", "user.name=corpus", "-c", "user.email=corpus@example.org")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the report says of one case; `problems` is empty where it is as planted."""

    name: str
    causes: Sequence[dict[str, Any]]
    problems: list[str] = field(default_factory=list)


def write_repository(folder: Path, cases: Iterable[Case]) -> None:
    """A repository of two commits, base and head, with a service for each case."""
    folder.mkdir(parents=True)
    _git(folder, "init", "-q", ".")
    cases = tuple(cases)
    for case in cases:
        _write(folder / "services" / case.name, {**case.base, "NOTES.md": "one\n"})
    _git(folder, "add", "-A")
    _git(folder, *_AUTHOR, "commit", "-qm", "base")
    for case in cases:
        noise = {"NOTES.md": "one\nand two\n", "docs/noise.txt": "a few words\n"}
        _write(folder / "services" / case.name, {**noise, **case.head})
    _git(folder, "add", "-A")
    _git(folder, *_AUTHOR, "commit", "-qm", "head")


def weigh(folder: Path, *options: str) -> dict[str, Any]:
    """The report of a real run over the repository."""
    command = [sys.executable, "-m", "weighbridge", "diff", "HEAD~1", "HEAD", "--format", "json", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if not done.stdout:
        raise RuntimeError(done.stderr[-4000:])
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def answers(report: dict[str, Any], cases: Iterable[Case]) -> list[Answer]:
    """Each case held against the report."""
    images = {image["name"]: image for image in report["images"]}
    return [_answer(case, images[f"services/{case.name}"]) for case in cases]


def _answer(case: Case, image: dict[str, Any]) -> Answer:
    causes = image["causes"]
    answer = Answer(name=case.name, causes=causes)
    for failure in image["failures"]:
        answer.problems.append(f"{failure['side']}: {failure['message']} {failure['log_tail'][-3:]}")
    if answer.problems:
        return answer
    if sum(cause["bytes"] for cause in causes) != image["delta"]["unpacked_bytes"]:
        answer.problems.append("the bytes of the causes do not add up to the difference")
    total = sum(abs(cause["bytes"]) for cause in causes)
    known = sum(abs(cause["bytes"]) for cause in causes if cause["kind"] != "not-attributed")
    if known < LEAST_ATTRIBUTED * total:
        answer.problems.append(f"only {known} of {total} bytes have a cause")
    if not causes or not _is(case, case.expected[0], causes[0]):
        answer.problems.append(f"the first cause is not {case.expected[0]}")
    for expected in case.expected[1:]:
        if not any(_is(case, expected, cause) for cause in causes):
            answer.problems.append(f"no cause is {expected}")
    return answer


def _is(case: Case, expected: Expected, cause: dict[str, Any]) -> bool:
    place = cause["path"] if cause["line"] is None else f"{cause['path']}:{cause['line']}"
    named = expected.what in {cause["what"], *(part["what"] for part in cause["brings"])} or (
        expected.what in cause["what"]
    )
    what = cause["what"].removeprefix(f"services/{case.name}/") == expected.what or named
    return bool(
        cause["kind"] == expected.kind
        and what
        and place == f"services/{case.name}/{expected.place}"
        and (cause["bytes"] > 0) == (expected.sign > 0)
    )


def _write(folder: Path, files: Any) -> None:
    for path, content in files.items():
        file = folder / path
        if content is None:
            file.unlink()
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def main(arguments: Sequence[str]) -> int:
    """Run the corpus in a new folder; names choose cases. The report stays beside the repository."""
    folder, *names = arguments
    cases = [case for case in all_cases() if not names or case.name in names]
    repository = Path(folder) / "repository"
    write_repository(repository, cases)
    report = weigh(repository, "--cache-dir", str(Path(folder) / "cache"))
    (Path(folder) / "report.json").write_text(json.dumps(report), encoding="utf-8")
    found = answers(report, cases)
    for answer in found:
        for problem in answer.problems:
            print(f"{answer.name}: {problem}")
        for cause in answer.causes[:6] if answer.problems else ():
            place = f"{cause['path']}:{cause['line']}"
            print(f"    {cause['bytes']:+} {cause['kind']} {cause['what']} [{cause['because']}] {place} {cause['via']}")
    wrong = sum(bool(answer.problems) for answer in found)
    print(f"{len(found) - wrong} of {len(found)} cases are as planted")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
