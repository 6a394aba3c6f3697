"""Secret values are taken out of text in every form in which a program prints them."""

from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote

import pytest

from weighbridge.domain.secret_values import ANY_SECRET, HIDDEN, SecretMask, is_secret

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
        SECRET.encode().hex(":"),
        base64.b32encode(SECRET.encode()).decode(),
        quote(SECRET, safe="").lower(),
        quote(quote(SECRET, safe=""), safe=""),
        json.dumps(SECRET).replace("/", "\\/").replace("+", "\\u002b"),
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
        (f"gldt-{'aB3' * 7} AIza{'aB3' * 11}ab hvs.{'aB3' * 9}", "*** *** ***"),
        (f"pypi-{'aB3' * 14} rubygems_{'ab3' * 16} SG.{'aB3' * 7}.{'aB3' * 14}", "*** *** ***"),
        ("https://hooks.slack.com/services/T00000000/B00000000/abcdefgh", "https://hooks.slack.com/services/***"),
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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("RUN export DB_PASSWORD=hunter2 && make", "RUN export DB_PASSWORD=*** && make"),
        ("""ENV PGPASSWORD="a b" API_KEY='c d' X=1""", """ENV PGPASSWORD="***" API_KEY='***' X=1"""),
        ("LABEL db.password=x", "LABEL db.password=***"),
        ("https://host/x?token=abc&y=1", "https://host/x?token=***&y=1"),
        ("app --token abc --verbose", "app --token *** --verbose"),
        ('CMD ["app", "--token", "a b"]', 'CMD ["app", "--token", "***"]'),
        ('CMD ["app" "--db-password" "abc"]', 'CMD ["app" "--db-password" "***"]'),
        ("curl -fsSLu me:hunter2 host", "curl -fsSLu me:*** host"),
        ("curl --user 'me:a b' host", "curl --user 'me:***' host"),
        ('["curl", "-u", "me:pw", "host"]', '["curl", "-u", "me:***", "host"]'),
        ("curl -H 'Authorization: Bearer abc' host", "curl -H 'Authorization: Bearer ***' host"),
        ('curl -H "PRIVATE-TOKEN: abc" host', 'curl -H "PRIVATE-TOKEN: ***" host'),
        ("curl -u me:$PASSWORD -H 'Authorization: Bearer $TOKEN' host", None),
        ("docker run -u 1000:1000 curl -u app:app", None),
        ("apt-get install passwd=1:4.13+dfsg1-1 && pip install tokenizers==0.15", None),
        ("TOKENIZERS_PARALLELISM=false DB_PASSWORD_FILE=/run/secrets/db TOKEN=$(cat x) TOKEN=`x`", None),
        ("--mount=type=secret,id=npm_token,env=NPM_TOKEN --secret id=x,src=y", None),
        ("the option --token requires an argument", None),
        (
            "docker login -u me -p abc reg && docker run -p 80:80 x",
            "docker login -u me -p *** reg && docker run -p 80:80 x",
        ),
        (
            "helm registry login -pabc reg; skopeo login -p=abc r",
            "helm registry login -p*** reg; skopeo login -p=*** r",
        ),
        ('["docker", "login", "-p", "a b", "reg"]', '["docker", "login", "-p", "***", "reg"]'),
        ("sshpass -p abc ssh h; sshpass -pabc ssh h", "sshpass -p *** ssh h; sshpass -p*** ssh h"),
        ("sshpass -p '$PASSWORD' ssh h && sshpass -f file ssh -p 22 h", None),
        ('["sshpass", "-p", "a b", "ssh"]', '["sshpass", "-p", "***", "ssh"]'),
        ("mysql -u root -pabc db; mysqldump -p'a b' db", "mysql -u root -p*** db; mysqldump -p'***' db"),
        ("mysql -u root -p db --port=1 -P 3306; apt-get install mysql-client; mkdir -p mysql/x", None),
        (
            "unzip -P abc x.zip; 7z x -pabc y.7z; redis-cli -a abc",
            "unzip -P *** x.zip; 7z x -p*** y.7z; redis-cli -a ***",
        ),
        ("ldapsearch -x -w abc; smbclient //h/s -U me%abc", "ldapsearch -x -w ***; smbclient //h/s -U me%***"),
        ("http -a me:abc GET h; openssl rsa -passin pass:abc", "http -a me:*** GET h; openssl rsa -passin pass:***"),
        ("""echo "root:abc" | chpasswd""", """echo "root:***" | chpasswd"""),
        ("chpasswd <<< 'me:abc'", "chpasswd <<< 'me:***'"),
        ("echo abc | docker login --password-stdin", "echo *** | docker login --password-stdin"),
        ("echo done: x | tee log; echo abc | docker load", None),
        (
            "useradd -m -p abc app; twine upload -u me -p abc d/*",
            "useradd -m -p *** app; twine upload -u me -p *** d/*",
        ),
        ("npm config set //r/:_authToken abc", "npm config set //r/:_authToken ***"),
        ("aws configure set aws_secret_access_key abc", "aws configure set aws_secret_access_key ***"),
        ("git config --global user.name me && npm config set registry https://r", None),
        ("ENV DB_PASSWORD a b\nLABEL x.token abc", "ENV DB_PASSWORD ***\nLABEL x.token ***"),
        ("ENV DB_PASSWORD is not set; ENV PATH /bin:/usr/bin", None),
        ("mvn -Ddb.password=abc -Dskip=true", "mvn -Ddb.password=*** -Dskip=true"),
        ("java --spring.datasource.password=abc -keypass abc", "java --spring.datasource.password=*** -keypass ***"),
        ("""{"db_password": "abc", "name": "x"}""", """{"db_password": "***", "name": "x"}"""),
        (r"""{\"token\":\"abc\"}""", r"""{\"token\":\"***\"}"""),
        ("""{"token": null, "tokens": 5, "password": "$P"}""", None),
        ("Authorization: abc", "Authorization: ***"),
        ('{"Authorization": "Basic abc"}', '{"Authorization": "Basic ***"}'),
        ("Cookie: session=abc", "Cookie: ***"),
        ("machine h login me password abc", "machine h login me password ***"),
        ("SECRET_KEY_BASE_DUMMY=1 ./bin/rails assets:precompile", None),
    ],
)
def test_secret_in_command_is_masked_and_its_name_stays(text, shown):
    assert ANY_SECRET.text(text) == (text if shown is None else shown)


SECRET_NAMES = (
    *("MY_SECRET", "token", "Passwd", "PASSWORD", "PASSPHRASE", "CREDENTIALS", "APP_PWD", "PASS", "x.auth", "OAUTH"),
    *("MYSQLPASS", "API_KEY", "private-key", "AccessKey", "account.key", "SSH_KEY", "SIGNING_KEY", "LICENCE_KEY"),
)
"""At least one name for each alternative of `secret_patterns.SECRET_NAME`."""


@pytest.mark.parametrize("name", SECRET_NAMES)
@pytest.mark.parametrize("text", ["{}=hunter2", "ENV {} hunter2", '"{}": "hunter2"', "npm config set {} hunter2"])
def test_value_of_each_secret_name_is_masked(text, name):
    assert ANY_SECRET.text(text.format(name)) == text.format(name).replace("hunter2", HIDDEN)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("app", "--token", "a b"), ("app", "--token", "***")),
        (("sh", "-c", "TOKEN=abc app"), ("sh", "-c", "TOKEN=*** app")),
        (("curl", "-u", "me:pw"), ("curl", "-u", "me:***")),
        (('a" "b', "--token=abc"), ('a" "b', "--token=***")),
        ((), ()),
        (("",), ("",)),
    ],
)
def test_secret_in_words_of_command_is_masked(words, shown):
    assert ANY_SECRET.words(words) == shown


def test_patch_keeps_secrets_of_the_repository_and_masks_new_ones():
    patch = (
        "@@ -1,2 +1,3 @@\n ENV TOKEN=abcdef\n"
        "-RUN curl -u me:hunter2 x\n+RUN curl -u me:hunter2 x && rm x\n+ENV KEY=givenvalue\n"
    )
    assert SecretMask(["givenvalue"]).patch(patch) == patch.replace("givenvalue", "***")


@pytest.mark.parametrize(
    "part",
    [
        "docker login ",
        "docker ",
        "mysql ",
        "sshpass ",
        "config set ",
        "echo a:",
        '"a": ',
        "http -a ",
        "ENV A ",
        "curl ",
        "--token ",
        "-u a:",
        "TOKEN=",
        '"--token" ',
        "X-",
        'TOKEN="',
        "--",
        "PASSWORD=1.",
        " -u",
        "a_",
    ],
)
def test_time_for_hostile_text_is_short(part):
    started = time.process_time()
    ANY_SECRET.text(f"curl {part * (200_000 // len(part))}: =")
    assert time.process_time() - started < 1


def test_mask_without_secrets_keeps_text():
    assert SecretMask(["", "abc"]).text("abc") == "abc"
