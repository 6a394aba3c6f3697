"""A build prints eight secrets in many forms and fails: no byte that the run writes or sends has one."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

ARGUMENTS = {
    "NPM_TOKEN": 'npm-canary/AAA1+x="q"',
    "API_KEY": "canary BBB2 with spaces & more",
    "DB_PASSWORD": "canaryCCC3ünï\\back",
    "AWS_SECRET_ACCESS_KEY": "canaryDDD4" + "z" * 60,
    "WHERE": "https://user:canaryEEE5pass@host/x",
    "PLAIN": "ghp_" + "IcanaryIII9" * 3,
}
FILES = {"note": "canaryFFF6\nsecond-line-GGG7", "data": "canaryHHH8{json}"}
PRINTING = r"""echo "$V"; printf %s "$V" | base64 -w0; echo
printf %s "x$V" | base64; printf %s "xy$V" | base64 -w0; echo
printf %s "$V" | cut -c1-8; printf %s "$V" | cut -c9-
printf %s "$V" | od -An -tx1 | tr -d '\n' | sed 's/ /%/g'; echo; echo "$V" >&2
"""
RECIPE = (
    "FROM busybox\n"
    + "".join(f"ARG {name}\n" for name in ARGUMENTS)
    + "COPY show /show\n"
    + "RUN --mount=type=secret,id=note --mount=type=secret,id=data echo VERSION"
    + f" && for one in {' '.join(ARGUMENTS)}; do eval V=\\$$one; . /show; done"
    + " && for one in note data; do V=$(cat /run/secrets/$one); . /show; done; false\n"
)


class Sent(http.server.BaseHTTPRequestHandler):
    """GitHub's API as far as a run needs it: takes everything, and keeps it."""

    bodies: list[bytes]

    def answer(self) -> None:
        """Keep a request, and answer it."""
        self.bodies.append(self.path.encode() + self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        body = b"[]" if self.command == "GET" else b'{"id": 1, "body": "", "user": {"login": "bot", "type": "Bot"}}'
        self.send_response(200 if self.command == "GET" else 201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_PUT = answer  # noqa: N815 - the names that the server calls

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def api() -> Iterator[tuple[str, list[bytes]]]:
    """The address of the fake API, and what it was sent."""
    bodies: list[bytes] = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Sent,), {"bodies": bodies}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", bodies
    server.shutdown()
    server.server_close()


@pytest.fixture
def commits(tmp_path: Path) -> tuple[str, ...]:
    """Base and head of the repository ``shop``."""
    repository = tmp_path / "shop"
    repository.mkdir()

    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        command = ["git", "-C", str(repository), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet", "--initial-branch=main")
    found = []
    for version in ("1", "2"):
        (repository / "show").write_text(PRINTING)
        (repository / "Dockerfile").write_text(RECIPE.replace("VERSION", version))
        git("add", "--all")
        git("commit", "--quiet", "--message", version)
        found.append(git("rev-parse", "HEAD"))
    return tuple(found)


def forms(value: str) -> Iterator[bytes]:
    """The forms in which a secret could be in a text."""
    for line in value.split("\n"):
        data = line.encode()
        yield from (data, json.dumps(line)[1:-1].encode(), quote(line, safe="").encode(), quote_plus(line).encode())
        yield from (data.hex().encode(), "".join(f"%{byte:02x}" for byte in data).encode())
        for lead in range(3):
            encoded = base64.b64encode(bytes(lead) + data)[(lead * 8 + 5) // 6 : (lead + len(data)) * 8 // 6]
            yield from (encoded, encoded[:40])


def unpacked(data: bytes) -> Iterator[bytes]:
    """A text, and what is compressed inside of it (the HTML report)."""
    yield data
    for match in re.finditer(rb"[A-Za-z0-9+/=]{200,}", data):
        with contextlib.suppress(ValueError, zlib.error):
            yield zlib.decompress(base64.b64decode(match[0]), 47)


def test_failing_build_printing_eight_secrets_leaks_none(containerd_engine, need_images, tmp_path, commits, api):
    need_images(containerd_engine, "busybox")
    address, sent = api
    origin = {"full_name": "o/r", "default_branch": "main"}
    base, head = ({"ref": name, "sha": sha, "repo": origin} for name, sha in zip(("main", "f"), commits, strict=True))
    pull = {"number": 7, "state": "open", "user": {"login": "a"}, "labels": [], "base": base, "head": head}
    event = {"action": "synchronize", "number": 7, "repository": origin, "pull_request": pull}
    (tmp_path / "event.json").write_text(json.dumps(event))
    written = {name: tmp_path / name for name in ("output", "summary")}
    for one in written.values():
        one.touch()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("GITHUB_", "INPUT_"))},
        **containerd_engine.environment,
        "GITHUB_EVENT_NAME": "pull_request",
        "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
        "GITHUB_WORKSPACE": str(tmp_path / "shop"),
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_SHA": commits[1],
        "GITHUB_RUN_ID": "1",
        "GITHUB_SERVER_URL": address,
        "GITHUB_API_URL": address,
        "GITHUB_OUTPUT": str(written["output"]),
        "GITHUB_STEP_SUMMARY": str(written["summary"]),
        "RUNNER_DEBUG": "1",
        "INPUT_TOKEN": "t0k",
        "INPUT_REPORT": "report",
        "INPUT_VERIFY-TIPS": "never",
        "INPUT_BUILD-ARGS": "\n".join(f"{name}={value}" for name, value in ARGUMENTS.items()),
        "INPUT_SECRETS": "\n".join(f"{name}<<END\n{value}\nEND" for name, value in FILES.items()),
    }
    command = [sys.executable, "-m", "weighbridge", "action"]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path / "shop", capture_output=True, check=False, timeout=200
    )
    assert done.returncode == 3, done.stderr
    # The runner reads these lines, and masks the values in all that follows.
    log = re.sub(rb"(?m)^::add-mask::.*$", b"", done.stdout + done.stderr)
    texts = {"log": log, **{f"sent {number}": body for number, body in enumerate(sent)}}
    texts |= {name: one.read_bytes() for name, one in written.items()}
    texts |= {one.name: one.read_bytes() for one in (tmp_path / "shop/report").rglob("*") if one.is_file()}
    assert {"log", "summary", "report.json", "report.html"} <= {name for name, text in texts.items() if b"***" in text}
    assert any(b"***" in body for body in sent)
    leaks = [
        (name, value[:12])
        for name, text in texts.items()
        for data in unpacked(text)
        for value in (*ARGUMENTS.values(), *FILES.values())
        if any(form in data for form in forms(value))
    ]
    assert leaks == []
