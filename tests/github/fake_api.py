"""A stateful stand-in for the part of the GitHub API that Weighbridge uses.

It keeps pull requests, comments, reviews, checks, runs and artifacts in memory, pages as GitHub does, refuses what the
token may not do, and can fail on request (`Fault`). Its objects start from the examples in GitHub's own OpenAPI
description; a validating proxy in front of it checks each request and each answer against that description.

Used in process by the tests here; `python fake_api.py EXAMPLES PORT` serves it alone, with `POST /_state` to set it up
and `GET /_state` to look at it, for runs of the whole Action.
"""

from __future__ import annotations

import copy
import json
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

OWNER, REPO = "octo-org", "octo-repo"
HEAD_SHA = "1" * 40
BASE_SHA = "2" * 40
MERGE_SHA = "3" * 40
BOT = "github-actions[bot]"

Answer = tuple[int, Any]


@dataclass
class Fault:
    """Answer the next `times` requests that match with `status`; 0 resets the connection, -1 never answers.

    With `after` the request is carried out first, and only its answer is lost.
    """

    method: str
    path: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "fault"
    times: int = 1_000
    after: bool = False


class FakeGitHub:
    """The state and the routes. Tests read and write the public attributes directly."""

    def __init__(self, examples: dict[str, Any]) -> None:
        self._examples = examples
        self.public_url = ""
        self.hang_seconds = 2.5
        self.lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        self.login = BOT
        self.user_allowed = False
        self.viewer_allowed = True
        self.permissions = {"pull-requests", "checks", "actions", "contents"}
        self.pulls: dict[int, dict[str, Any]] = {}
        self.comments: list[dict[str, Any]] = []
        self.review_comments: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.files: list[dict[str, Any]] = []
        self.checks: list[dict[str, Any]] = []
        self.runs: dict[int, dict[str, Any]] = {}
        self.artifacts: list[dict[str, Any]] = []
        self.archives: dict[int, bytes] = {}
        self.commits: dict[str, list[str]] = {}
        self.faults: list[Fault] = []
        self.before: list[tuple[str, str, Callable[[], None]]] = []
        self.requests: list[tuple[str, str]] = []
        self.authorizations: list[tuple[str, str | None]] = []
        self._next_id = 1000

    # What tests set up

    def add_pull(self, number: int = 7, **changes: Any) -> dict[str, Any]:
        pull: dict[str, Any] = self.example("pull-request")
        repository = self.repository()
        pull |= {
            "number": number,
            "url": f"{self._repo_url}/pulls/{number}",
            "issue_url": f"{self._repo_url}/issues/{number}",
            "state": "open",
            "labels": [],
            "requested_teams": [],  # the published example's team lacks what the schema requires
            "merge_commit_sha": MERGE_SHA,
            "user": self.user("author"),
        }
        pull["head"] |= {"sha": HEAD_SHA, "ref": "feature", "repo": repository, "label": f"{OWNER}:feature"}
        pull["base"] |= {"sha": BASE_SHA, "ref": "main", "repo": repository, "label": f"{OWNER}:main"}
        pull |= changes
        self.pulls[number] = pull
        return pull

    def add_comment(self, body: str, *, login: str = BOT, number: int = 7) -> dict[str, Any]:
        comment: dict[str, Any] = self.example("issue-comment")
        identity = self._new_id()
        comment |= {
            "id": identity,
            "node_id": f"IC_{identity}",
            "url": f"{self._repo_url}/issues/comments/{identity}",
            "html_url": f"https://github.com/{OWNER}/{REPO}/pull/{number}#issuecomment-{identity}",
            "issue_url": f"{self._repo_url}/issues/{number}",
            "body": body,
            "user": self.user(login),
            "minimized": None,
        }
        comment.pop("body_text", None)
        comment.pop("body_html", None)
        self.comments.append(comment)
        return comment

    def add_review_comment(
        self,
        body: str,
        *,
        login: str = BOT,
        path: str = "Dockerfile",
        line: int | None = 2,
        reply_to: int | None = None,
    ) -> dict[str, Any]:
        comment: dict[str, Any] = self.example("pull-request-review-comment")
        identity = self._new_id()
        comment |= {
            "id": identity,
            "url": f"{self._repo_url}/pulls/comments/{identity}",
            "body": body,
            "path": path,
            "line": line,
            "user": self.user(login),
        }
        comment.pop("in_reply_to_id", None)
        comment.pop("start_line", None)
        comment.pop("start_side", None)
        if line is None:
            comment.pop("line")
        if reply_to is not None:
            comment["in_reply_to_id"] = reply_to
        self.review_comments.append(comment)
        return comment

    def add_file(self, path: str, patch: str) -> None:
        file = self.example("diff-entry-items")[0]
        self.files.append({**file, "filename": path, "patch": patch, "status": "modified"})

    def add_label_event(self, label: str, *, login: str | None, event: str = "labeled", at: str) -> None:
        item = self.example("issue-event-for-issue-items")[0]
        item |= {
            "event": event,
            "actor": self.user(login) if login is not None else None,
            "label": {"name": label, "color": "ededed"},
            "created_at": at,
        }
        self.events.append(item)

    def add_run(self, run_id: int, **changes: Any) -> dict[str, Any]:
        run: dict[str, Any] = self.example("workflow-run")
        run |= {
            "id": run_id,
            "url": f"{self._repo_url}/actions/runs/{run_id}",
            "artifacts_url": f"{self._repo_url}/actions/runs/{run_id}/artifacts",
            "event": "pull_request",
            "head_sha": HEAD_SHA,
            "repository": self.repository(),
            "head_repository": self.repository("contributor"),
            "pull_requests": [],
            "referenced_workflows": [],
        }
        run |= changes
        self.runs[run_id] = run
        return run

    def add_artifact(self, name: str, data: bytes, **changes: Any) -> dict[str, Any]:
        artifact: dict[str, Any] = self.example("artifact-paginated")["artifacts"][0]
        identity = self._new_id()
        artifact |= {
            "id": identity,
            "name": name,
            "size_in_bytes": len(data),
            "expired": False,
            "archive_download_url": f"{self._repo_url}/actions/artifacts/{identity}/zip",
        }
        artifact |= changes
        self.artifacts.append(artifact)
        self.archives[identity] = data
        return artifact

    def repository(self, owner: str = OWNER) -> dict[str, Any]:
        repository: dict[str, Any] = copy.deepcopy(self.example("pull-request")["base"]["repo"])
        repository |= {
            "name": REPO,
            "full_name": f"{owner}/{REPO}",
            "url": f"{self.public_url}/repos/{owner}/{REPO}",
            "owner": self.user(owner),
            "fork": owner != OWNER,
            "id": 1 if owner == OWNER else 2,
        }
        return repository

    def user(self, login: str) -> dict[str, Any]:
        user: dict[str, Any] = copy.deepcopy(self.example("pull-request")["user"])
        kind = "Bot" if login.endswith("[bot]") else "User"
        return {**user, "login": login, "type": kind, "id": sum(login.encode())}

    def example(self, name: str) -> Any:
        return copy.deepcopy(self._examples[name]["value"])

    def count(self, method: str, pattern: str) -> int:
        return sum(1 for verb, path in self.requests if verb == method and re.search(pattern, path))

    # What clients ask for

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        for pattern, routes in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method in routes:
                return routes[method](self, match, query, body)
        return 404, _error("Not Found")

    def _refused(self, permission: str) -> Answer | None:
        if permission in self.permissions:
            return None
        return 403, _error("Resource not accessible by integration")

    def _get_user(self, _: re.Match[str], __: dict[str, str], ___: Any) -> Answer:
        if not self.user_allowed:
            return 403, _error("Resource not accessible by integration")
        user = self.example("private-user-response-with-public-and-private-profile-information")
        return 200, {**user, "login": self.login}

    def _graphql(self, _: re.Match[str], __: dict[str, str], body: Any) -> Answer:
        text, variables = body["query"], body.get("variables", {}).get("input", {})
        if "viewer" in text:
            if not self.viewer_allowed:
                return 200, {"errors": [{"type": "FORBIDDEN", "message": "Resource not accessible by integration"}]}
            return 200, {"data": {"viewer": {"login": self.login}}}
        for word, name, hidden in (
            ("unminimizeComment", "unminimizedComment", False),
            ("minimizeComment", "minimizedComment", True),
        ):
            if f"{word}(" in text:
                for comment in self.comments:
                    if comment["node_id"] == variables["subjectId"]:
                        comment["minimized"] = {"reason": variables["classifier"].lower()} if hidden else None
                        return 200, {"data": {word: {name: {"isMinimized": hidden}}}}
                return 200, {"errors": [{"type": "NOT_FOUND", "message": "no such node"}]}
        return 200, {"errors": [{"type": "UNKNOWN", "message": "unknown query"}]}

    def _get_pull(self, match: re.Match[str], _: dict[str, str], __: Any) -> Answer:
        pull = self.pulls.get(int(match["number"]))
        return (200, pull) if pull else (404, _error("Not Found"))

    def _list_pulls(self, _: re.Match[str], query: dict[str, str], __: Any) -> Answer:
        head = query.get("head")
        return 200, [
            self._simple(pull)
            for pull in self.pulls.values()
            if pull["state"] == query.get("state", "open") and (head is None or pull["head"]["label"] == head)
        ]

    def _commit_pulls(self, match: re.Match[str], _: dict[str, str], __: Any) -> Answer:
        return 200, [self._simple(pull) for pull in self.pulls.values() if pull["head"]["sha"] == match["sha"]]

    def _simple(self, pull: dict[str, Any]) -> dict[str, Any]:
        simple: dict[str, Any] = self.example("pull-request-simple-items")[0]
        return {key: pull.get(key, value) for key, value in simple.items()}

    def _list_comments(self, match: re.Match[str], _: dict[str, str], __: Any) -> Answer:
        return 200, [item for item in self.comments if item["issue_url"].endswith(f"/{match['number']}")]

    def _create_comment(self, match: re.Match[str], _: dict[str, str], body: Any) -> Answer:
        if refused := self._refused("pull-requests"):
            return refused
        if len(body["body"]) > 65_536:
            return 422, _error("Validation Failed: body is too long (maximum is 65536 characters)")
        return 201, self.add_comment(body["body"], login=self.login, number=int(match["number"]))

    def _one_comment(self, match: re.Match[str], _: dict[str, str], __: Any) -> Answer:
        comment = _by_id(self.comments, match["id"])
        return (200, comment) if comment else (404, _error("Not Found"))

    def _edit_comment(self, match: re.Match[str], _: dict[str, str], body: Any) -> Answer:
        comment = _by_id(self.comments, match["id"])
        if comment is None:
            return 404, _error("Not Found")
        if (refused := self._refused("pull-requests")) or comment["user"]["login"] != self.login:
            return refused or (403, _error("Must have admin rights to Repository."))
        comment["body"] = body["body"]
        return 200, comment

    def _delete_comment(self, match: re.Match[str], _: dict[str, str], __: Any) -> Answer:
        return self._delete(self.comments, match["id"])

    def _delete_review_comment(self, match: re.Match[str], _: dict[str, str], __: Any) -> Answer:
        return self._delete(self.review_comments, match["id"])

    def _delete(self, items: list[dict[str, Any]], identity: str) -> Answer:
        item = _by_id(items, identity)
        if item is None:
            return 404, _error("Not Found")
        if refused := self._refused("pull-requests"):
            return refused
        items.remove(item)
        return 204, None

    def _list_review_comments(self, _: re.Match[str], __: dict[str, str], ___: Any) -> Answer:
        return 200, self.review_comments

    def _create_review_comment(self, _: re.Match[str], __: dict[str, str], body: Any) -> Answer:
        if refused := self._refused("pull-requests"):
            return refused
        known = next((file for file in self.files if file["filename"] == body["path"]), None)
        if known is None:
            return 422, _error("Validation Failed")
        comment = self.add_review_comment(body["body"], login=self.login, path=body["path"], line=body["line"])
        if "start_line" in body:
            comment |= {"start_line": body["start_line"], "start_side": body["start_side"]}
        return 201, comment

    def _list_files(self, _: re.Match[str], __: dict[str, str], ___: Any) -> Answer:
        return 200, self.files

    def _list_events(self, _: re.Match[str], __: dict[str, str], ___: Any) -> Answer:
        return 200, self.events

    def _create_check(self, _: re.Match[str], __: dict[str, str], body: Any) -> Answer:
        if refused := self._refused("checks"):
            return refused
        identity = self._new_id()
        check = self.example("check-run-example-of-completed-conclusion")
        check |= {
            "id": identity,
            "url": f"{self._repo_url}/check-runs/{identity}",
            "html_url": f"https://github.com/{OWNER}/{REPO}/runs/{identity}",
            **{key: body[key] for key in ("name", "head_sha", "conclusion") if key in body},
        }
        self.checks.append({**check, "sent": [body["output"]]})
        return 201, check

    def _edit_check(self, match: re.Match[str], _: dict[str, str], body: Any) -> Answer:
        check = _by_id(self.checks, match["id"])
        if check is None:
            return 404, _error("Not Found")
        check["sent"].append(body["output"])
        return 200, {key: value for key, value in check.items() if key != "sent"}

    def _get_run(self, match: re.Match[str], _: dict[str, str], __: Any) -> Answer:
        run = self.runs.get(int(match["id"]))
        return (200, run) if run else (404, _error("Not Found"))

    def _list_artifacts(self, _: re.Match[str], __: dict[str, str], ___: Any) -> Answer:
        return 200, {"total_count": len(self.artifacts), "artifacts": self.artifacts}

    def _git_commit(self, match: re.Match[str], _: dict[str, str], __: Any) -> Answer:
        parents = self.commits.get(match["sha"])
        if parents is None:
            return 404, _error("Not Found")
        commit = self.example("git-commit-2")
        url = f"{self._repo_url}/git/commits"
        return 200, commit | {
            "sha": match["sha"],
            "parents": [{"sha": sha, "url": f"{url}/{sha}", "html_url": f"{url}/{sha}"} for sha in parents],
        }

    def _commit(self, match: re.Match[str], _: dict[str, str], __: Any) -> Answer:
        commit = self.example("commit")
        return 200, commit | {"sha": match["sha"], "url": f"{self._repo_url}/commits/{match['sha']}"}

    @property
    def _repo_url(self) -> str:
        return f"{self.public_url}/repos/{OWNER}/{REPO}"

    def _new_id(self) -> int:
        self._next_id += 1
        return self._next_id


_REPO = rf"/repos/{OWNER}/{REPO}"
_ROUTES: list[tuple[str, dict[str, Callable[..., Answer]]]] = [
    (r"/user", {"GET": FakeGitHub._get_user}),
    (r"/graphql", {"POST": FakeGitHub._graphql}),
    (rf"{_REPO}/pulls", {"GET": FakeGitHub._list_pulls}),
    (rf"{_REPO}/pulls/(?P<number>\d+)", {"GET": FakeGitHub._get_pull}),
    (rf"{_REPO}/pulls/\d+/files", {"GET": FakeGitHub._list_files}),
    (
        rf"{_REPO}/pulls/\d+/comments",
        {"GET": FakeGitHub._list_review_comments, "POST": FakeGitHub._create_review_comment},
    ),
    (rf"{_REPO}/pulls/comments/(?P<id>\d+)", {"DELETE": FakeGitHub._delete_review_comment}),
    (
        rf"{_REPO}/issues/(?P<number>\d+)/comments",
        {"GET": FakeGitHub._list_comments, "POST": FakeGitHub._create_comment},
    ),
    (rf"{_REPO}/issues/\d+/events", {"GET": FakeGitHub._list_events}),
    (
        rf"{_REPO}/issues/comments/(?P<id>\d+)",
        {"GET": FakeGitHub._one_comment, "PATCH": FakeGitHub._edit_comment, "DELETE": FakeGitHub._delete_comment},
    ),
    (rf"{_REPO}/check-runs", {"POST": FakeGitHub._create_check}),
    (rf"{_REPO}/check-runs/(?P<id>\d+)", {"PATCH": FakeGitHub._edit_check}),
    (rf"{_REPO}/actions/runs/(?P<id>\d+)", {"GET": FakeGitHub._get_run}),
    (rf"{_REPO}/actions/runs/\d+/artifacts", {"GET": FakeGitHub._list_artifacts}),
    (rf"{_REPO}/commits/(?P<sha>[0-9a-f]+)/pulls", {"GET": FakeGitHub._commit_pulls}),
    (rf"{_REPO}/commits/(?P<sha>[0-9a-f]+)", {"GET": FakeGitHub._commit}),
    (rf"{_REPO}/git/commits/(?P<sha>[0-9a-f]+)", {"GET": FakeGitHub._git_commit}),
]
_PAGED = {"comments", "events", "files", "pulls", "artifacts"}
_STATE = ("login", "user_allowed", "viewer_allowed", "comments", "review_comments", "checks", "requests")


def serve(github: FakeGitHub, *, host: str = "127.0.0.1", port: int = 0) -> ThreadingHTTPServer:
    """Serve `github` on a thread of its own; the caller shuts the server down."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer in one piece: in two, each waits 40 ms for an acknowledgement
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._handle("GET")

        def do_POST(self) -> None:
            self._handle("POST")

        def do_PATCH(self) -> None:
            self._handle("PATCH")

        def do_DELETE(self) -> None:
            self._handle("DELETE")

        def log_message(self, *_: Any) -> None:
            pass

        def _handle(self, method: str) -> None:
            url = urlsplit(self.path)
            # Enterprise Server has the same API under /api/v3, and GraphQL beside it.
            url = url._replace(path=url.path.removeprefix("/api/v3").replace("/api/graphql", "/graphql"))
            length = int(self.headers.get("Content-Length") or 0)
            data = self.rfile.read(length) if length else b""
            body = json.loads(data) if data else None
            query = {key: values[-1] for key, values in parse_qs(url.query).items()}
            github.authorizations.append((url.path, self.headers.get("Authorization")))
            if url.path == "/_state":
                self._state(method, body)
                return
            if url.path.startswith("/_storage/"):
                self._send(200, github.archives[int(url.path.rpartition("/")[2])], {})
                return
            with github.lock:
                github.requests.append((method, self.path))
                for hook in list(github.before):
                    if hook[0] == method and re.search(hook[1], url.path):
                        github.before.remove(hook)
                        hook[2]()
                fault = next(
                    (
                        item
                        for item in github.faults
                        if item.times > 0 and item.method == method and re.search(item.path, url.path)
                    ),
                    None,
                )
                if fault is not None:
                    fault.times -= 1
                artifact = re.fullmatch(rf"{_REPO}/actions/artifacts/(\d+)/zip", url.path)
                if artifact and fault is None:
                    self._send(302, b"", {"Location": f"http://{self.headers['Host']}/_storage/{artifact[1]}"})
                    return
                status, answer = (0, None)
                if fault is None or fault.after:
                    status, answer = github.answer(method, url.path, query, body)
                    answer = copy.deepcopy(answer)
            if fault is not None:
                self._fail(fault)
                return
            self._send_json(status, *_page(github, url.path, query, answer))

        def _state(self, method: str, body: Any) -> None:
            with github.lock:
                if method == "POST":
                    github.reset()
                    github.public_url = body["public_url"]
                    github.permissions = set(body.get("permissions", github.permissions))
                    for pull in body.get("pulls", []):
                        github.add_pull(**pull)
                self._send_json(200, {name: getattr(github, name) for name in _STATE}, {})

        def _fail(self, fault: Fault) -> None:
            if fault.status == -1:
                time.sleep(github.hang_seconds)
            if fault.status <= 0:
                # An RST rather than an orderly end: what a client sees when a middlebox drops the connection.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
                return
            self._send_json(fault.status, _error(fault.message), fault.headers)

        def _send_json(self, status: int, answer: Any, headers: dict[str, str]) -> None:
            data = b"" if answer is None else json.dumps(answer).encode()
            self._send(status, data, {"Content-Type": "application/json; charset=utf-8", **headers})

        def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if status != 204:
                self.wfile.write(data)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass  # a client that gave up waiting

    server = Server((host, port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _page(github: FakeGitHub, path: str, query: dict[str, str], answer: Any) -> tuple[Any, dict[str, str]]:
    """The page that was asked for, with a `Link` header as long as there is a next one."""
    items = answer["artifacts"] if isinstance(answer, dict) and "artifacts" in answer else answer
    if not isinstance(items, list) or path.rpartition("/")[2] not in _PAGED:
        return answer, {}
    size, number = int(query.get("per_page", 30)), int(query.get("page", 1))
    page = items[(number - 1) * size : number * size]
    headers = {}
    if number * size < len(items):
        rest = "".join(f"&{key}={value}" for key, value in query.items() if key != "page")
        headers["Link"] = f'<{github.public_url}{path}?page={number + 1}{rest}>; rel="next"'
    return ({**answer, "artifacts": page} if items is not answer else page), headers


def _error(message: str) -> dict[str, str]:
    return {"message": message, "documentation_url": "https://docs.github.com/rest"}


def _by_id(items: list[dict[str, Any]], identity: str) -> dict[str, Any] | None:
    return next((item for item in items if item["id"] == int(identity)), None)


if __name__ == "__main__":
    fake = FakeGitHub(json.loads(Path(sys.argv[1]).read_text()))
    running = serve(fake, host="0.0.0.0", port=int(sys.argv[2]))
    fake.public_url = f"http://127.0.0.1:{running.server_address[1]}"
    print(running.server_address[1], flush=True)
    threading.Event().wait()
