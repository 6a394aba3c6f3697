"""Install what the contract tests run against, once for all clones, and print the folder it is in.

It installs the npm packages of tests/github/package-lock.json, keeps of GitHub's own OpenAPI description only the
operations that Weighbridge calls (the whole has 13 MB and would take the validating proxy most of a minute to load),
and drops the rest. The folder is named after the lock file and the operations: a change of either makes a new one.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from devkit.command import DevkitError, run
from devkit.home import dev_home, only_one

PACKAGES = Path(__file__).resolve().parents[1] / "tests/github"

OPERATIONS = {
    "/user": ("get",),
    "/repos/{owner}/{repo}/pulls": ("get",),
    "/repos/{owner}/{repo}/pulls/{pull_number}": ("get",),
    "/repos/{owner}/{repo}/pulls/{pull_number}/files": ("get",),
    "/repos/{owner}/{repo}/pulls/{pull_number}/comments": ("get", "post"),
    "/repos/{owner}/{repo}/pulls/comments/{comment_id}": ("get", "delete"),
    "/repos/{owner}/{repo}/issues/{issue_number}/comments": ("get", "post"),
    "/repos/{owner}/{repo}/issues/{issue_number}/events": ("get",),
    "/repos/{owner}/{repo}/issues/comments/{comment_id}": ("get", "patch", "delete"),
    "/repos/{owner}/{repo}/check-runs": ("post",),
    "/repos/{owner}/{repo}/check-runs/{check_run_id}": ("patch",),
    "/repos/{owner}/{repo}/actions/runs/{run_id}": ("get",),
    "/repos/{owner}/{repo}/actions/runs/{run_id}/artifacts": ("get",),
    "/repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}": ("get",),
    "/repos/{owner}/{repo}/commits/{ref}": ("get",),
    "/repos/{owner}/{repo}/commits/{commit_sha}/pulls": ("get",),
    "/repos/{owner}/{repo}/git/commits/{commit_sha}": ("get",),
}

GRAPHQL = {
    # GraphQL is no part of the REST description; this is only so that the proxy lets it through.
    "post": {
        "operationId": "graphql",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["query"],
                        "properties": {"query": {"type": "string"}, "variables": {"type": "object"}},
                    }
                }
            },
        },
        "responses": {"200": {"description": "data or errors", "content": {"application/json": {"schema": {}}}}},
    }
}


def prepare() -> Path:
    """The folder with node_modules, description.json and examples.json, made now if it is not there.

    Raises `DevkitError` if npm is not installed or fails.
    """
    lock = (PACKAGES / "package-lock.json").read_bytes() + json.dumps([OPERATIONS, GRAPHQL]).encode()
    cache = dev_home() / "github-contract"
    folder = cache / hashlib.sha256(lock).hexdigest()[:16]
    with only_one("github-contract"):
        if not folder.is_dir():
            cache.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cache) as unfinished:
                _install(Path(unfinished) / "made").rename(folder)
    return folder


def _install(folder: Path) -> Path:
    folder.mkdir()
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(PACKAGES / name, folder)
    run(["npm", "ci", "--no-progress", "--prefix", folder], cwd=folder)
    generated = folder / "node_modules/@octokit/openapi/generated"
    whole = json.loads((generated / "api.github.com.json").read_bytes())
    shutil.rmtree(generated)  # 400 MB, and only the next two files are needed
    (folder / "examples.json").write_text(json.dumps(whole["components"]["examples"]))
    (folder / "description.json").write_text(json.dumps(reduced(whole)))
    return folder


def reduced(whole: dict[str, Any]) -> dict[str, Any]:
    """The description with `OPERATIONS` only, and with those components that they refer to."""
    paths = {
        path: {key: value for key, value in whole["paths"][path].items() if key in {*methods, "parameters"}}
        for path, methods in OPERATIONS.items()
    }
    components: dict[str, dict[str, Any]] = {}
    pending: list[Any] = list(paths.values())
    while pending:
        value = pending.pop()
        if isinstance(value, list):
            pending += value
        elif isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str):
                _, _, kind, name = reference.split("/")
                if name not in components.setdefault(kind, {}):
                    components[kind][name] = whole["components"][kind][name]
                    pending.append(components[kind][name])
            pending += value.values()
    kept = {key: whole[key] for key in ("openapi", "info", "servers")}
    return {**kept, "paths": {**paths, "/graphql": GRAPHQL}, "components": components}


if __name__ == "__main__":
    try:
        print(prepare())
    except DevkitError as error:
        sys.exit(f"error: {error}")
