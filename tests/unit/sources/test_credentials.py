"""Credential helpers: their answer, and those that hang, chatter or fail."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from weighbridge.errors import RegistryError
from weighbridge.sources import credentials
from weighbridge.sources.credentials import docker_credentials


@pytest.fixture
def helper(tmp_path: Path, monkeypatch):
    """Writes a helper, and asks it for the credentials of a registry."""

    def ask(script: str):
        program = tmp_path / "docker-credential-test"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        (tmp_path / "config.json").write_text(json.dumps({"credsStore": "test"}))
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return docker_credentials("r.example.org", config_folder=tmp_path)

    return ask


def test_helper_is_given_host_and_answers_with_user_and_secret(helper):
    found = helper('read host; echo "{\\"Username\\": \\"$host\\", \\"Secret\\": \\"s\\"}"')
    assert (found.user, found.password) == ("r.example.org", "s")


def test_helper_not_reading_its_input_is_used(helper):
    assert helper('exec <&-; echo "{\\"Username\\": \\"u\\", \\"Secret\\": \\"s\\"}"').user == "u"


def test_helper_without_credentials_is_no_error(helper):
    assert helper("echo credentials not found in native keychain; exit 1") is None


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo; exit 3", "failed for .* with exit status 3"),
        ("echo nonsense", "gave an invalid answer"),
        ("yes 0123456789", "answered more than 65536 bytes"),
        ("sleep 60", "did not answer within 0.3 s"),
        ("sleep 60 & wait", "did not answer within 0.3 s"),
    ],
)
def test_helper_failing_chatting_or_hanging_is_error_in_time(helper, monkeypatch, script, message):
    monkeypatch.setattr(credentials, "HELPER_TIMEOUT_SECONDS", 0.3 if "sleep" in script else 20)
    with pytest.raises(RegistryError, match=message):
        helper(script)
