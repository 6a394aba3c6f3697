"""Where each rule of ``weighbridge lint`` draws its line: one row for one decision."""

from __future__ import annotations

import pytest

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.dockerfile.edits import apply_edits
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.model import LintSettings
from weighbridge.domain.lint.rules import lint_dockerfile

JAR = 'COPY a.jar /\nCMD ["java", "-jar", "a.jar"]\n'
URL = "https://example.org/y.tar.gz"
STAGES = "FROM golang AS b\nWORKDIR /src\nRUN go build -ldflags=-s -o app\nFROM debian\n"
GCC = "apt-get install -y gcc && make && apt-get purge -y gcc"
PYTHON = 'CMD ["python", "a"]\n'
TINI = 'FROM y\nENTRYPOINT ["tini"]\n'
CLONE = "RUN git clone https://example.org/y /q/y && make && "


def lint(text: str):
    return lint_dockerfile(text, parse_dockerfile(text, path="Dockerfile"), None)


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        # A download has the name that its options give it.
        ("rewritten-files", f"FROM a\nRUN wget -qO- {URL} | tar xz\nRUN rm y.tar.gz\n", None),
        ("rewritten-files", f"FROM a\nRUN wget -qO/tmp/z {URL}\nRUN rm /tmp/z\n", "rm /tmp/z hides"),
        ("rewritten-files", f"FROM a\nRUN wget -O/tmp/a=z {URL}\nRUN rm /tmp/a=z\n", "rm /tmp/a=z hides"),
        ("rewritten-files", f"FROM a\nRUN wget --output-document=/tmp/z {URL}\nRUN rm /tmp/z\n", "rm /tmp/z hides"),
        ("rewritten-files", f"FROM a\nRUN wget -P /tmp {URL}\nRUN rm /tmp/y.tar.gz\n", "rm /tmp/y.tar.gz hides"),
        ("rewritten-files", f"FROM a\nRUN curl -fsSLo /tmp/z {URL}\nRUN rm /tmp/z\n", "rm /tmp/z hides"),
        ("rewritten-files", f"FROM a\nRUN curl -sSo/tmp/z {URL}\nRUN rm /tmp/z\n", "rm /tmp/z hides"),
        ("rewritten-files", f"FROM a\nRUN curl --output=/tmp/z {URL}\nRUN rm /tmp/z\n", "rm /tmp/z hides"),
        ("rewritten-files", f"FROM a\nRUN curl -o - {URL} | tar x\nRUN rm y.tar.gz\n", None),
        ("rewritten-files", "FROM a\nRUN unzip a.zip -d /x\nRUN rm -rf /x\n", "rm /x hides"),
        ("rewritten-files", "FROM a\nRUN unzip a.zip -d /opt\nRUN rm -rf /opt\n", None),
        ("rewritten-files", "FROM a\nRUN unzip a.zip -d $X\nRUN rm -rf $X\n", None),
        ("rewritten-files", "FROM a\nRUN git clone https://example.org/x $D\nRUN rm -rf $D\n", None),
        ("rewritten-files", f"FROM a\nADD {URL}.jar /tmp/y.jar\nRUN mv /tmp/y.jar /o/\n", "stores a second time"),
        ("rewritten-files", "FROM a\nCOPY data /data\nRUN mv /data/x /opt/\n", None),
        ("rewritten-files", "FROM node\nRUN npm ci\nRUN npm prune --production && npm ci\n", None),
        ("dev-packages", f"FROM a\nRUN apt-get install -y libx-dev\nRUN apt-get purge -y libx-dev\n{PYTHON}", None),
        ("dev-packages", f"FROM a\nRUN apk add --virtual=b libx-dev && apk del b\n{PYTHON}", None),
        ("dev-packages", f"FROM a\nRUN apk add -t b libx-dev\n{PYTHON}", None),
        ("dev-packages", f"FROM a\nRUN apk add libx-dev\n{PYTHON}", "libx-dev"),
        ("rewritten-files", "FROM a\nRUN tar -xf a.tar -C /x\nRUN rm -rf /x\n", "rm /x hides"),
        ("rewritten-files", "FROM a\nRUN tar -tf a.tar -C /x\nRUN rm -rf /x\n", None),
        # Packages and caches.
        ("package-cache", "FROM a\nRUN apt-get update\nRUN gdebi x.deb\n", "package lists"),
        ("package-cache", "FROM a\nRUN cargo uninstall check\n", None),
        ("package-cache", "FROM a\nRUN conda install --dry-run x\n", None),
        ("package-cache", "FROM a\nRUN uv --no-cache sync\n", None),
        ("package-cache", "FROM a\nRUN go version\n", None),
        ("package-cache", "FROM a\nRUN npm ci && clean-npm.sh\n", None),
        ("package-cache", "FROM a\nRUN <<EOF\nEOF\n", None),
        ("package-cache", "FROM a\nRUN <<A <<B\napt-get update\nA\nB\n", None),
        ("archive-kept", "FROM a\nCOPY a.tar.gz /\nRUN tar -tf a.tar.gz\n", None),
        ("archive-kept", "FROM a\nCOPY a.tar.gz /\nRUN tar -xf a.tar.gz\n", "a.tar.gz"),
        ("git-history", f"FROM a\n{CLONE}rm -rf /q\n", None),
        ("git-history", f"FROM a\n{CLONE}rm -rf /z && find . -name q\n", None),
        ("git-history", f"FROM a\n{CLONE}rm -rf /z && find /q -name q\n", None),
        ("git-history", f"FROM a\n{CLONE}rm -rf /z\n", "whole history"),
        ("git-history", "FROM a\nRUN git --reference clone x\n", "whole history"),
        # Modes and owners.
        ("permission-copies", "FROM a\nCOPY app /a/\nRUN chmod +r -R /a\n", "COPY --chmod=644"),
        ("permission-copies", "FROM a\nCOPY app /a/\nRUN chmod a+rwx -R /a\n", "COPY --chmod=777"),
        ("permission-copies", "FROM a\nCOPY app /a/\nRUN chmod +x -R /a\n", "COPY --chmod=755"),
        ("permission-copies", "FROM a\nCOPY app /a/\nRUN chmod o=t -R /a\n", "an octal mode such as 755"),
        ("permission-copies", "FROM a\nCOPY app /a/\nRUN chmod -R\n", None),
        # Base images.
        ("large-base", 'FROM ruby:3.2\nRUN gem install x\nCMD ["ruby", "a"]\n', None),
        ("large-base", 'FROM python:3.12\nCMD ["python", "a"]\n', "python:3.12-slim"),
        ("large-base", 'ARG V=3.12\nFROM python:$V\nCMD ["python", "a"]\n', "python:3.12-slim"),
        ("large-base", f"FROM python:3.12\nRUN {GCC}\n{PYTHON}", "python:3.12-slim"),
        ("large-base", f"FROM openjdk:17\n{JAR}", "eclipse-temurin:17-jre"),
        ("large-base", f"FROM openjdk:17\nRUN jlink --output /x\n{JAR}", None),
        ("large-base", f"FROM amazoncorretto:17\n{JAR}", None),
        ("large-base", 'FROM openjdk:17\nCOPY a /\nCMD ["a"]\n', None),
        ("large-base", 'FROM golang\nCOPY --from=x /a /a\nCMD ["/a"]\n', "an image to compile with"),
        ("large-base", "FROM golang\nCOPY --from=x /a /a\n", None),
        ("cuda-on-cpu", 'FROM pytorch/pytorch\nRUN pip install torch\nCMD ["python", "a"]\n', None),
        ("cuda-on-cpu", 'FROM python\nRUN pip install torch\nCMD ["python", "a"]\n', "torch"),
        # Syntax.
        ("unknown-flag", "FROM a\nEXPOSE --x 80\n", "EXPOSE has no flags"),
        ("exec-form-not-json", "FROM a\nVOLUME ['/a']\n", "part of the path"),
        ("exec-form-not-json", "FROM a\nADD ['a', 'b']\n", "part of the file names"),
        ("exec-form-not-json", 'FROM a\nCMD ["a" b]\n', "the container does not start"),
        ("exec-form-not-json", "FROM a\nCMD ['a', 1]\n", "the container does not start"),
        # Commands and stages.
        ("arguments-swallowed", f'FROM a AS x\nENTRYPOINT ["/a"]\nFROM x AS y\nCMD ["b"]\n{TINI}', "b"),
        ("arguments-swallowed", f'FROM a AS x\nCMD ["b"]\nFROM x AS y\nENTRYPOINT ["/a"]\n{TINI}', None),
        ("arguments-swallowed", 'FROM a AS x\nCMD ["b"]\nFROM x\nENTRYPOINT /docker-entrypoint.sh\n', None),
        ("copy-from-relative-path", f"{STAGES}WORKDIR /x\nCOPY --from=b . .\n", "Write the absolute path: /src"),
        ("copy-from-relative-path", f"{STAGES}COPY --from=b . .\n", None),
        ("single-stage-build", 'FROM a\nWORKDIR /s\nRUN go build .\nCMD ["./a"]\n', "--from=build /s/a /s/a"),
        ("single-stage-build", 'FROM a\nRUN mvn -o package\nCMD ["x"]\n', "copy only the result into a second"),
        ("single-stage-build", 'FROM a\nRUN cargo build --offline\nCMD ["x"]\n', "copy only the result into a second"),
        ("strip-binaries", "FROM golang\nRUN go build -gcflags=all=-N .\n", None),
        ("strip-binaries", "FROM golang\nRUN go build .\nFROM a\nCOPY --from=0 /a /b\n", "symbol table"),
        ("shell-form-on-shell-less-base", 'FROM gcr.io/distroless/static\nCOPY ["$X", "/bin"]\nCMD /a\n', None),
    ],
)  # fmt: skip
def test_rule_on_one_side_of_its_line_says_or_is_silent(code: str, text: str, said: str | None) -> None:
    found = [f"{one.message} {one.fix}" for one in lint(text) if one.code == code]
    if said is None:
        assert found == []
    else:
        assert len(found) == 1
        assert said in found[0]


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        ("copy-from-relative-path", f'{STAGES}COPY --from=b ["app", "/x"]\n', None),
        ("copy-from-relative-path", f"{STAGES}COPY --from=b app app\n", None),
        ("copy-from-relative-path", f"{STAGES}COPY --from=b app /x\n", f"{STAGES}COPY --from=b /src/app /x\n"),
        ("permission-copies", "FROM a\nCOPY --chown=a app /a/\nRUN chown -R b /a\n", None),
        ("shell-form-on-shell-less-base", "FROM scratch\nCMD /a \\\n  b\n", None),
        ("shell-form-on-shell-less-base", "FROM scratch\nCMD /a  b \n", 'FROM scratch\nCMD ["/a", "b"] \n'),
        ("shell-form-on-shell-less-base", "FROM scratch\nENTRYPOINT /a\nCMD /b\n", None),
        ("shell-form-on-shell-less-base", "FROM scratch\nCMD exec /a\n", 'FROM scratch\nCMD ["/a"]\n'),
        ("exec-form-not-json", "FROM a\nCMD ['a', 1]\n", None),
        ("exec-form-not-json", "FROM a\nCMD ['a',]\n", 'FROM a\nCMD ["a"]\n'),
        ("package-cache", "FROM a\nRUN su app -c 'npm ci'\n", None),
        ("package-cache", "FROM a\nRUN set -e; \\\n  apt-get update;\n",
         "FROM a\nRUN set -e; \\\n  apt-get update; \\\n  rm -rf /var/lib/apt/lists/*;\n"),
        ("package-cache", "FROM a\nRUN set -e; \\\n  apt-get update; \\\n  make\n",
         "FROM a\nRUN set -e; \\\n  apt-get update; \\\n  make; \\\n  rm -rf /var/lib/apt/lists/*\n"),
    ],
)  # fmt: skip
def test_patch_is_made_only_where_it_is_exact(code: str, before: str, after: str | None) -> None:
    edits = [one.edits for one in lint(before) if one.code == code]
    assert edits
    assert (apply_edits(before, edits[0]) if edits[0] else None) == after


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("COPY --from=0 /a /b", "COPY --from=build /a /b"),
        ("RUN --mount=type=bind,from=0,target=/x true", "RUN --mount=type=bind,from=build,target=/x true"),
        ("RUN --mount=from=0,target=/x echo ,from=1,", "RUN --mount=from=build,target=/x echo ,from=1,"),
        ("RUN --mount=from=0,target=/x echo --mount=from=9,", None),
    ],
)
def test_stage_number_in_flag_gets_name_and_same_text_in_command_is_kept(line: str, named: str | None) -> None:
    more = "".join(f"ENV A{number}=1\n" for number in range(9))
    text = f"FROM golang\nRUN go build .\nFROM debian\n{more}{line}\n"
    (found,) = [one for one in lint(text) if one.code == "stage-by-number"]
    after = apply_edits(text, found.edits) if found.edits else None
    assert after == (named and text.replace("FROM golang", "FROM golang AS build").replace(line, named))


def test_name_for_unnamed_stage_is_one_that_no_stage_has() -> None:
    more = "".join(f"ENV A{number}=1\n" for number in range(9))
    text = f"FROM golang\nRUN go build .\nFROM a AS build\nFROM a AS build-0\nFROM debian\n{more}COPY --from=0 /a /b\n"
    (found,) = [one for one in lint(text) if one.code == "stage-by-number"]
    assert "AS build-0-0" in apply_edits(text, found.edits)


@pytest.mark.parametrize(
    ("pattern", "is_trusted"),
    [
        ("registry.example/*", True),
        ("registry.example/team/base", True),
        ("registry.example/team", False),
        ("*/team/*", True),
        ("*/other/*", False),
        ("registry*team*se", True),
        ("registry*base*base", False),
        ("other/*", False),
    ],
)
def test_trusted_base_matches_pattern_with_stars(pattern: str, is_trusted: bool) -> None:
    text = "FROM registry.example/team/base\n"
    settings = LintSettings(trusted_bases=(pattern,), codes=frozenset({LintCode.UNUSUAL_RUN_BASE}))
    found = lint_dockerfile(text, parse_dockerfile(text, path="Dockerfile"), settings)
    assert [one.code for one in found] == ([] if is_trusted else ["unusual-run-base"])
