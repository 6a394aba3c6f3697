"""Safe fixes change nothing but what they say, in files as people write them: line ends, heredocs, users, shells."""

from __future__ import annotations

import pytest

from weighbridge.domain.dockerfile import Dockerfile, parse_dockerfile
from weighbridge.domain.dockerfile.edits import EditSet, apply_edits
from weighbridge.domain.lint.context import LintContext
from weighbridge.domain.lint.model import LintSettings
from weighbridge.domain.lint.rules import lint_dockerfile

APT = "apt-get update && apt-get install -y --no-install-recommends jq"
FILES = {
    "crlf": f'FROM debian:12\r\nRUN {APT}\r\nUSER app\r\nCMD ["jq"]\r\n',
    "crlf continued": 'FROM debian:12\r\nRUN apt-get update \\\r\n  && apt-get install -y jq\r\nCMD ["jq"]\r\n',
    "no newline at end": f'FROM debian:12\nCMD ["jq"]\nRUN {APT}',
    "byte order mark": f'\ufeffFROM debian:12\nRUN {APT}\nCMD ["jq"]\n',
    "syntax and escape": f'# syntax=docker/dockerfile:1\n# escape=\\\nFROM debian:12\nRUN {APT}\nCMD ["jq"]\n',
    "comments between": "FROM debian:12\nRUN apt-get update \\\n# a\n && apt-get install -y \\\n  # b\n  jq\n"
    'CMD ["jq"]\n',
    "empty line between": 'FROM debian:12\nRUN apt-get update && \\\n\n    apt-get install -y jq\nCMD ["jq"]\n',
    "comment at end": f'FROM debian:12\nRUN {APT} # list\nCMD ["jq"]\n',
    "heredoc": 'FROM debian:12\nRUN <<EOF\nset -e\napt-get update\napt-get install -y jq\nEOF\nCMD ["jq"]\n',
    "heredoc with tabs": 'FROM debian:12\nRUN <<-EOF\n\tapt-get update\n\tapt-get install -y jq\n\tEOF\nCMD ["jq"]\n',
    "heredoc of bash": "FROM alpine\nRUN bash <<'EOF'\napk add git\nEOF\nCMD [\"git\"]\n",
    "heredoc of python": "FROM python:3.12\nRUN python3 <<EOF\nos.system('pip install x')\nEOF\nCMD [\"python\"]\n",
    "onbuild": f'FROM debian:12\nONBUILD RUN {APT}\nONBUILD RUN <<EOF\n{APT}\nEOF\nRUN {APT}\nCMD ["jq"]\n',
    "sudo": f'FROM debian:12\nUSER app\nRUN sudo {APT.replace("&& ", "&& sudo ")}\nCMD ["jq"]\n',
    "two users of sudo": 'FROM debian:12\nRUN sudo apt-get update && apt-get install -y jq\nCMD ["jq"]\n',
    "user": 'FROM node:20\nUSER node\nWORKDIR /app\nRUN npm ci --omit=dev\nUSER root\nRUN apk add git\nCMD ["node"]\n',
    "yarn berry": 'FROM node:20\nCOPY .yarnrc.yml .yarn ./\nRUN yarn install --immutable\nCMD ["yarn", "node", "x"]\n',
    "workdir chain": "FROM golang AS b\nWORKDIR /src\nWORKDIR a\nWORKDIR ../b\nRUN go build -o hello .\n"
    'FROM scratch\nCOPY --from=b hello /h\nCMD ["/h"]\n',
    "shell": f'FROM debian:12\nSHELL ["/bin/bash", "-eo", "pipefail", "-c"]\nRUN {APT} | tee /log\nCMD ["jq"]\n',
    "windows shell": '# escape=`\nFROM windows/servercore\nSHELL ["powershell"]\nRUN choco install git -y\n'
    "RUN npm ci\n",
    "set -e and semicolons": 'FROM debian:12\nRUN set -ex; apt-get update; apt-get install -y jq;\nCMD ["jq"]\n',
    "semicolons alone": 'FROM debian:12\nRUN apt-get update; apt-get install -y jq;\nCMD ["jq"]\n',
    "condition": 'FROM debian:12\nRUN if true; then apt-get update && apt-get install -y jq; fi\nCMD ["jq"]\n',
    "subshell": 'FROM debian:12\nRUN (apt-get update && apt-get install -y jq) || exit 1\nCMD ["jq"]\n',
    "background": 'FROM alpine\nRUN apk add git &\nCMD ["git"]\n',
    "nested": f"FROM debian:12\nRUN bash -c '{APT}'\nCMD [\"jq\"]\n",
    "exec form": 'FROM alpine\nRUN ["apk", "add", "git"]\nCMD ["git"]\n',
    "exit at end": f'FROM debian:12\nRUN {APT} && exit 0\nCMD ["jq"]\n',
    "mounts": f'FROM debian:12\nRUN --mount=type=cache,target=/x --network=default {APT}\nCMD ["jq"]\n',
    "lower case": f'from debian:12\nrun {APT}\ncmd ["jq"]\n',
    "trailing blanks": f'FROM debian:12\nRUN {APT}   \t\nCMD ["jq"]\n',
    "quotes over lines": "FROM alpine\nRUN apk add git && echo 'a\\\n b'\nCMD [\"git\"]\n",
    "pip": 'FROM python:3.12-slim\nRUN pip install --user -r a.txt && python -m pip install b\nCMD ["python"]\n',
    "stage by number": f"FROM debian:12\n{'RUN true' + chr(10)}" * 1
    + "FROM busybox\n"
    + "ENV A=1\n" * 11
    + 'COPY --from=0 /a /b\nCMD ["b"]\n',
}
"""Each with at least one place that a careless edit would break."""


def parsed(text: str) -> Dockerfile:
    return parse_dockerfile(text, path="Dockerfile")


def fixed(text: str) -> str:
    """`text` after one pass of its safe fixes."""
    chosen = EditSet()
    for one in lint_dockerfile(text, parsed(text), LintSettings()):
        if one.is_safe and one.edits:
            chosen.add(one.edits)
    return apply_edits(text, chosen.edits)


def shape(text: str) -> list[tuple[str, object]]:
    """All instructions; of those that fixes may change (``RUN``, ``FROM``, copies from stages) the name alone."""
    found: list[tuple[str, object]] = []
    for stage in parsed(text).stages:
        for one in (stage.from_instruction, *stage.instructions):
            changes = one.name in {"RUN", "FROM"} or (one.name == "COPY" and "from" in one.flags)
            found.append((one.name, None if changes else (one.args, one.flags)))
    return found


def commands(text: str) -> list[str]:
    """The programs and subcommands of all ``RUN`` instructions, in order."""
    dockerfile = parsed(text)
    context = LintContext(text, dockerfile, LintSettings())
    runs = [one for stage in dockerfile.stages for one in stage.instructions if one.name == "RUN"]
    return [
        f"{command.prefix} {command.name} {command.values[:1]}"
        for run in runs
        for command in context.script(run).commands
    ]


def is_subsequence(part: list[str], whole: list[str]) -> bool:
    rest = iter(whole)
    return all(one in rest for one in part)


@pytest.mark.parametrize("name", FILES)
def test_safe_fix_keeps_all_other_instructions_and_commands(name: str) -> None:
    text = FILES[name]
    after = fixed(text)
    assert shape(after) == shape(text)
    assert is_subsequence(commands(text), commands(after))
    assert fixed(fixed(after)) == fixed(after)


@pytest.mark.parametrize("name", FILES)
def test_safe_fix_keeps_line_ends_and_end_of_file(name: str) -> None:
    text = FILES[name]
    after = fixed(text)
    if "\r\n" in text:
        assert after.count("\n") == after.count("\r\n")
    assert after.endswith("\n") == text.endswith("\n")
    assert after.startswith("\ufeff") == text.startswith("\ufeff")
    assert text.startswith("# ") == after.startswith("# ")


def test_most_files_have_a_safe_fix() -> None:
    """Otherwise the tests above would hold for a linter that fixes nothing."""
    unchanged = {name for name, text in FILES.items() if fixed(text) == text}
    assert len(unchanged) < len(FILES) / 2, unchanged


@pytest.mark.parametrize("name", ["comment at end", "yarn berry", "exec form", "windows shell", "exit at end"])
def test_fix_that_cannot_be_exact_is_not_made(name: str) -> None:
    assert fixed(FILES[name]) == FILES[name]
