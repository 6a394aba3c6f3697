"""A fake GitHub whose every request and answer is checked against GitHub's own description of its API."""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests
from github import Github
from github.Repository import Repository

from weighbridge.github.client import CallPolicy, Calls, connect_to_github

HERE = Path(__file__).resolve().parent
START_SECONDS = 180
TOKEN = "ghs_notARealTokenButShapedLikeOne"


@dataclass
class GitHubUnderTest:
    """The state behind the API, and the client side as an entry point would construct it."""

    fake: Any
    url: str
    client: Github
    repository: Repository
    calls: Calls
    sleeps: list[float]

    def with_policy(self, **policy: Any) -> GitHubUnderTest:
        """The same with another policy; waits are noted in `sleeps` and not slept."""
        return _client_side(self.fake, self.url, CallPolicy(**policy))

    def at(self, url: str) -> GitHubUnderTest:
        """The same state as seen by another client, at the address `url`."""
        self.fake.public_url = url
        for pull in self.fake.pulls.values():
            for key in ("url", "issue_url"):
                pull[key] = f"{url}/repos/{pull[key].partition('/repos/')[2]}"
        return _client_side(self.fake, url, CallPolicy())


@pytest.fixture(scope="session")
def contract_folder() -> Path:
    """Where the npm packages and the reduced description are; installs them when they are not there."""
    command = [sys.executable, str(HERE.parents[1] / "scripts/github_contract.py")]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Path(done.stdout.strip())


@pytest.fixture(scope="session")
def webhook_examples(contract_folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The payloads that GitHub's own webhook documentation is made from, by event."""
    path = contract_folder / "node_modules/@octokit/webhooks-examples/api.github.com/index.json"
    return {event["name"]: event["examples"] for event in json.loads(path.read_bytes())}


@pytest.fixture(scope="session")
def fake_api() -> ModuleType:
    """The module fake_api.py next to this file."""
    spec = importlib.util.spec_from_file_location("weighbridge_fake_api", HERE / "fake_api.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def fake_server(fake_api: ModuleType, contract_folder: Path) -> Iterator[tuple[Any, str]]:
    """The fake, served on a free port, and its own address."""
    fake = fake_api.FakeGitHub(json.loads((contract_folder / "examples.json").read_bytes()))
    server = fake_api.serve(fake)
    yield fake, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def validating_proxy(
    fake_server: tuple[Any, str], contract_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """A proxy before the fake that logs each violation of the description; its address and its log."""
    log = tmp_path_factory.mktemp("prism") / "log"
    port = _free_port()
    with log.open("wb") as output:
        command = [
            "node",
            str(contract_folder / "node_modules/@stoplight/prism-cli/dist/index.js"),
            "proxy",
            str(contract_folder / "description.json"),
            fake_server[1],
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + START_SECONDS
        while b"Prism is listening" not in log.read_bytes():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"the proxy did not start: {log.read_text()}"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", log
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture
def github(fake_server: tuple[Any, str], validating_proxy: tuple[str, Path]) -> Iterator[GitHubUnderTest]:
    """GitHub behind the validating proxy: the test fails if any request or answer breaks the contract."""
    url, log = validating_proxy
    start = log.stat().st_size
    yield from _under_test(fake_server[0], url)
    # One more request: when the proxy has logged it, it has logged whatever it has to say about those before.
    marker = f"end={time.monotonic_ns()}"
    requests.get(f"{url}/user?{marker}", timeout=120)
    deadline = time.monotonic() + 120
    while "Received forward response" not in (said := log.read_bytes()[start:].decode()).rpartition(marker)[2]:
        assert time.monotonic() < deadline, said
        time.sleep(0.02)
    violations = [line for line in said.splitlines() if "iolation" in line or "route not found" in line]
    assert not violations, "\n".join(violations)


@pytest.fixture
def faulty_github(fake_server: tuple[Any, str]) -> Iterator[GitHubUnderTest]:
    """GitHub without the proxy, for answers that are faults and so break the contract on purpose."""
    yield from _under_test(fake_server[0], fake_server[1])


def _under_test(fake: Any, url: str) -> Iterator[GitHubUnderTest]:
    fake.public_url = url
    fake.reset()
    fake.add_pull()
    github = _client_side(fake, url, CallPolicy())
    yield github
    github.client.close()


def _client_side(fake: Any, url: str, policy: CallPolicy) -> GitHubUnderTest:
    client = connect_to_github(TOKEN, api_url=url, policy=policy, seconds_between_writes=None)
    sleeps: list[float] = []
    return GitHubUnderTest(
        fake=fake,
        url=url,
        client=client,
        repository=client.get_repo("octo-org/octo-repo"),
        calls=Calls(policy, sleep=sleeps.append),
        sleeps=sleeps,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
