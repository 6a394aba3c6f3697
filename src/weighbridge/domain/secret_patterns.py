"""The names and shapes of secrets. This list is the only one; docs/gate.md ("Secrets") documents it.

A row of `SHAPES` or `COMMANDS` names texts that each match contains. To look for these is much faster than to match the
pattern, and most texts have none. A pattern is compiled on first use. All repetitions have bounds: build output and
Dockerfiles are hostile.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from weighbridge.domain.late_pattern import late_pattern

SECRET_NAME = late_pattern(
    r"SECRET|TOKEN(?!IZ)|PASSW(?:OR)?D|PASSPHRASE|CREDENTIAL|(?:_PWD|(?:^|[_.:-])(?:PASS|AUTH|OAUTH))(?:$|[_.-])"
    r"|(?:DB|MYSQL|PG|USER|STORE|KEY)PASS$"
    r"|(?:API|PRIVATE|ACCESS|ACCOUNT|SSH|SIGNING|ENCRYPTION|MASTER|DEPLOY|LICEN[CS]E)[_.-]?KEY",
    re.IGNORECASE | re.ASCII,
)
"""Names of build arguments, environment variables, settings and keys of JSON whose values are secret."""
_NAME_WORDS = ("secret", "token", "pass", "credential", "_pwd", "auth", "key")
"""Each match of `SECRET_NAME` contains one of these, in upper or lower case."""


class SecretPattern(NamedTuple):
    """One row of the list.

    Each match contains one of the texts `parts`, and one of `words`, if there are any, in upper or lower case. If the
    pattern has a group ``kept``, that part stays, and the rest of the match is the secret. If it has a group ``name``,
    it counts only if `SECRET_NAME` finds the name secret.
    """

    pattern: re.Pattern[str]
    parts: tuple[str, ...]
    words: tuple[str, ...] = ()

    def may_match(self, text: str, lower: str) -> bool:
        """False if `text` has no match, as far as `parts` and `words` show; `lower` is `text` in lower case."""
        has_part = any(part in text for part in self.parts)
        return has_part and (not self.words or any(word in lower for word in self.words))


def _shape(pattern: str, *parts: str) -> SecretPattern:
    return SecretPattern(pattern=late_pattern(pattern), parts=parts)


_ALONE = r"(?<![A-Za-z0-9])"
"""The beginning of a word: ``disk-…`` has no token in it."""

SHAPES = (
    _shape(_ALONE + r"gh[pousr]_[A-Za-z0-9]{20,}", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    _shape(_ALONE + r"github_pat_[A-Za-z0-9_]{20,}", "github_pat_"),
    _shape(_ALONE + r"gl(?:pat|dt|rt|cbt|ptt|soat|ft|agent|oas)-[A-Za-z0-9_-]{16,}", "gl"),
    _shape(_ALONE + r"xox[abeprs]-[A-Za-z0-9-]{10,}", "xox"),
    _shape(r"(?<=hooks\.slack\.com/services/)[A-Za-z0-9/]{20,}", "hooks.slack.com"),
    _shape(_ALONE + r"(?:AKIA|ASIA)[A-Z0-9]{16}", "AKIA", "ASIA"),
    _shape(_ALONE + r"AIza[A-Za-z0-9_-]{35}", "AIza"),
    _shape(
        _ALONE + r"(?:(?:npm|hf)_[A-Za-z0-9]{20,}|(?:dckr_[op]at|dop_v1|glsa|shpat|lin_api|sntrys)[_-][\w-]{20,})",
        *("npm_", "hf_", "dckr_", "dop_v1", "glsa_", "shpat_", "lin_api", "sntrys"),
    ),
    _shape(_ALONE + r"pypi-[A-Za-z0-9_-]{40,}", "pypi-"),
    _shape(_ALONE + r"rubygems_[0-9a-f]{40,}", "rubygems_"),
    _shape(_ALONE + r"SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}", "SG."),
    _shape(_ALONE + r"hv[sbr]\.[A-Za-z0-9_-]{20,}", "hvs.", "hvb.", "hvr."),
    _shape(r"AGE-SECRET-KEY-1[0-9A-Z]{50,60}", "AGE-SECRET-KEY-1"),
    _shape(_ALONE + r"[sr]k[_-](?=[A-Za-z_-]{0,100}[0-9])[A-Za-z0-9_-]{20,}", "sk-", "sk_", "rk_"),
    _shape(
        _ALONE + r"eyJ[A-Za-z0-9_-]{10,2048}\.[A-Za-z0-9_-]{10,2048}\.[A-Za-z0-9_-]{5,2048}",
        "eyJ",
    ),
    _shape(
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[^-]{0,16384}-----END [A-Z ]{0,40}PRIVATE KEY-----)?",
        "-----BEGIN",
    ),
    _shape(r"(?<=://)[^/@:\s]{0,200}:(?!\$)[^/@\s]{3,500}(?=@)", "://"),
)
"""Values that are secret whatever their name: tokens of known services, private keys, URLs with a password."""


_NO_VALUE = r"(?!\\?[\"']?(?:[$<`=*]|/(?:run|tmp|etc|var|home|root|usr|opt|app)/))"
"""Excludes what is no secret itself: a variable, a placeholder, the path of a file."""
_VALUE = r"(?:(?<=\")[^\"\n]{1,500}|(?<=')[^'\n]{1,500}|[^\s\"'&;|]{1,500})"
_PROSE = r"(?!(?:is|was|are|and|or|in|to|for|of|with|not|needs?|requires?|must|may|has|option|flag|argument|value)\b)"
_NEXT = r"(?:[\"'][,\s]{1,5}[\"']|\s{1,5}[\"']?)"
"""Between two words of a command, also of one in JSON: ``-p x``, ``"-p", "x"``."""
_REST = r"[^\n;&|]{0,300}?[\s\"']"
"""Other words of the same command."""


def _command(kept: str, *parts: str, value: str = _VALUE, flags: int = 0, words: tuple[str, ...] = ()) -> SecretPattern:
    pattern = rf"(?P<kept>{kept}){_NO_VALUE}{value}"
    return SecretPattern(pattern=late_pattern(pattern, re.ASCII | flags), parts=parts, words=words)


_START = r"(?<![\w.-])"
_LOGIN = r"(?:docker|podman|nerdctl|buildah|skopeo|oras|crane|regctl|registry|acr|az|oc|cf|helm|ecr)"

COMMANDS = (
    # --token=abc, --token abc, "--token", "abc", -password=abc, --spring.datasource.password=abc
    _command(
        r"(?<![\w-])-{1,2}[a-z._-]{0,60}(?:passw(?:or)?d|passphrase|pass|token|secret|api-?key|access-?key)"
        rf"(?:=[\"']?|[\"'][,\s]{{1,5}}[\"']|\s{{1,5}}(?!(?:id|type|src)=){_PROSE}[\"']?)",
        *("pass", "token", "secret", "key", "PASS", "TOKEN", "SECRET", "KEY", "Pass", "Token", "Secret", "Key"),
        value=rf"(?!-){_VALUE}",
        flags=re.IGNORECASE,
    ),
    # DB_PASSWORD=abc, -Ddb.password=abc. A version is no secret: ``apt-get install passwd=1:4.13``.
    _command(
        r"(?:(?<![\w.$/-])|(?<=[\s\"']-[A-Za-z]))(?P<name>[A-Za-z_][\w.-]{0,100}(?<!_FILE)(?<!_PATH)(?<!_DIR))=[\"']?",
        "=",
        value=rf"(?!(?:true|false|yes|no|on|off|[0-9]{{1,2}}|(?:[0-9]{{1,3}}:)?[0-9]{{1,9}}\.[\w.+~:*-]*)(?![^\s\"'&;|])){_VALUE}",
        words=_NAME_WORDS,
    ),
    # ENV DB_PASSWORD abc
    _command(
        r"(?<!\S)(?:ENV|LABEL|env|label)[ \t]{1,5}(?P<name>[\w.-]{1,100}(?<!_FILE)(?<!_PATH)(?<!_DIR))"
        rf"[ \t]{{1,5}}{_PROSE}",
        *("ENV", "LABEL", "env", "label"),
        value=r"[^\n=][^\n]{0,500}",
        words=_NAME_WORDS,
    ),
    # "password": "abc", also within a text in JSON
    _command(
        r"(?:\\?[\"'])(?P<name>[\w.-]{1,100})\\?[\"']\s{0,5}:\s{0,5}\\?[\"']",
        ":",
        value=r"(?:[^\"'\\\n]|\\(?![\"'])){1,500}",
        words=_NAME_WORDS,
    ),
    # npm config set //registry/:_authToken abc, aws configure set aws_secret_access_key abc
    _command(
        rf"(?<![\w-])config(?:ure)?{_NEXT}(?:(?:set|add|--?[\w-]{{1,40}}){_NEXT}){{0,4}}(?P<name>[^\s\"'=]{{1,200}})(?:{_NEXT}|=)",
        "config",
        words=_NAME_WORDS,
    ),
    # curl -u user:abc, and not the ids or the same name twice of ``docker run -u app:app``
    _command(
        r"(?<!\S)[\"']?(?:-[A-Za-z]{0,10}[uU]|--(?:proxy-)?user)(?:=|[\"'][,\s]{1,5}|\s{1,5}|)"
        r"(?P<quote>[\"'])?(?P<user>[^\s:\"'$-][^\s:\"'$]{0,100}):",
        "curl",
        value=r"(?!(?:(?P=user)|[0-9]+)(?![^\s\"']))(?(quote)[^\"'\n]|[^\s\"']){1,500}",
    ),
    # http -a user:abc (HTTPie)
    _command(
        rf"{_START}https?{_REST}(?:-a|--auth)(?:=|{_NEXT}|)[^\s:\"'$-]{{1,100}}:", "http -", 'http"', "https -", "http "
    ),
    # Authorization: Bearer abc, X-Api-Key: abc
    _command(
        r"(?<![\w-])(?:(?:Proxy-)?Authorization[\"']?:\s{0,5}[\"']?"
        r"(?:(?:Bearer|Basic|Token|Digest|ApiKey)\s{1,5}|(?!\w{1,20}\s))"
        r"|(?:X-[A-Z-]{0,40}|PRIVATE-|JOB-|DEPLOY-|Api-?)(?:Token|Key|Secret|Auth):\s{0,5}|Set-Cookie:\s{0,5}|Cookie:\s{0,5})",
        ":",
        value=r"[^\s\"']{3,500}",
        flags=re.IGNORECASE,
        words=("auth", "token", "key", "secret", "cookie"),
    ),
    # docker login -p abc
    _command(rf"{_START}{_LOGIN}(?=[\s\"'])[^\n;&|]{{0,60}}?login{_REST}-p(?:=|{_NEXT}|)(?!assword)", "login"),
    # sshpass -p abc, sshpass -pabc. What follows is another command with its own -p.
    _command(
        rf"{_START}sshpass(?:{_NEXT}-[evhV]|{_NEXT}-P{_NEXT}?[^\s\"']{{1,50}}){{0,4}}{_NEXT}-p(?:=|{_NEXT}|)", "sshpass"
    ),
    # twine -p abc, mongo -p abc, useradd -p abc
    _command(
        rf"{_START}(?:twine|mongo(?:sh|dump|restore|import|export)?|useradd|usermod|adduser)(?={_NEXT}){_REST}"
        rf"-p(?:=|{_NEXT}|)(?!ort|assword)",
        *("twine", "mongo", "user"),
    ),
    # mysql -pabc: after a space comes the database
    _command(
        rf"{_START}(?:mysql\w{{0,12}}|mariadb[\w-]{{0,12}}|7z[arz]?|unrar|rar)(?={_NEXT}){_REST}"
        rf"-p(?!ort|assword|\s|[\"'],?\s)[\"']?",
        *("mysql", "mariadb", "7z", "rar"),
    ),
    # unzip -P abc, redis-cli -a abc, ldapsearch -w abc
    _command(rf"{_START}(?:unzip|zip|sqlcmd|bcp)(?={_NEXT}){_REST}-P(?:{_NEXT}|)", "zip", "sqlcmd", "bcp"),
    _command(rf"{_START}redis-(?:cli|benchmark)(?={_NEXT}){_REST}-a(?:{_NEXT})", "redis-"),
    _command(rf"{_START}ldap\w{{3,8}}(?={_NEXT}){_REST}-w(?:{_NEXT}|)", "ldap"),
    _command(rf"{_START}smbclient(?={_NEXT}){_REST}-U(?:{_NEXT}|)[^\s%\"']{{1,100}}%", "smbclient"),
    # openssl -passin pass:abc
    _command(r"(?<![\w:-])pass:(?=\S)", "pass:"),
    # echo root:abc | chpasswd, chpasswd <<< root:abc
    _command(
        r"(?:echo|printf)\s{1,5}(?:-\w{1,3}\s{1,5})?[\"']?[\w.$@{}-]{1,64}:(?=[^\n|]{1,300}\|[^\n|;&]{0,80}chpasswd)",
        "chpasswd",
        value=r"[^\s\"'|]{1,500}",
    ),
    _command(r"chpasswd[^\n|;&]{0,40}<<<\s{0,5}[\"']?[\w.$@{}-]{1,64}:", "chpasswd"),
    # echo abc | docker login --password-stdin
    _command(
        r"(?:echo|printf)\s{1,5}(?:-\w{1,3}\s{1,5})?[\"']?"
        r"(?=[^\n|]{1,300}\|[^\n|;&]{0,200}(?:--password-stdin|--passphrase-fd|passwd\s{1,5}--stdin|--with-token|sudo\s{1,5}-S))",
        *("-stdin", "--stdin", "passphrase-fd", "--with-token", "sudo -S"),
    ),
    # machine host login user password abc (netrc)
    _command(r"(?<!\S)login\s{1,5}[^\s\"']{1,100}\s{1,5}password\s{1,5}", "password"),
)
"""Secrets in commands, headers and settings. The command and the name of the value stay readable."""
