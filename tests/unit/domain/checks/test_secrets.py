"""Files that look like secrets, and their neighbours that do not."""

from __future__ import annotations

import pytest
from linear_time import assert_linear

from weighbridge.domain.checks.finding import Severity

KEY = b"-----BEGIN RSA PRIVATE KEY-----\nMIIEow...\n-----END RSA PRIVATE KEY-----\n"
OPENSSH = b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl...\n"


@pytest.fixture
def secrets(weighed):
    def find(path, content):
        image, _ = weighed("FROM debian\nCOPY . /app\n", {"etc/x": b"1"}, {path: content})
        return [finding for finding in image.findings if finding.code == "secret-in-image"]

    return find


def test_many_secrets_give_first_findings(weighed):
    keys = {f"app/{number:02}.pem": KEY for number in range(25)}
    image, _ = weighed("FROM debian\nCOPY . /app\n", {"etc/x": b"1"}, keys)
    assert len([one for one in image.findings if one.code == "secret-in-image"]) == 20


@pytest.mark.parametrize(
    ("path", "content", "evidence"),
    [
        ("app/.env", b"A=1\nexport API_TOKEN='4f1f0c9e2b7d'\nDB_PASSWORD=hunter22\n", "sets API_TOKEN, DB_PASSWORD"),
        ("app/.env.production", b"STRIPE_SECRET_KEY=sk_live_4242\n", "sets STRIPE_SECRET_KEY"),
        ("root/.ssh/id_ed25519", OPENSSH, "holds a private key"),
        ("app/certs/server.key", KEY, "holds a private key"),
        ("etc/ssl/all.pem", b"-----BEGIN CERTIFICATE-----\nx\n" + KEY, "holds a private key"),
        ("app/.npmrc", b"//registry.example/:_authToken=npm_0123456789\n", "holds a token for a registry"),
        (
            "root/.pypirc",
            b"[pypi]\nusername = __token__\npassword = pypi-AgEIcHlwaS5\n",
            "holds a password for a package",
        ),
        ("root/.netrc", b"machine example.invalid login me password hunter22\n", "holds a password"),
        ("root/.aws/credentials", b"[default]\naws_secret_access_key = wJalrXUtnFEMIK7MDENG\n", "holds an access key"),
        ("root/.docker/config.json", b'{"auths": {"x": {"auth": "bWU6aHVudGVyMg=="}}}', "holds a login for a registry"),
        ("app/.git/config", b"[remote]\n\turl = https://me:hunter22@example.invalid/x\n", "holds a password for git"),
    ],
)
def test_secret_gives_warning_without_its_value(secrets, path, content, evidence):
    (finding,) = secrets(path, content)
    assert (finding.severity, finding.subject, finding.path, finding.line) == (
        Severity.WARNING,
        "file",
        f"/{path}",
        2,
    )
    assert finding.evidence[0].startswith(f"/{path} {evidence}")
    assert not any(
        value in str(finding) for value in ("hunter22", "4f1f0c9e2b7d", "sk_live", "npm_0123", "wJalr", "bWU6")
    )


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (
            "app/.env",
            b"LOG_LEVEL=info\nAPI_TOKEN=\nSECRET=${SECRET}\nPASSWORD=changeme\nAPI_KEY=<your key>\nTOKEN=xxxxxxxx\n",
        ),
        ("app/.env.example", b"API_TOKEN=4f1f0c9e2b7d\n"),
        ("app/.npmrc", b"//registry.example/:_authToken=${NPM_TOKEN}\nregistry=https://registry.example/\n"),
        ("app/ca.pem", b"-----BEGIN CERTIFICATE-----\nx\n"),
        ("app/id_rsa.pub", b"ssh-rsa AAAA"),
        ("app/node_modules/agent/test/server.key", KEY),
        ("usr/lib/python3/test/keycert.pem", KEY),
        ("app/i18n.key", b"greeting=hello"),
        ("app/.kube/config", b"contexts: []\n"),
    ],
)
def test_placeholder_public_and_package_keys_are_no_secrets(secrets, path, content):
    assert secrets(path, content) == []


def test_files_of_base_image_give_no_finding(weighed):
    image, _ = weighed("FROM debian\nCOPY . /app\n", {"root/.ssh/id_rsa": KEY}, {"app/x": b"1"})
    assert [finding.code for finding in image.findings if finding.code == "secret-in-image"] == []


@pytest.mark.parametrize("repeated", [b"a", b"\n", b"TOKEN", b"x=", b":"])
@pytest.mark.parametrize("path", ["a/.env", "a/.npmrc", "a/.netrc", "a/.pgpass", "a/.aws/credentials", "a/x.pem"])
def test_hostile_content_is_searched_in_linear_time(secrets, path, repeated):
    assert_linear(lambda size: secrets(path, repeated * (size // len(repeated))), largest=128 * 1024)
