"""False alarms that a sample of public Dockerfiles showed, each beside its nearest true finding."""

from __future__ import annotations

import pytest

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.lint.model import LintSettings
from weighbridge.domain.lint.rules import lint_dockerfile


def codes(text: str, *, path: str = "Dockerfile") -> set[str]:
    found = lint_dockerfile(text, parse_dockerfile(text, path=path), LintSettings())
    return {str(one.code) for one in found}


@pytest.mark.parametrize(
    ("condition", "is_found"),
    [
        ('if [ "${TARGETARCH}" = "ppc64le" ] || [ "${TARGETARCH}" = "arm64" ]; then %s; fi', False),
        ("if test $(uname -m) = aarch64; then %s; fi", False),
        ('case "$TARGETPLATFORM" in linux/arm64|linux/s390x) %s ;; esac', False),
        ('if [ "$TARGETARCH" != "arm64" ]; then %s; fi', True),
        ('if [ "$TARGETARCH" = "arm64" ]; then true; else %s; fi', True),
        ('case "$(uname -m)" in x86_64|aarch64) %s ;; esac', True),
        ('if [ "$WITH_ARMOR" = "1" ]; then %s; fi', True),
    ],
)
def test_compiler_for_rare_platform_only_is_no_finding(condition: str, is_found: bool) -> None:
    install = "apt-get update && apt-get install -y --no-install-recommends gfortran libopenblas-dev"
    text = (
        f"FROM python:3.11-slim\nRUN {condition % install}\nCOPY a.txt .\nRUN pip install --no-cache-dir -r a.txt\n"
        'CMD ["python", "/a.py"]\n'
    )
    assert bool(codes(text) & {"single-stage-build", "dev-packages"}) == is_found


@pytest.mark.parametrize(
    ("copied", "is_found"),
    [
        ("COPY --from=build /var/opt/magma/bin /usr/bin", False),
        ("COPY --from=build /go/bin/ /usr/bin/", True),
        ("COPY --from=build /usr/local/go/bin/tool /usr/bin/tool", True),
        ("COPY --from=build /opt/x/gen /usr/bin/gen", True),
    ],
)
def test_installed_go_program_counts_only_if_it_is_copied(copied: str, is_found: bool) -> None:
    text = (
        f'FROM golang AS build\nRUN go install example.org/gen/v2@v2.1.0\nFROM busybox\n{copied}\nCMD ["/usr/bin/x"]\n'
    )
    assert ("strip-binaries" in codes(text)) == is_found


def test_installed_go_program_in_gobin_counts() -> None:
    text = 'FROM golang AS b\nENV GOBIN=/out\nRUN go install ./cmd/a\nFROM busybox\nCOPY --from=b /out /\nCMD ["/a"]\n'
    assert "strip-binaries" in codes(text)


@pytest.mark.parametrize(
    ("copy", "remove", "is_found"),
    [
        ("COPY environment.yml* noop.txt /tmp/conda/", "/tmp/conda", False),
        ("COPY library-scripts/*.sh /tmp/scripts/", "/tmp/scripts", False),
        ("COPY library-scripts /tmp/scripts", "/tmp/scripts", False),
        ("COPY conf /srv/app", "/srv/app/site.xml", False),
        ("COPY model /tmp/model", "/tmp/model", True),
        ("COPY setup.sh app.jar /tmp/x/", "/tmp/x", True),
        ("ADD https://e.org/x.tgz /tmp/x.tgz", "/tmp/x.tgz", True),
    ],
)
def test_removal_of_small_copied_files_is_no_finding(copy: str, remove: str, is_found: bool) -> None:
    text = f'FROM debian:12\n{copy}\nRUN /usr/bin/use && rm -rf {remove}\nCMD ["app"]\n'
    assert ("rewritten-files" in codes(text)) == is_found


@pytest.mark.parametrize("start", ["npm run preview -- --port 80", "npx vite preview", "pnpm preview"])
def test_tool_of_development_that_starts_the_container_stays(start: str) -> None:
    text = f"FROM node:22\nCOPY svelte /app\nWORKDIR /app\nRUN npm install\nRUN npm run build\nCMD {start}\n"
    assert "dev-dependencies" not in codes(text)
    assert "dev-dependencies" in codes(text.replace(start, "node build/index.js"))


@pytest.mark.parametrize(
    ("command", "is_found"),
    [
        ("mkdir -p /srv/app/up && chown -R www /srv/app/up", False),
        ("mkdir -p /srv/app && chown -R www /srv/app", True),
        ("chown -R www /srv/app/up", True),
    ],
)
def test_owner_of_new_folder_copies_nothing(command: str, is_found: bool) -> None:
    text = f'FROM debian:12\nCOPY app /srv/app\nRUN {command}\nCMD ["app"]\n'
    assert ("permission-copies" in codes(text)) == is_found


def test_parent_of_copied_file_made_again_keeps_its_files() -> None:
    text = 'FROM debian:12\nCOPY a.jar /app/a.jar\nRUN mkdir -p /app && chown -R www /app\nCMD ["app"]\n'
    assert "permission-copies" in codes(text)


@pytest.mark.parametrize(
    ("name", "is_found"), [("setup_compact.key", False), ("proving.key", False), ("tls.key", True), ("app.key", True)]
)
def test_keys_of_proof_systems_are_no_secrets(name: str, is_found: bool) -> None:
    assert ("secret-copied" in codes(f'FROM debian:12\nCOPY {name} /\nCMD ["app"]\n')) == is_found


def test_workspace_images_of_che_are_for_developers() -> None:
    text = "FROM eclipse/stack-base:ubuntu\nRUN apt-get update && apt-get install -y gcc libc6-dev\nCMD x & sleep 9\n"
    assert not codes(text) & {"single-stage-build", "dev-packages", "recommended-packages"}


def test_history_in_image_of_tests_is_no_finding() -> None:
    text = 'FROM python:3.12\nRUN git clone https://e.org/a /a\nCMD ["python", "/a/x.py"]\n'
    assert "git-history" in codes(text)
    assert "git-history" not in codes(text, path="matplotlib.test.Dockerfile")


@pytest.mark.parametrize(
    ("runs", "is_found"),
    [
        ("RUN curl -fsSLO https://e.org/a.zip\nRUN unzip a.zip -d /opt", True),
        ("RUN wget https://e.org/a.tgz\nRUN tar xf a.tgz\nRUN rm a.tgz", False),
        ("RUN curl -fsSLO https://e.org/a.zip\nRUN unzip b.zip -d /opt", False),
    ],
)
def test_archive_of_earlier_run_is_found(runs: str, is_found: bool) -> None:
    assert ("archive-kept" in codes(f'FROM debian:12\n{runs}\nCMD ["app"]\n')) == is_found


def test_source_of_other_stage_with_folder_is_relative_to_nothing() -> None:
    text = (
        'FROM golang AS b\nWORKDIR /src/app\nRUN go build -o out/x .\nFROM scratch\nCOPY --from=b %s /x\nCMD ["/x"]\n'
    )
    assert "copy-from-relative-path" in codes(text % "out/x")
    assert "copy-from-relative-path" not in codes(text % "src/app/out/x")


@pytest.mark.parametrize("make", ["python3 -m venv /venv", "virtualenv -p python3 /venv", "uv venv /venv"])
def test_owner_of_virtual_environment_stores_it_again(make: str) -> None:
    text = f'FROM python:3.12-slim\nRUN {make} && /venv/bin/pip install flask\nRUN chown -R app /venv\nCMD ["x"]\n'
    assert "permission-copies" in codes(text)


@pytest.mark.parametrize("start", ["sh -c 'npm ci && npm run test:e2e'", '["bash", "-ec", "exec npm run test"]'])
def test_start_behind_shell_is_read(start: str) -> None:
    text = f"FROM rust:1.80\nWORKDIR /a\nCOPY . .\nRUN cargo build --release\nCMD {start}\n"
    assert "single-stage-build" not in codes(text)
