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


def test_mask_without_secrets_keeps_text():
    assert SecretMask(["", "abc"]).text("abc") == "abc"
