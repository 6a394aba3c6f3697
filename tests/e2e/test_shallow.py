"""Shallow checkouts: the Action as a process, which fetches what is missing from a real git server over HTTP."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

REPOSITORY = {"full_name": "octo-org/octo-repo", "default_branch": "main"}
TOKEN = "ghs_notARealTokenButShapedLikeOne"
ALLOWED = "Basic " + base64.b64encode(f"x-access-token:{TOKEN}".encode()).decode()


def _git(folder, *arguments):
    command = ["git", "-c", "user.name=dev", "-c", "user.email=dev@example.test", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def server(tmp_path):
    """git's own HTTP backend before `tmp_path/served`, for whoever has the token; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self._serve()

        def do_POST(self):
            self._serve()

        def log_message(self, *_):
            pass

        def _serve(self):
            if self.headers.get("Authorization") != ALLOWED:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            environment = {
                **os.environ,
                "GIT_PROJECT_ROOT": str(tmp_path / "served"),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            }
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            done = subprocess.run(
                ["git", "http-backend"], input=body, env=environment, capture_output=True, check=False
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            self.send_response(int(headers.pop("Status", "200").split()[0]))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()


@pytest.fixture
def commits(tmp_path):
    """base ← feature, main moved on since, and the merge commit of both; all served."""
    work = tmp_path / "work"
    work.mkdir()
    _git(work, "init", "--quiet", "--initial-branch=main")
    (work / "Dockerfile").write_text("FROM busybox\nCOPY data /data\n")
    found = {}

    def commit(name, size):
        (work / "data").write_bytes(b"x" * size)
        _git(work, "add", "--all")
        _git(work, "commit", "--quiet", "--message", name)
        found[name] = _git(work, "rev-parse", "HEAD")

    commit("base", 1_000)
    _git(work, "checkout", "--quiet", "-b", "feature")
    commit("head", 5_000)
    _git(work, "checkout", "--quiet", "main")
    (work / "other").write_text("main moved")
    commit("main", 1_000)
    _git(work, "merge", "--quiet", "--no-ff", "--message", "merge", "feature")
    found["merge"] = _git(work, "rev-parse", "HEAD")
    _git(work, "update-ref", "refs/pull/7/merge", "HEAD")
    _git(work, "reset", "--quiet", "--hard", found["main"])
    served = tmp_path / "served/octo-org/octo-repo.git"
    served.parent.mkdir(parents=True)
    subprocess.run(["git", "clone", "--quiet", "--mirror", work, served], check=True)
    _git(served, "config", "uploadpack.allowAnySHA1InWant", "true")
    _git(served, "config", "http.receivepack", "true")
    return found


@pytest.fixture
def checkout(commits, tmp_path):
    """`checkout(name)` is the workspace, with that commit alone."""

    def _checkout(name):
        workspace = tmp_path / "octo-repo"
        workspace.mkdir()
        served = str(tmp_path / "served/octo-org/octo-repo.git")
        _git(workspace, "init", "--quiet")
        _git(workspace, "fetch", "--quiet", "--depth=1", served, commits[name])
        _git(workspace, "checkout", "--quiet", "--detach", commits[name])
        return workspace

    return _checkout


@pytest.fixture
def action(engine, need_images, server, tmp_path):
    """`action(event, payload, INPUT_X=…)` runs the Action in the workspace, as a process of its own."""
    need_images(engine, "busybox")
    workspace = tmp_path / "octo-repo"

    def _action(event, payload, **inputs):
        (tmp_path / "event.json").write_text(json.dumps(payload))
        environment = {
            **os.environ,
            **engine.environment,
            "DOCKER_HOST": engine.docker_host,
            "GITHUB_WORKSPACE": str(workspace),
            "GITHUB_SERVER_URL": server,
            "GITHUB_API_URL": f"{server}/api",
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            "INPUT_TOKEN": TOKEN,
            "INPUT_COMMENT": "never",
            "INPUT_CHECK-RUN": "never",
            "INPUT_ALL": "true",
            "INPUT_HISTORY-BRANCH": "weighbridge-data",
            **inputs,
        }
        return subprocess.run(
            [sys.executable, "-I", "-m", "weighbridge", "action"],
            env=environment,
            cwd=workspace,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    return _action


@pytest.mark.parametrize(
    ("event", "checked_out", "base"),
    [("pull_request", "merge", "main"), ("pull_request", "head", "base"), ("push", "main", "base")],
    ids=["merge commit", "head of the pull request", "push"],
)
def test_commits_missing_in_shallow_checkout_are_fetched(commits, checkout, action, tmp_path, event, checked_out, base):
    workspace = checkout(checked_out)
    assert _git(workspace, "rev-list", "--count", "HEAD") == "1"
    payload = {
        "pull_request": {
            "action": "synchronize",
            "number": 7,
            "repository": REPOSITORY,
            "pull_request": {
                "state": "open",
                "base": {"ref": "main", "sha": commits["main"], "repo": REPOSITORY},
                "head": {"ref": "feature", "sha": commits["head"], "repo": REPOSITORY},
            },
        },
        "push": {
            "ref": "refs/heads/main",
            "before": commits["base"],
            "after": commits["main"],
            "repository": REPOSITORY,
        },
    }[event]
    before = _git(workspace, "count-objects", "-v")
    done = action(event, payload)
    assert done.returncode == 0, done.stdout
    output = (tmp_path / "output").read_text()
    assert f"\n{commits[base]}\n" in output
    assert f"\n{commits[checked_out]}\n" in output
    assert ("\n4000\n" in output) is (event == "pull_request")
    assert _git(workspace, "count-objects", "-v") == before, "the checkout is never written to"
    assert TOKEN not in done.stdout.replace(f"::add-mask::{TOKEN}", "")
    served = tmp_path / "served/octo-org/octo-repo.git"
    assert ("weighbridge-data" in _git(served, "branch", "--list")) is (event == "push"), "sizes are main's alone"
    if event == "push":
        (line,) = _git(served, "show", "weighbridge-data:history.jsonl").splitlines()
        recorded = json.loads(line)
        assert (recorded["commit"], recorded["base"]) == (commits["main"], commits["base"])
        assert recorded["images"]["octo-repo"]["unpacked_bytes"] > 1_000


def test_merged_parts_of_push_are_in_cache_folders_history(commits, checkout, action):
    workspace = checkout("main")
    payload = {
        "ref": "refs/heads/main",
        "before": commits["base"],
        "after": commits["main"],
        "repository": REPOSITORY,
    }
    done = action("push", payload, INPUT_PART="1/1")
    assert done.returncode == 0, done.stdout
    (workspace / "parts").mkdir()
    (workspace / "weighbridge-report/report.json").rename(workspace / "parts/report.json")
    done = action("push", payload, **{"INPUT_MODE": "merge", "INPUT_CACHE-DIR": "kept"})
    assert done.returncode == 0, done.stdout
    (file,) = (workspace / "kept/history").glob("*.jsonl")
    (line,) = file.read_text().splitlines()
    recorded = json.loads(line)
    assert recorded["commit"] == commits["main"]
    assert recorded["images"]["octo-repo"]["unpacked_bytes"] > 1_000
