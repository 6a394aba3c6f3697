"""What examples/README.md says about each example is what a real engine does with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
HELLO = EXAMPLES / "hello"
ROW = re.compile(
    r"^\| \[(?P<name>[\w-]+)\]\(hello/Dockerfile\.(?P=name)\) \| .+ \| (?P<code>\d+) \| (`+)(?P<says>.+)\3 \|$"
)
BASE_IMAGES = re.compile(r"^FROM (\S+)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Promise:
    """One row of the table: how the container ends, and what it or the engine says."""

    name: str
    exit_code: int
    says: str


def _section(title: str) -> list[Promise]:
    text = (EXAMPLES / "README.md").read_text()
    section = text.partition(f"## {title}")[2].partition("\n## ")[0]
    rows = [match for line in section.splitlines() if (match := ROW.match(line))]
    return [Promise(name=row["name"], exit_code=int(row["code"]), says=row["says"]) for row in rows]


WORKING = _section("What works")
NOT_STARTING = _section("What builds and does not start")
NOT_BUILDING = _section("What does not build")
# One of each kind of outcome, for the second store: its engine and its runc word some errors on their own.
ON_BOTH_STORES = {
    "c-multistage",
    "c-dynamic-on-musl",
    "c-shell-form-on-scratch",
    "go-resolve-cgo-on-scratch",
    "go-scratch",
}


def _name(promise: Promise) -> str:
    return promise.name


@pytest.fixture(scope="module")
def built(need_images: Callable[..., None]) -> Iterator[Callable[[Any, str], Any]]:
    """Builds an example under a name of its own; all are removed at the end."""
    names: list[tuple[Any, str]] = []

    def build(engine: Any, example: str) -> Any:
        dockerfile = HELLO / f"Dockerfile.{example}"
        need_images(engine, *(base for base in BASE_IMAGES.findall(dockerfile.read_text()) if base != "scratch"))
        image = f"weighbridge-test-example:{example}"
        done = engine.docker("build", "--progress=plain", "--tag", image, "--file", dockerfile, HELLO)
        names.append((engine, image))
        return done

    yield build
    for engine, image in names:
        engine.docker("image", "rm", "--force", image)


def _builds_and_ends_as_promised(engine: Any, built: Callable[[Any, str], Any], promise: Promise) -> None:
    build = built(engine, promise.name)
    assert build.returncode == 0, build.stderr
    ran = engine.run(f"weighbridge-test-example:{promise.name}")
    assert (ran.returncode, promise.says in ran.stdout + ran.stderr) == (promise.exit_code, True), ran


@pytest.mark.parametrize("promise", WORKING, ids=_name)
def test_example_prints_output_of_its_readme(engine: Any, built: Any, promise: Promise) -> None:
    _builds_and_ends_as_promised(engine, built, promise)


@pytest.mark.parametrize("promise", NOT_STARTING, ids=_name)
def test_broken_example_builds_and_fails_as_in_readme(engine: Any, built: Any, promise: Promise) -> None:
    _builds_and_ends_as_promised(engine, built, promise)


@pytest.mark.parametrize("promise", [row for row in WORKING + NOT_STARTING if row.name in ON_BOTH_STORES], ids=_name)
def test_outcome_is_same_on_containerd_store(containerd_engine: Any, built: Any, promise: Promise) -> None:
    _builds_and_ends_as_promised(containerd_engine, built, promise)


@pytest.mark.parametrize("promise", NOT_BUILDING, ids=_name)
def test_unbuildable_example_fails_as_in_readme(any_engine: Any, built: Any, promise: Promise) -> None:
    build = built(any_engine, promise.name)
    assert (build.returncode, promise.says in build.stderr) == (promise.exit_code, True), build


def test_readme_has_every_example_once() -> None:
    promised = [row.name for row in WORKING + NOT_STARTING + NOT_BUILDING]
    assert sorted(promised) == sorted(path.name.removeprefix("Dockerfile.") for path in HELLO.glob("Dockerfile.*"))


def test_working_examples_end_with_zero_and_others_do_not() -> None:
    assert {row.exit_code for row in WORKING} == {0}
    assert all(row.exit_code != 0 for row in NOT_STARTING + NOT_BUILDING)


@pytest.mark.parametrize("path", sorted(HELLO.glob("Dockerfile.*")), ids=lambda path: path.name)
def test_first_line_describes_example(path: Path) -> None:
    assert re.match(r"# Shows: .{20,140}[.]\n", path.read_text())


def test_compose_file_builds_every_buildable_example(containerd_engine: Any) -> None:
    printed = containerd_engine.docker("buildx", "bake", "--file", EXAMPLES / "compose.yaml", "--print")
    assert printed.returncode == 0, printed.stderr
    targets = json.loads(printed.stdout)["target"]
    assert {name: target["dockerfile"] for name, target in targets.items()} == {
        row.name: f"Dockerfile.{row.name}" for row in WORKING + NOT_STARTING
    }
