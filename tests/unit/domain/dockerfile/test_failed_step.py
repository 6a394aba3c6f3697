"""The failed step of a build, from what builders really print (recorded with Docker 20.10 and 26.1)."""

from __future__ import annotations

import pytest

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.dockerfile.failed_step import FailedStep, find_failed_step, without_noise

DOCKERFILE = parse_dockerfile(
    'FROM busybox:latest\nRUN echo hello > /x\nRUN cat /dta\nCOPY missing /x\nCMD ["sh"]\n', path="app/Dockerfile"
)
NOT_FOUND = "cat: can't open '/dta': No such file or directory"
BUILDKIT_20 = """\
#1 [internal] load build definition from Dockerfile
#1 sha256:2c8a04b31dde4487299a53ce555499402535a77156945a4ce0adaa8c634c4769
#1 DONE 0.2s
#5 [2/3] RUN echo hello > /x
#5 sha256:f25dfd9cf522cde683f425cbae1707b1606a4af50237f8f88e86863d5af8c521
#5 CACHED
#6 [3/3] RUN cat /dta
#6 sha256:8c880b8a7a32d0f41eeec7e989aaa90286f4723052d956ce591b77b2b77226df
#6 1.134 cat: can't open '/dta': No such file or directory
#6 ERROR: executor failed running [/bin/sh -c cat /dta]: exit code: 1
------
 > [3/3] RUN cat /dta:
------
executor failed running [/bin/sh -c cat /dta]: exit code: 1"""
BUILDX = """\
#5 [2/3] RUN echo hello > /x
#5 DONE 0.7s
#6 [3/3] RUN cat /dta
#6 0.660 cat: can't open '/dta': No such file or directory
#6 ERROR: process "/bin/sh -c cat /dta" did not complete successfully: exit code: 1
------
 > [3/3] RUN cat /dta:
0.660 cat: can't open '/dta': No such file or directory
------
Dockerfile:3
--------------------
   3 | >>> RUN cat /dta
--------------------
ERROR: failed to solve: process "/bin/sh -c cat /dta" did not complete successfully: exit code: 1"""
CLASSIC = """\
Step 2/4 : RUN echo hello > /x
 ---> Running in 1106559e2044
 ---> Removed intermediate container 1106559e2044
 ---> 42e576bfa049
Step 3/4 : RUN cat /dta
 ---> Running in c56fd9042d9b
cat: can't open '/dta': No such file or directory
The command '/bin/sh -c cat /dta' returned a non-zero code: 1"""
COPY = """\
#6 [2/2] COPY missing /x
#6 ERROR: failed to calculate checksum of ref zvkrqwh5d55i8ckhet9qbilcu::m8ta3pw0bfjq: "/missing": not found
------
 > [2/2] COPY missing /x:
------
Dockerfile:4
--------------------
ERROR: failed to solve: failed to compute cache key: failed to calculate checksum of ref z::m: "/missing": not found"""


def step_of(output: str) -> FailedStep:
    found = find_failed_step(DOCKERFILE, output.splitlines())
    assert found is not None
    return found


@pytest.mark.parametrize("output", [BUILDKIT_20, BUILDX, CLASSIC])
def test_failed_run_has_line_exit_code_and_last_output(output: str) -> None:
    assert step_of(output).message("app/Dockerfile") == f"app/Dockerfile:3: RUN failed (exit 1): {NOT_FOUND}"


@pytest.mark.parametrize("output", [BUILDKIT_20, BUILDX, CLASSIC])
def test_failed_run_has_output_of_its_step_only(output: str) -> None:
    assert step_of(output).output == (NOT_FOUND,)


def test_failed_copy_has_cause_without_digests() -> None:
    assert step_of(COPY).message("app/Dockerfile") == 'app/Dockerfile:4: COPY failed: "/missing": not found'


def test_silent_run_has_its_command() -> None:
    silent = "\n".join(line for line in BUILDKIT_20.splitlines() if NOT_FOUND not in line)
    assert step_of(silent).message("Dockerfile") == "Dockerfile:3: RUN failed (exit 1): cat /dta"


def test_step_with_lost_header_is_found_by_its_repetition() -> None:
    lines = BUILDKIT_20.splitlines()[8:]
    found = find_failed_step(DOCKERFILE, lines)
    assert found is not None
    assert (found.line, found.output) == (3, (NOT_FOUND,))


def test_repeated_instruction_without_buildx_has_no_line() -> None:
    twice = parse_dockerfile("FROM a\nRUN cat /dta\nFROM b\nRUN cat /dta\n", path="Dockerfile")
    found = find_failed_step(twice, BUILDKIT_20.splitlines())
    assert found is not None
    assert found.message("Dockerfile").startswith("Dockerfile: RUN failed (exit 1): ")


@pytest.mark.parametrize("output", ["", "out of disk", "#3 ERROR: no match", "Step 1/1 : "])
def test_output_without_step_gives_none(output: str) -> None:
    assert find_failed_step(DOCKERFILE, output.splitlines()) is None


def test_noise_is_digests_transfers_and_finished_steps() -> None:
    kept = without_noise(BUILDKIT_20.splitlines())
    assert not any("sha256:" in line or "DONE" in line or "CACHED" in line for line in kept)
    assert kept[-1].startswith("executor failed")
