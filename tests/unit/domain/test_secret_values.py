"""Secret values are taken out of text in every form in which a program prints them."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from weighbridge.domain.secret_values import HIDDEN, SecretMask, is_secret

SECRET = 'p4ss"w/ord+ü~1'


@pytest.mark.parametrize(
    "printed",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps({"a": SECRET}, ensure_ascii=False),
        quote(SECRET, safe=""),
        base64.b64encode(SECRET.encode()).decode(),
        base64.b64encode(b"user:" + SECRET.encode()).decode(),
        base64.b64encode(b"x" + SECRET.encode() + b"\n").decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        SECRET.encode().hex(),
    ],
)
def test_secret_is_masked_in_every_form(printed):
    masked = SecretMask([SECRET]).text(f"before {printed} after")
    assert HIDDEN in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert SECRET not in masked


def test_secret_across_border_of_two_pieces_is_found_in_both():
    mask = SecretMask(["topsecretvalue"])
    assert mask.across("log: topsec", "retvalue end") == (6, 8)
    assert mask.across("log: topsecretvalue", "retvalue end") == (0, 0)
    assert SecretMask([]).across("topsec", "retvalue") == (0, 0)


def test_each_line_of_secret_is_masked():
    assert SecretMask(["line-one\nline-two\n"]).text("a line-two b") == "a *** b"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("NPM_TOKEN", "x", True),
        ("DB_PASSWORD", "x", True),
        ("my_api_key", "x", True),
        ("DB_PWD", "x", True),
        ("PWD", "/work", False),
        ("VERSION", "1.2", False),
        ("AUTHOR", "me", False),
        ("X", "ghp_" + "a" * 36, True),
        ("PROXY", "http://me:secret@proxy:3128", True),
        ("URL", "http://proxy:3128/a", False),
    ],
)
def test_value_is_secret_by_name_or_shape(name, value, expected):
    assert is_secret(name, value) is expected


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("opt/glpat-FileNameToken1234567.txt", "opt/***.txt"),
        ("curl https://me:hunter2@host/x", "curl https://***@host/x"),
        ("postgres://:hunter2@db", "postgres://***@db"),
        (f"--token=ghp_{'a1' * 18} x", "--token=*** x"),
        ("key AKIAABCDEFGHIJKLMNOP.", "key ***."),
        (f"npm_{'aB3' * 12};", "***;"),
        (f"sk-proj-{'aB3' * 12};", "***;"),
        (
            "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE+/=\nx\n-----END RSA PRIVATE KEY-----\nb",
            "a\n***\nb",
        ),
        ("lib/disk-encryption-management-v2/npm_scripts_of_the_build_folder", None),
        ("task-queue-worker-number-12-of-many sk-encryption-management-tool", None),
        ("CMD /bin/x --db-password=hunter2 --API-KEY=abcdef", "CMD /bin/x --db-password=*** --API-KEY=***"),
        ("x --token=$TOKEN --token-file=/run/token --mount=type=secret,id=token --secret=<name>", None),
        ("git clone https://me:${TOKEN}@host/x https://$USER:$PASSWORD@host", None),
        ("https://host:8080/a@b docker://a/b:c@sha256:0123 FILE_OF_AKIA", None),
    ],
)
def test_value_with_the_shape_of_a_secret_is_masked_in_any_text(text, shown):
    assert SecretMask([]).text(text) == (text if shown is None else shown)


def test_mask_without_secrets_keeps_text():
    assert SecretMask(["", "abc"]).text("abc") == "abc"
