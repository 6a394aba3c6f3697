"""Each rule of ``weighbridge lint``: cases with a finding, and similar cases without one."""

from __future__ import annotations

import pytest

from weighbridge.domain.checks.finding import Severity
from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.dockerfile.edits import apply_edits
from weighbridge.domain.lint.codes import LintCode
from weighbridge.domain.lint.model import LintFinding, LintSettings
from weighbridge.domain.lint.rules import lint_dockerfile


def lint(text: str, settings: LintSettings | None = None) -> tuple[LintFinding, ...]:
    return lint_dockerfile(text, parse_dockerfile(text, path="Dockerfile"), settings)


def only(code: str, text: str) -> LintFinding:
    found = [one for one in lint(text) if one.code == code]
    assert len(found) == 1, found
    return found[0]


def none(code: str, text: str) -> bool:
    assert code in set(LintCode)
    return not [one for one in lint(text) if one.code == code]


def fixed(code: str, text: str) -> str:
    return apply_edits(text, only(code, text).edits)


# --- copy-from-relative-path --------------------------------------------------------------------------------------

BUILT = "FROM golang:1.22 AS build\nCOPY hello.go .\nRUN go build hello.go\nFROM scratch\n"


def test_relative_source_of_stage_gives_error_with_absolute_path() -> None:
    text = BUILT + "COPY --from=build hello .\n"
    finding = only("copy-from-relative-path", text)
    assert (finding.severity, finding.line) == (Severity.ERROR, 5)
    assert "/hello" in finding.message
    assert "/go" in finding.message
    assert fixed("copy-from-relative-path", text).endswith("COPY --from=build /go/hello .\n")


def test_relative_source_is_relative_to_workdir_of_stage() -> None:
    text = "FROM golang AS b\nWORKDIR /src\nRUN go build -o app\nFROM scratch\nCOPY --from=b app /app\n"
    assert "/src/app" in fixed("copy-from-relative-path", text)


def test_relative_source_inherits_workdir_of_stage_below() -> None:
    text = "FROM a AS base\nWORKDIR /w\nFROM base AS b\nRUN make out.bin\nFROM scratch\nCOPY --from=b out.bin /o\n"
    assert "/w/out.bin" in fixed("copy-from-relative-path", text)


@pytest.mark.parametrize(
    "copy",
    [
        "COPY --from=build /go/hello .",
        "COPY --from=build etc/ssl/certs /etc/ssl/certs",  # a folder of the root is meant from the root
        "COPY --from=build --parents hello .",
        "COPY --from=alpine:3 hello .",  # another image: where it works is not known
        "COPY hello .",
    ],
)
def test_other_sources_are_unchanged(copy: str) -> None:
    assert none("copy-from-relative-path", f"{BUILT}{copy}\n")


@pytest.mark.parametrize(
    "stage",
    [
        "FROM golang AS b\nRUN go build -o /hello .\n",  # made at the root
        "FROM golang AS b\nWORKDIR /\nRUN go build -o hello .\n",
        "FROM golang AS b\nCOPY hello /\n",
        "FROM gcc AS b\nRUN gcc -o hello hello.c\n",  # this image works at the root
        "FROM registry.example.org/go AS b\nRUN go build -o hello .\n",  # not known where it works
    ],
)
def test_relative_source_existing_at_root_gives_no_error(stage: str) -> None:
    assert none("copy-from-relative-path", f"{stage}FROM scratch\nCOPY --from=b hello /hello\n")


def test_relative_source_with_changed_folder_is_unchanged() -> None:
    text = "FROM golang AS b\nRUN cd /x && go build -o hello .\nFROM scratch\nCOPY --from=b hello /hello\n"
    assert none("copy-from-relative-path", text)


# --- shell-form-on-shell-less-base --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "patched"),
    [
        ("CMD /hello --loud", 'CMD ["/hello", "--loud"]'),
        ("ENTRYPOINT exec /hello", 'ENTRYPOINT ["/hello"]'),
        ("HEALTHCHECK --interval=5s CMD /hello check", 'HEALTHCHECK --interval=5s CMD ["/hello", "check"]'),
        ("RUN /hello", 'RUN ["/hello"]'),
    ],
)
def test_shell_form_on_scratch_is_error_with_exec_form_as_patch(line: str, patched: str) -> None:
    text = f"FROM scratch\nCOPY hello /\n{line}\n"
    assert only("shell-form-on-shell-less-base", text).severity is Severity.ERROR
    assert fixed("shell-form-on-shell-less-base", text) == f"FROM scratch\nCOPY hello /\n{patched}\n"


@pytest.mark.parametrize(
    "line", ["CMD /hello $NAME", "CMD /hello && /bye", "CMD A=1 /hello", "CMD cd /x", "CMD /a 'b c'"]
)
def test_shell_form_with_shell_syntax_has_no_patch(line: str) -> None:
    assert only("shell-form-on-shell-less-base", f"FROM scratch\nCOPY hello /hello\n{line}\n").edits == ()


def test_shell_form_entrypoint_with_command_has_no_patch() -> None:
    finding = only("shell-form-on-shell-less-base", 'FROM scratch\nCOPY a /\nCMD ["x"]\nENTRYPOINT /a\n')
    assert finding.edits == ()


@pytest.mark.parametrize("tag", ["", ":nonroot", ":latest"])
def test_shell_form_on_distroless_is_warning(tag: str) -> None:
    text = f"FROM gcr.io/distroless/static-debian12{tag}\nCOPY hello /\nCMD /hello\n"
    assert only("shell-form-on-shell-less-base", text).severity is Severity.WARNING


@pytest.mark.parametrize(
    "text",
    [
        'FROM scratch\nCOPY hello /\nCMD ["/hello"]\n',
        "FROM gcr.io/distroless/static-debian12:debug\nCMD /hello\n",
        "FROM alpine\nCMD /hello\n",
        "FROM scratch\nADD rootfs.tar.gz /\nCMD /bin/true\n",
        "FROM scratch\nCOPY --from=busybox /bin/busybox /bin/sh\nCMD /hello\n",
        "FROM scratch\nCOPY rootfs/ /\nRUN /hello\n",
        "FROM scratch\nCOPY . /\nCMD node .\n",
        'FROM scratch\nCOPY hello /\nCMD /hello\nCMD ["/hello"]\n',  # only the last one counts
        "FROM scratch\nCOPY hello /\nHEALTHCHECK NONE\n",
        'FROM scratch\nCOPY tools /tools\nSHELL ["/tools/sh", "-c"]\nCMD /hello\n',
    ],
)
def test_existing_or_possible_shell_gives_no_finding(text: str) -> None:
    assert none("shell-form-on-shell-less-base", text)


# --- single-stage-build -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('FROM gcc\nCOPY . .\nRUN gcc -o hello hello.c\nCMD ["./hello"]\n', 3),
        ('FROM golang\nRUN go build -o /s .\nCMD ["/s"]\n', 2),
        ('FROM rust\nRUN cargo build --release\nCMD ["/a"]\n', 2),
        ('FROM maven\nRUN mvn -B package\nCMD ["java", "-jar", "a.jar"]\n', 2),
        ("FROM eclipse-temurin:21-jdk\nRUN ./gradlew bootJar\n", 2),
        ('FROM mcr.microsoft.com/dotnet/sdk:8.0\nRUN dotnet publish -o /app\nCMD ["/app/a"]\n', 2),
        ("FROM node\nRUN npm ci\nRUN npm run build\n", 3),
        ("FROM debian\nRUN cmake --build /b\n", 2),
        ('FROM python\nRUN apt-get install gcc\nRUN pip install -r r.txt\nCMD ["python", "a.py"]\n', 3),
        ("FROM alpine AS a\nRUN true\nFROM a\nRUN make\n", 4),
    ],
)
def test_build_in_final_stage_is_warning_at_its_line(text: str, line: int) -> None:
    finding = only("single-stage-build", text)
    assert (finding.severity, finding.line) == (Severity.WARNING, line)


@pytest.mark.parametrize(
    "text",
    [
        "FROM golang AS b\nRUN go build -o /s .\nFROM scratch\nCOPY --from=b /s /s\n",
        "FROM debian\nRUN apt-get install gcc make && make && apt-get purge -y gcc make\n",
        "FROM alpine\nRUN apk add --virtual .b gcc && pip install x && apk del .b\n",
        "FROM gcc\nRUN gcc --version\n",
        'FROM golang\nCOPY . .\nCMD ["go", "run", "."]\n',  # a container to develop in
        "FROM golang\nRUN go build ./...\nCMD bash\n",
        "FROM node\nRUN npm ci\n",
        "FROM python\nRUN pip install -r r.txt\n",
        "FROM debian\nRUN echo make sure && apt-get install makepasswd\n",
    ],
)
def test_build_in_other_stage_or_cleaned_up_gives_no_finding(text: str) -> None:
    assert none("single-stage-build", text)


def test_rewrite_names_output_by_its_absolute_path() -> None:
    fix = only("single-stage-build", 'FROM golang:1.22\nWORKDIR /src\nRUN go build -o bin/s .\nCMD ["bin/s"]\n').fix
    assert "FROM golang:1.22 AS build" in fix
    assert "COPY --from=build /src/bin/s /src/bin/s" in fix


# --- stage-by-number ----------------------------------------------------------------------------------------------

LONG = "FROM golang\n" + "RUN true\n" * 9 + "FROM scratch\n"


def test_stage_by_number_in_long_file_gets_name() -> None:
    text = LONG + "COPY --from=0 /a /a\n"
    assert only("stage-by-number", text).severity is Severity.INFO
    assert fixed("stage-by-number", text) == text.replace("golang", "golang AS build").replace("=0", "=build")


def test_existing_stage_name_is_used() -> None:
    text = LONG.replace("golang", "golang AS go") + "RUN --mount=from=0,target=/x cp /x/y /y\n"
    assert fixed("stage-by-number", text).endswith("RUN --mount=from=go,target=/x cp /x/y /y\n")


@pytest.mark.parametrize(
    "text", ["FROM a\nFROM b\nCOPY --from=0 /a /a\n", LONG.replace("golang", "golang AS go") + "COPY --from=go /a /a\n"]
)
def test_short_file_or_name_gives_no_finding(text: str) -> None:
    assert none("stage-by-number", text)


# --- unusual-run-base ---------------------------------------------------------------------------------------------


UNUSUAL = LintSettings(codes=frozenset({LintCode.UNUSUAL_RUN_BASE}))


@pytest.mark.parametrize("base", ["someone/app", "ghcr.io/a/b:1", "registry.example.org:5000/debian"])
def test_base_image_untrusted_name_is_info(base: str) -> None:
    (finding,) = lint(f"FROM {base}\n", UNUSUAL)
    assert (finding.code, finding.severity) == ("unusual-run-base", Severity.INFO)


def test_unusual_base_is_off_by_default() -> None:
    assert lint("FROM someone/app\n") == ()


@pytest.mark.parametrize(
    "base",
    ["debian", "docker.io/library/debian:12", "scratch", "gcr.io/distroless/cc", "mcr.microsoft.com/dotnet/aspnet:8.0"]
    + [
        f"{name}/debian:12"
        for name in [
            "amd64",
            "arm32v5",
            "arm32v6",
            "arm32v7",
            "arm64v8",
            "i386",
            "mips64le",
            "ppc64le",
            "riscv64",
            "s390x",
        ]
    ],
)
def test_official_and_trusted_bases_are_no_matter(base: str) -> None:
    assert lint(f"FROM {base}\n", UNUSUAL) == ()


def test_base_can_be_trusted_by_pattern() -> None:
    settings = LintSettings(trusted_bases=("registry.example.org/*/base",), codes=UNUSUAL.codes)
    assert lint("FROM registry.example.org/team/base:1\n", settings) == ()
    assert lint("FROM registry.example.org/team/other:1\n", settings) != ()


def test_only_base_of_final_stage_is_read() -> None:
    assert lint("FROM ghcr.io/a/b AS x\nFROM debian\nCOPY --from=x /a /a\n", UNUSUAL) == ()


# --- copied-libraries-by-hand -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/lib/x86_64-linux-gnu/libc.so.6",
        "/lib64/ld-linux-x86-64.so.2",
        "/lib/ld-musl-x86_64.so.1",
        "/usr/lib/x86_64-linux-gnu/libnss_dns.so.2",
        "/lib/x86_64-linux-gnu/",
        "/usr/lib/aarch64-linux-gnu/libstdc++.so.6",
    ],
)
def test_library_of_c_library_copied_by_hand_is_warning(path: str) -> None:
    text = f"FROM debian AS b\nFROM scratch\nCOPY --from=b {path} {path}\n"
    assert only("copied-libraries-by-hand", text).severity is Severity.WARNING


@pytest.mark.parametrize(
    "path",
    ["/usr/lib/x86_64-linux-gnu/libpq.so.5", "/opt/app/lib", "/usr/lib/python3/dist-packages", "/lib/libcap.so.2"],
)
def test_other_libraries_are_no_matter(path: str) -> None:
    assert none("copied-libraries-by-hand", f"FROM debian AS b\nFROM scratch\nCOPY --from=b {path} {path}\n")


# --- recommended-packages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "patched"),
    [
        ("apt-get install -y curl", "apt-get install --no-install-recommends -y curl"),
        ("apt-get -y -o A=b install curl", "apt-get -y -o A=b install --no-install-recommends curl"),
        ("apt install curl", "apt install --no-install-recommends curl"),
        (
            "sudo DEBIAN_FRONTEND=x apt-get install curl",
            "sudo DEBIAN_FRONTEND=x apt-get install --no-install-recommends curl",
        ),
        ("aptitude install curl", "aptitude install --without-recommends curl"),
        ("if true; then apt-get install curl; fi", "if true; then apt-get install --no-install-recommends curl; fi"),
    ],
)
def test_install_with_recommended_packages_gets_flag_to_measure(command: str, patched: str) -> None:
    text = f"FROM debian\nRUN {command}\n"
    assert not only("recommended-packages", text).is_safe
    assert fixed("recommended-packages", text) == f"FROM debian\nRUN {patched}\n"


@pytest.mark.parametrize(
    "command",
    [
        "apt-get install --no-install-recommends curl",
        "apt-get -o APT::Install-Recommends=false install curl",
        "apt-get update",
        "apt-get install --download-only curl",
        "apt-get $APT_OPTIONS install curl",
        "echo 'APT::Install-Recommends \"0\";' > /etc/apt/apt.conf.d/x && apt-get install curl",
        "echo apt-get install curl",
    ],
)
def test_no_alarm_about_recommended_packages(command: str) -> None:
    assert none("recommended-packages", f"FROM debian\nRUN {command}\n")


# --- package-cache ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "patched"),
    [
        ("apk add curl", "apk add --no-cache curl"),
        ("apk update && apk add curl", "apk update && apk add curl && rm -rf /var/cache/apk/*"),
        ("pip install -r r.txt", "pip install --no-cache-dir -r r.txt"),
        ("python3 -m pip install x", "python3 -m pip install --no-cache-dir x"),
        ("uv pip install x", "uv pip --no-cache install x"),
        ("dnf install -y httpd", "dnf install -y httpd && dnf clean all"),
        ("zypper install -y x", "zypper install -y x && zypper clean --all"),
        ("npm ci --omit=dev", "npm ci --omit=dev && npm cache clean --force"),
    ],
)
def test_cache_is_kept_out_of_layer(command: str, patched: str) -> None:
    text = f"FROM debian\nRUN {command}\n"
    assert only("package-cache", text).is_safe
    assert fixed("package-cache", text) == f"FROM debian\nRUN {patched}\n"


@pytest.mark.parametrize(
    "run",
    [
        "RUN apk add --no-cache curl",
        "RUN apk add --no-network --virtual .d so:libc.musl-x86_64.so.1",
        "RUN apt-get update && apt-get install --no-install-recommends x && rm -rf /var/lib/apt/lists/*",
        "RUN --mount=type=cache,target=/var/lib/apt apt-get update",
        "RUN --mount=type=cache,target=/root/.cache/pip pip install x",
        "ENV PIP_NO_CACHE_DIR=1\nRUN pip install x",
        "RUN PIP_NO_CACHE_DIR=1 pip install x",
        "RUN pip install --no-cache-dir x",
        "RUN pip --version",
        "RUN pip install x && pip cache purge",
        "RUN npm ci --omit=dev && rm -rf /root/.npm",
        "RUN dnf install -y x && dnf clean all",
        "RUN yum install -y x && rm -rf /var/cache/yum",
    ],
)
def test_removed_cache_gives_no_finding(run: str) -> None:
    assert none("package-cache", f"FROM debian\n{run}\n")


def test_package_lists_used_by_later_run_are_kept() -> None:
    text = "FROM debian\nRUN apt-get update\nRUN apt-get install --no-install-recommends curl\n"
    finding = only("package-cache", text)
    assert finding.edits == ()
    assert "one RUN with line 3" in finding.fix


def test_fix_after_semicolon_keeps_exit_code_of_command() -> None:
    assert only("package-cache", "FROM debian\nRUN apt-get update; apt-get upgrade;\n").edits == ()


# --- permission-copies --------------------------------------------------------------------------------------------


def test_ownership_moves_into_preceding_copies() -> None:
    text = "FROM a\nWORKDIR /app\nCOPY a .\nCOPY b b\nRUN chown -R app:app /app\nUSER app\n"
    assert not only("permission-copies", text).is_safe
    assert fixed("permission-copies", text) == (
        "FROM a\nWORKDIR /app\nCOPY --chown=app:app a .\nCOPY --chown=app:app b b\nUSER app\n"
    )


def test_ownership_moves_over_copies_to_elsewhere_and_settings() -> None:
    text = "FROM a\nCOPY data /srv/data\nCOPY run /usr/bin/run\nENV A=1\nRUN chown -R app:app /srv/data\nUSER app\n"
    assert fixed("permission-copies", text) == (
        "FROM a\nCOPY --chown=app:app data /srv/data\nCOPY run /usr/bin/run\nENV A=1\nUSER app\n"
    )


@pytest.mark.parametrize(
    "between",
    [
        "RUN make data\nRUN chown -R app /app",  # not right before: what make wrote would be left out
        "RUN chown -R app /app && make data",
        "RUN chown -R $USER /app",
        "RUN chmod -R u+x /app",  # --chmod takes numbers only in older builders
    ],
)
def test_ownership_not_movable_has_no_fix(between: str) -> None:
    assert only("permission-copies", f"FROM a\nCOPY . /app\n{between}\n").edits == ()


@pytest.mark.parametrize(
    "run", ["RUN chown -R app /data", "RUN chown app /app", "RUN chmod +x /app/start", "RUN chown -R app /application"]
)
def test_files_from_no_copy_give_no_finding(run: str) -> None:
    assert none("permission-copies", f"FROM a\nCOPY . /app\n{run}\n")


# --- dev-dependencies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "patched"),
    [
        ("npm ci", "npm ci --omit=dev"),
        ("npm install", "npm install --omit=dev"),
        ("yarn install --frozen-lockfile", "yarn install --production --frozen-lockfile"),
        ("pnpm install", "pnpm install --prod"),
    ],
)
def test_install_of_everything_gets_flag(command: str, patched: str) -> None:
    assert fixed("dev-dependencies", f"FROM node\nRUN {command}\n") == f"FROM node\nRUN {patched}\n"


@pytest.mark.parametrize("more", ["RUN npm run build", "RUN npx tsc"])
def test_install_needed_by_build_has_no_patch(more: str) -> None:
    assert only("dev-dependencies", f"FROM node\nRUN npm ci\n{more}\n").edits == ()


def test_install_with_explicit_flag_has_no_patch() -> None:
    assert only("dev-dependencies", "FROM node\nRUN npm ci --include=dev\n").edits == ()


@pytest.mark.parametrize(
    "run",
    [
        "RUN npm ci --omit=dev",
        "RUN npm install --production",
        "RUN npm install -g serve",
        "RUN npm install express",
        "ENV NODE_ENV=production\nRUN npm ci",
        "RUN NODE_ENV=production npm ci",
        "RUN npm ci && npm run x && npm prune --omit=dev",
        "RUN pnpm install --prod",
    ],
)
def test_no_alarm_about_development(run: str) -> None:
    assert none("dev-dependencies", f"FROM node\n{run}\n")


# --- sparse-logs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["-u 1000650000", "-u1000650000", "--uid 1000650000", "--uid=1000650000"])
def test_large_user_number_gets_flag(option: str) -> None:
    text = f"FROM debian\nRUN useradd {option} app\n"
    assert fixed("sparse-logs", text) == f"FROM debian\nRUN useradd -l {option} app\n"


@pytest.mark.parametrize("command", ["useradd -u 1000 a", "useradd -l -u 99999999 a", "useradd a", "useradd -u $UID a"])
def test_small_or_unlogged_user_gives_no_finding(command: str) -> None:
    assert none("sparse-logs", f"FROM debian\nRUN {command}\n")


# --- what all of them share ---------------------------------------------------------------------------------------


def test_comment_accepts_finding_only_with_reason() -> None:
    text = "FROM alpine\nRUN apk add curl\n"
    assert (
        only("package-cache", f"# weighbridge: ignore=package-cache small enough\n{text}").ignored_because
        == "small enough"
    )
    assert only("package-cache", f"# weighbridge: ignore=package-cache\n{text}").ignored_because is None


def test_commands_of_another_shell_are_not_read() -> None:
    assert lint('FROM alpine\nSHELL ["pwsh", "-c"]\nRUN apk add curl\n') == ()


def test_python_heredoc_is_not_read_as_shell() -> None:
    assert lint("FROM python:3-slim\nRUN <<EOF python3\napk add curl\nEOF\n") == ()


def test_findings_are_in_order_of_file() -> None:
    lines = [one.line for one in lint("FROM a/b\nRUN apk add x\nRUN useradd -u 99999 a\nRUN apk add y\n")]
    assert lines == sorted(lines)
    assert len(lines) == 3


# --- arguments-swallowed ------------------------------------------------------------------------------------------

TWO_STAGES = 'FROM busybox AS base\nCMD ["sh", "-c", "sleep 60"]\nFROM base\n'


@pytest.mark.parametrize("entrypoint", ["/docker-entrypoint.sh", "/entrypoint", "/usr/bin/tini", "/run.sh"])
def test_entrypoint_resetting_cmd_of_base_stage_warns_with_command(entrypoint: str) -> None:
    finding = only("arguments-swallowed", f'{TWO_STAGES}ENTRYPOINT ["{entrypoint}"]\n')
    assert (finding.severity, finding.line) == (Severity.WARNING, 4)
    assert finding.fix == 'Repeat it behind the ENTRYPOINT: CMD ["sh", "-c", "sleep 60"]'


def test_shell_form_entrypoint_with_cmd_warns() -> None:
    assert only("arguments-swallowed", 'FROM busybox\nENTRYPOINT echo hello\nCMD ["world"]\n').line == 2


@pytest.mark.parametrize(
    "text",
    [
        TWO_STAGES + 'ENTRYPOINT ["/entrypoint.sh"]\nCMD ["true"]\n',
        TWO_STAGES + 'ENTRYPOINT ["/app/server"]\n',
        TWO_STAGES + 'ENTRYPOINT ["tini", "--", "/app/server"]\n',
        'FROM busybox\nENTRYPOINT ["/entrypoint.sh"]\n',
        'FROM busybox\nCMD ["true"]\nENTRYPOINT ["/entrypoint.sh"]\n',
        'FROM busybox\nENTRYPOINT exec echo "$@"\nCMD ["world"]\n',
        'FROM busybox AS base\nCMD ["x"]\nFROM busybox\nENTRYPOINT ["/entrypoint.sh"]\n',
    ],
)
def test_command_existing_or_unset_gives_no_finding(text: str) -> None:
    assert none("arguments-swallowed", text)
