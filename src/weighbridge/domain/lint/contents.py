"""Rules about what goes into the image with ``COPY``: secrets, and a whole context without an ignore file."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import Origin
from weighbridge.domain.late_pattern import late_pattern
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.context import LintContext
from weighbridge.domain.lint.model import LintFinding
from weighbridge.domain.lint.purpose import Purpose

_SECRET = late_pattern(
    r"\.env(?:\.(?!.*(?:example|sample|template|dist|default|test|tmpl|schema|vault|ci|docs?))[\w.-]+)?"
    r"|id_(?:rsa|dsa|ecdsa|ed25519)|\.netrc|\.pypirc|\.git-credentials|\.pgpass|\.aws|\.ssh|\.gnupg|\.htpasswd"
    r"|(?:[\w.-]*[-_.])?(?:priv(?:ate)?|server|tls|ssl)[-_.]?key(?:\.pem)?|[\w.-]+\.(?:key|p12|pfx|jks|keystore)"
    r"|(?:service[-_]?account|credentials|client[-_]secrets?)[\w.-]*\.json|secrets?\.(?:ya?ml|json|toml|env)"
)
_OF_TESTS = late_pattern(
    r"(?:^|[/._-])(?:e2e|examples?|fixtures?|mocks?|samples?|snakeoil|testdata|tests?)(?:[/._-]|$)"
)
_PUBLIC = late_pattern(
    r"setup|prov(?:ing|er)|verif|keyring|repomd|repo\b|self[-_]?signed|apt|gpg|trusted|rpm|pub|apk|known|cacert|truststore|release",
    re.IGNORECASE,
)


def secret_copied(context: LintContext) -> Iterator[LintFinding]:
    """``secret-copied``: a private key or a settings file is copied from the build context into the final image."""
    for instruction in context.final_instructions:
        if instruction.name not in {"COPY", "ADD"}:
            continue
        for source in instruction.sources:
            name = posixpath.basename(source.path.rstrip("/"))
            if source.origin is not Origin.CONTEXT or not _SECRET.fullmatch(name):
                continue
            if (
                _OF_TESTS.search(source.path)
                or _PUBLIC.search(name)
                or (not name.startswith(".env") and _PUBLIC.search(source.destination or ""))
            ):
                continue
            yield context.finding(
                LintCode.SECRET_COPIED,
                Severity.WARNING,
                instruction,
                f"{source.written} goes into the image: whoever can pull it can read the secrets in it",
                "Give it to the container when it starts (--env-file, a mounted file), or lend it to a RUN with "
                "--mount=type=secret; and name it in .dockerignore",
                evidence=source.written,
            )


def copy_without_ignore_file(context: LintContext) -> Iterator[LintFinding]:
    """``copy-without-ignore-file``: ``COPY .`` takes ``.git`` and local files along: no ``.dockerignore``."""
    beside = context.surroundings
    if beside is None or beside.has_ignore_file or beside.is_below_root or context.purpose is not Purpose.RUN:
        return
    for instruction in context.final_instructions:
        if instruction.name not in {"COPY", "ADD"}:
            continue
        whole = [
            one for one in instruction.sources if one.origin is Origin.CONTEXT and one.path.rstrip("/") in {"", "."}
        ]
        if whole:
            yield context.finding(
                LintCode.COPY_WITHOUT_IGNORE_FILE,
                Severity.INFO,
                instruction,
                f"{instruction.name} {whole[0].written} and no .dockerignore: .git, local builds and settings go into "
                "the image",
                "Add a .dockerignore with .git, node_modules, build output and .env files; or copy folders by name",
            )
            return
