"""Proposals measured by a build: the changed Dockerfile, and cases without a patch."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from elf_sections import go_build_info
from images import layers_of

from weighbridge.domain.dockerfile import parse_dockerfile
from weighbridge.domain.dockerfile.edits import apply_edits, unified_diff
from weighbridge.domain.image.image import Healthcheck, Image, ImageConfig
from weighbridge.domain.image.origins import LayerOrigin
from weighbridge.domain.image.weighed import WeighedImage, weigh_image
from weighbridge.domain.tips.find import find_tips
from weighbridge.domain.tips.proposals import ladder_candidates
from weighbridge.domain.tips.proposals.bases import runtime_of, slim_variant
from weighbridge.domain.tips.tip import Basis, Candidate, DockerfileSource, Tip

LOADER = "/lib64/ld-linux-x86-64.so.2"
DEBIAN = b'ID=debian\nVERSION_CODENAME=bookworm\nVERSION_ID="12"\n'
C = 'FROM gcc\nCOPY hello.c .\nRUN gcc -o hello hello.c\nCMD ["./hello"]\n'
FLOOR_BYTES = 1


@dataclass(kw_only=True)
class Made:
    """An image that a Dockerfile could have made: files by the line of the instruction that made them."""

    images: Any
    base: dict[str, Any]
    layers: dict[int, dict[str, Any]] = field(default_factory=dict)

    def weigh(self, text: str, **config: Any) -> tuple[WeighedImage, DockerfileSource]:
        dockerfile = parse_dockerfile(text, path="Dockerfile")
        stage = dockerfile.final_stage()
        base = self.images.changeset(self.base)
        changesets = [base, *(self.images.changeset(files) for files in self.layers.values())]
        origins = [LayerOrigin(instruction=None, text=None, line=None, from_base_image=True)]
        for line in self.layers:
            made = next(one for one in stage.instructions if one.line <= line <= one.end_line)
            origins.append(LayerOrigin(instruction=made, text=made.text, line=line, from_base_image=False))
        layers = layers_of(changesets)
        image = Image(image_id="sha256:1", config=replace(ImageConfig(), **config), layers=layers)
        source = DockerfileSource(text=text, dockerfile=dockerfile)
        return weigh_image(image, origins, self.images.contents), source

    def tips(self, text: str, **config: Any) -> dict[str, Tip]:
        image, source = self.weigh(text, **config)
        return {tip.code: tip for tip in find_tips(image, source, minimum_saving_bytes=FLOOR_BYTES)}

    def patched(self, code: str, text: str, **config: Any) -> str:
        tip = self.tips(text, **config)[code]
        assert tip.change is not None, tip
        return apply_edits(text, tip.change.edits)

    def ladder(self, text: str, **config: Any) -> dict[str, Candidate]:
        return {one.name: one for one in ladder_candidates(*self.weigh(text, **config))}


@pytest.fixture
def gcc(images: Any, glibc: Mapping[str, bytes]) -> Made:
    """The image of a compiler with large files."""
    base = {**glibc, "/etc/os-release": DEBIAN, "/bin/sh": b"\x7fELF", "/usr/bin/gcc": bytes(3_000_000)}
    return Made(images=images, base={**base, "/etc/ssl/certs/ca-certificates.crt": b"certificate"})


@pytest.fixture
def dynamic(make_elf: Callable[..., bytes]) -> bytes:
    return make_elf(interpreter=LOADER, needed=("libc.so.6",), undefined=("puts",))


@pytest.fixture
def static(make_elf: Callable[..., bytes]) -> bytes:
    return make_elf(type=2, dynamic=False)


# --- a stage of its own -------------------------------------------------------------------------------------------


def test_dynamic_program_moves_to_stage_with_c_library_only(gcc: Made, dynamic: bytes) -> None:
    gcc.layers = {2: {"/hello.c": b"int main"}, 3: {"/hello": dynamic}}
    tip = gcc.tips(C, cmd=("./hello",))["use-multi-stage"]
    assert (tip.basis, tip.line) == (Basis.UPPER_BOUND, 3)
    assert gcc.patched("use-multi-stage", C, cmd=("./hello",)) == (
        "FROM gcc AS build\nCOPY hello.c .\nRUN gcc -o hello hello.c\n\n"
        'FROM busybox:glibc\nCOPY --from=build /hello /hello\nCMD ["./hello"]\n'
    )


def test_static_program_moves_to_scratch_in_exec_form(gcc: Made, static: bytes) -> None:
    text = "FROM gcc\nWORKDIR /src\nCOPY . .\nRUN gcc -static -o app app.c\nCMD /src/app --loud"
    gcc.base |= {"/bin/sh": "dash", "/bin/dash": static}
    gcc.layers = {3: {"/src/app.c": b"int main"}, 4: {"/src/app": static}}
    assert gcc.patched("use-multi-stage", text, cmd=("/bin/sh", "-c", "/src/app --loud"), workdir="/src") == (
        "FROM gcc AS build\nWORKDIR /src\nCOPY . .\nRUN gcc -static -o app app.c\n\n"
        'FROM scratch\nWORKDIR /src\nCOPY --from=build /src/app /src/app\nCMD ["/src/app", "--loud"]'
    )


def test_data_is_copied_and_sources_and_caches_are_not(gcc: Made, static: bytes) -> None:
    text = 'FROM gcc\nWORKDIR /app\nCOPY . .\nRUN make\nCMD ["/app/server"]\n'
    gcc.layers = {
        3: {"/app/main.c": b"c", "/app/Makefile": b"m", "/app/web/index.html": b"h", "/app/web/a.css": b"a"},
        4: {"/app/server": static, "/app/main.o": b"o", "/root/.cache/x": b"x", "/app/mime.types": b"t"},
    }
    after = gcc.patched("use-multi-stage", text, cmd=("/app/server",), workdir="/app")
    assert after.partition("FROM scratch\n")[2].splitlines() == [
        "WORKDIR /app",
        "COPY --from=build /app/web /app/web",
        "COPY --from=build /app/mime.types /app/",
        "COPY --from=build /app/server /app/server",
        'CMD ["/app/server"]',
    ]


def test_settings_before_last_run_move_with_comments(gcc: Made, static: bytes) -> None:
    text = (
        "FROM gcc\nARG VERSION=1\nENV CFLAGS=-O2 \nENV MODE=fast\n# Who made it.\nLABEL version=$VERSION\n"
        'EXPOSE 80\nCOPY a.c /\nRUN cc -o /a a.c\nUSER 1000\nENTRYPOINT ["/a"]\n'
    )
    gcc.layers = {9: {"/a": static}}
    assert gcc.patched("use-multi-stage", text, entrypoint=("/a",), user="1000") == (
        "FROM gcc AS build\nARG VERSION=1\nENV CFLAGS=-O2 \nENV MODE=fast\nCOPY a.c /\nRUN cc -o /a a.c\n\n"
        "FROM scratch\nCOPY --from=build /a /a\nARG VERSION=1\nENV MODE=fast\nLABEL version=$VERSION\nEXPOSE 80\n"
        'USER 1000\nENTRYPOINT ["/a"]\n'
    )


def test_program_outside_of_default_path_moves_into_it(gcc: Made, static: bytes) -> None:
    text = 'FROM golang\nRUN go install ./cmd/app\nCMD ["app"]\n'
    gcc.layers = {2: {"/go/bin/app": static}}
    after = gcc.patched("use-multi-stage", text, cmd=("app",), env={"PATH": "/go/bin:/bin"}, workdir="/go")
    assert "FROM scratch\nWORKDIR /go\nCOPY --from=build /go/bin/app /usr/local/bin/app\n" in after


def test_program_in_path_of_dockerfile_keeps_its_place(gcc: Made, static: bytes) -> None:
    text = 'FROM golang\nENV PATH=/x:/bin\nRUN go install ./cmd/app\nCMD ["app"]\n'
    gcc.layers = {3: {"/x/app": static}}
    after = gcc.patched("use-multi-stage", text, cmd=("app",), env={"PATH": "/x:/bin"})
    assert "FROM scratch\nCOPY --from=build /x/app /x/app\nENV PATH=/x:/bin\n" in after


def test_later_working_directory_is_not_set_twice(gcc: Made, static: bytes) -> None:
    text = 'FROM gcc\nRUN gcc -o /a a.c\nWORKDIR /srv\nCMD ["/a"]\n'
    gcc.layers = {2: {"/a": static}}
    after = gcc.patched("use-multi-stage", text, cmd=("/a",), workdir="/srv")
    assert after.endswith('FROM scratch\nCOPY --from=build /a /a\nWORKDIR /srv\nCMD ["/a"]\n')


def test_empty_folder_of_user_and_user_before_last_run_are_kept(gcc: Made, static: bytes, images: Any) -> None:
    text = 'FROM gcc\nUSER 7\nCMD ["/a"]\nRUN gcc -static -o /a a.c'
    gcc.layers = {4: {"/a": static, "/data/": images.File(uid=7, gid=7)}}
    assert gcc.patched("use-multi-stage", text, cmd=("/a",), user="7") == (
        "FROM gcc AS build\nUSER 7\nRUN gcc -static -o /a a.c\n\nFROM scratch\n"
        'COPY --from=build --chown=7:7 /data /data\nCOPY --from=build /a /a\nUSER 7\nCMD ["/a"]'
    )


@pytest.mark.parametrize("command", ["CMD /a", "CMD /a $X", "ENTRYPOINT /a"])
def test_command_in_shell_form_before_last_run_has_no_patch(gcc: Made, static: bytes, command: str) -> None:
    text = f"FROM gcc\n{command}\nRUN gcc -static -o /a a.c\n"
    gcc.layers = {3: {"/a": static}}
    assert gcc.tips(text, cmd=("/bin/sh", "-c", "/a"))["use-multi-stage"].change is None


def test_target_stage_keeps_its_name(gcc: Made, static: bytes) -> None:
    text = 'FROM gcc AS app\nRUN gcc -static -o /a a.c\nCMD ["/a"]\n'
    gcc.layers = {2: {"/a": static}}
    image, source = gcc.weigh(text, cmd=("/a",))
    (tip,) = [one for one in find_tips(image, replace(source, target="app")) if one.code == "use-multi-stage"]
    assert tip.change is not None
    assert apply_edits(text, tip.change.edits) == (
        'FROM gcc AS build\nRUN gcc -static -o /a a.c\n\nFROM scratch AS app\nCOPY --from=build /a /a\nCMD ["/a"]\n'
    )


def test_named_user_needs_account_files(gcc: Made, static: bytes) -> None:
    text = 'FROM gcc\nRUN useradd app && gcc -o /a a.c\nUSER app\nENTRYPOINT ["/a"]\n'
    accounts = {"/etc/passwd": b"root:x:0:0::/:/bin/sh\napp:x:7:7::/:/bin/sh\n", "/etc/group": b"app:x:7:\n"}
    gcc.layers = {2: {"/a": static, **accounts}}
    after = gcc.patched("use-multi-stage", text, entrypoint=("/a",), user="app")
    assert "FROM scratch\nCOPY --from=build /etc/passwd /etc/group /etc/\nCOPY --from=build /a /a\nUSER app\n" in after


def test_tls_client_needs_certificates_and_zone_files(gcc: Made, static: bytes) -> None:
    text = 'FROM golang\nRUN CGO_ENABLED=0 go build -o /a .\nENV TZ=Europe/Paris\nENTRYPOINT ["/a"]\n'
    gcc.base["/usr/share/zoneinfo/Europe/Paris"] = b"TZif"
    gcc.layers = {2: {"/a": static + b"net/http.(*Client).do"}}
    after = gcc.patched("use-multi-stage", text, entrypoint=("/a",), env={"TZ": "Europe/Paris"})
    assert "COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/\n" in after
    assert "COPY --from=build /usr/share/zoneinfo /usr/share/zoneinfo\n" in after


def test_program_executing_others_keeps_distribution(gcc: Made, make_elf: Callable[..., bytes]) -> None:
    program = make_elf(interpreter=LOADER, needed=("libc.so.6",), undefined=("puts", "system"))
    gcc.layers = {3: {"/hello": program}}
    libc = "/lib/x86_64-linux-gnu/libc.so.6"
    gcc.base[libc] = make_elf(soname="libc.so.6", exports=("puts", "system"))
    assert "\nFROM debian:bookworm-slim\n" in gcc.patched("use-multi-stage", C, cmd=("./hello",))


def test_library_of_package_is_installed_by_package_name(gcc: Made, make_elf: Callable[..., bytes]) -> None:
    text = 'FROM gcc\nRUN apt-get update && apt-get install -y libpq-dev && gcc -o /a a.c -lpq\nCMD ["/a"]\n'
    program = make_elf(interpreter=LOADER, needed=("libpq.so.5", "libc.so.6"), undefined=("puts",))
    library = "/usr/lib/x86_64-linux-gnu/libpq.so.5"
    gcc.layers = {
        2: {
            "/a": program,
            library: make_elf(soname="libpq.so.5"),
            "/var/lib/dpkg/info/libpq5:amd64.list": f"/.\n{library}\n".encode(),
        }
    }
    after = gcc.patched("use-multi-stage", text, cmd=("/a",))
    assert (
        "FROM debian:bookworm-slim\nRUN apt-get update && apt-get install -y --no-install-recommends libpq5 \\\n"
        "    && rm -rf /var/lib/apt/lists/*\nCOPY --from=build /a /a\n"
    ) in after


@pytest.mark.parametrize(
    "text",
    [
        'FROM gcc\nSHELL ["/bin/bash", "-c"]\nRUN gcc -o /a a.c\nCMD ["/a"]\n',
        'FROM gcc\nRUN gcc -o /a a.c\nONBUILD RUN true\nCMD ["/a"]\n',
        'FROM debian AS base\nRUN true\nFROM base\nRUN gcc -o /a a.c\nCMD ["/a"]\n',
        '# escape=`\nFROM gcc\nRUN gcc -o /a a.c\nCMD ["/a"]\n',
    ],
)
def test_stage_with_hidden_meaning_has_no_patch(gcc: Made, static: bytes, text: str) -> None:
    line = next(number for number, line in enumerate(text.splitlines(), 1) if "gcc -o" in line)
    gcc.layers = {line: {"/a": static}}
    assert not [tip for tip in gcc.tips(text, cmd=("/a",)).values() if tip.change]


def test_health_check_calling_another_program_has_no_patch(gcc: Made, static: bytes) -> None:
    text = 'FROM gcc\nRUN gcc -o /a a.c\nHEALTHCHECK CMD ["curl", "localhost"]\nCMD ["/a"]\n'
    gcc.layers = {2: {"/a": static}}
    tips = gcc.tips(text, cmd=("/a",), healthcheck=Healthcheck(test=("CMD", "curl", "localhost")))
    assert tips["use-multi-stage"].change is None


def test_line_ends_directive_heredoc_and_missing_newline_are_kept(gcc: Made, static: bytes, tmp_path: Path) -> None:
    text = '# syntax=docker/dockerfile:1\r\nFROM gcc\r\nRUN <<EOF\r\ngcc -o /a a.c\r\nEOF\r\n# Starts it.\r\nCMD ["/a"]'
    gcc.layers = {3: {"/a": static}}
    after = gcc.patched("use-multi-stage", text, cmd=("/a",))
    assert after == text.replace("FROM gcc", "FROM gcc AS build").replace(
        "EOF\r\n# S", "EOF\r\n\r\nFROM scratch\r\nCOPY --from=build /a /a\r\n# S"
    )
    change = gcc.tips(text, cmd=("/a",))["use-multi-stage"].change
    assert change is not None
    (tmp_path / "Dockerfile").write_bytes(text.encode())
    patch = unified_diff("Dockerfile", text, change.edits).encode()
    command = ["git", "-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "-"]
    subprocess.run(command, cwd=tmp_path, input=patch, check=True)
    assert (tmp_path / "Dockerfile").read_bytes() == after.encode()


@pytest.mark.parametrize("folder", ["/a b", "/a\nRUN evil", "/$HOME", '/"'])
def test_names_with_dockerfile_syntax_have_no_patch(gcc: Made, static: bytes, folder: str) -> None:
    text = 'FROM gcc\nRUN gcc -static -o /a a.c\nCMD ["/a"]\n'
    gcc.layers = {2: {"/a": static}}
    assert gcc.tips(text, cmd=("/a",), workdir=folder)["use-multi-stage"].change is None
    gcc.layers = {2: {"/a": static, f"/data{folder}": b"data"}}
    assert gcc.tips(text, cmd=("/a",))["use-multi-stage"].change is None


def test_library_and_package_with_hostile_names_have_no_patch(gcc: Made, make_elf: Callable[..., bytes]) -> None:
    text = 'FROM gcc\nRUN gcc -o /a a.c -lx\nCMD ["/a"]\n'
    program = make_elf(interpreter=LOADER, needed=("libx.so", "libc.so.6"), undefined=("puts",), runpath="/opt")
    gcc.layers = {2: {"/a": program, "/opt/libx.so": make_elf(soname="x\nRUN evil")}}
    assert gcc.tips(text, cmd=("/a",))["use-multi-stage"].change is None
    library = "/usr/lib/x86_64-linux-gnu/libx.so"
    lists = {"/var/lib/dpkg/info/x;evil.list": f"{library}\n".encode()}
    gcc.layers = {2: {"/a": program, library: make_elf(soname="libx.so"), **lists}}
    assert gcc.tips(text, cmd=("/a",))["use-multi-stage"].change is None


# --- a smaller base -----------------------------------------------------------------------------------------------

COPIED = 'FROM golang AS b\nRUN CGO_ENABLED=0 go build -o /a .\nFROM debian:bookworm\nCOPY --from=b /a /a\nCMD ["/a"]\n'


def test_certificates_come_from_build_stage(gcc: Made, static: bytes) -> None:
    del gcc.base["/etc/ssl/certs/ca-certificates.crt"]
    gcc.layers = {4: {"/a": static + b"net/http.(*Client).do"}}
    assert gcc.patched("smaller-base", COPIED, cmd=("/a",)).endswith(
        "FROM scratch\n# The program needs CA certificates for TLS.\n"
        'COPY --from=b /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/\nCOPY --from=b /a /a\nCMD ["/a"]\n'
    )


def test_final_stage_with_run_becomes_build_stage(gcc: Made, static: bytes) -> None:
    text = COPIED.replace("COPY --from", "RUN apt-get update && apt-get install -y ca-certificates\nCOPY --from")
    bundle = {"/etc/ssl/certs/ca-certificates.crt": b"certificate"}
    gcc.layers = {4: bundle, 5: {"/a": static + b"net/http.(*Client).do"}}
    assert gcc.patched("smaller-base", text, cmd=("/a",)).partition("ca-certificates\n")[2] == (
        "\nFROM scratch\nCOPY --from=build-1 /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/\n"
        'COPY --from=b /a /a\nCMD ["/a"]\n'
    )


def test_base_already_small_gives_no_tip(gcc: Made, static: bytes) -> None:
    gcc.base["/usr/bin/gcc"] = b""
    gcc.layers = {4: {"/a": static}}
    assert gcc.tips(COPIED, cmd=("/a",)) == {}


def test_image_of_interpreter_has_slim_variant(images: Any, static: bytes) -> None:
    made = Made(images=images, base={"/usr/local/bin/python3.12": static})
    text = 'FROM python:3.12\nCOPY a.py /\nCMD ["python3.12", "/a.py"]\n'
    made.layers = {2: {"/a.py": b"print()"}}
    assert made.patched("smaller-base", text, cmd=("python3.12", "/a.py")).startswith("FROM python:3.12-slim\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("eclipse-temurin:17", "eclipse-temurin:17-jre"),
        ("eclipse-temurin:21-jdk-alpine", "eclipse-temurin:21-jre-alpine"),
        ("eclipse-temurin:17-jre", None),
        ("eclipse-temurin", None),
    ],
)
def test_image_with_jdk_has_one_with_runtime(before: str, after: str | None) -> None:
    assert runtime_of(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("debian:bookworm", "debian:bookworm-slim"),
        ("debian:12.5", "debian:12.5-slim"),
        ("debian:bookworm-20240110", "debian:bookworm-20240110-slim"),
        ("docker.io/library/node:20-bookworm", "docker.io/library/node:20-bookworm-slim"),
        ("python:3.12-bookworm", "python:3.12-slim-bookworm"),
        ("python:latest", None),
        ("debian:latest", None),
        ("debian:bookworm-slim", None),
        ("debian:bookworm-backports", None),
        ("python:3.12-alpine", None),
        ("debian", None),
    ],
)
def test_official_image_has_slim_variant(before: str, after: str | None) -> None:
    assert slim_variant(before) == after


# --- static builds ------------------------------------------------------------------------------------------------


def test_c_program_is_linked_static_and_moves_to_scratch(gcc: Made, dynamic: bytes) -> None:
    gcc.layers = {2: {"/hello.c": b"int main"}, 3: {"/hello": dynamic}}
    after = gcc.patched("build-static", C, cmd=("./hello",))
    assert "RUN gcc -static -o hello hello.c\n\nFROM scratch\n" in after


def test_static_glibc_with_name_lookup_gives_remark(gcc: Made, make_elf: Callable[..., bytes]) -> None:
    gcc.base["/lib/x86_64-linux-gnu/libc.so.6"] = make_elf(soname="libc.so.6", exports=("getaddrinfo",))
    program = make_elf(interpreter=LOADER, needed=("libc.so.6",), undefined=("getaddrinfo",))
    gcc.layers = {3: {"/hello": program}}
    assert "looks names up" in gcc.tips(C, cmd=("./hello",))["build-static"].explanation


def test_program_opening_libraries_stays_dynamic(gcc: Made, make_elf: Callable[..., bytes]) -> None:
    gcc.base["/lib/x86_64-linux-gnu/libc.so.6"] = make_elf(soname="libc.so.6", exports=("dlopen",))
    gcc.layers = {3: {"/hello": make_elf(interpreter=LOADER, needed=("libc.so.6",), undefined=("dlopen",))}}
    assert "build-static" not in gcc.tips(C, cmd=("./hello",))


@pytest.mark.parametrize("command", ["gcc -static -o hello hello.c", "gcc -c hello.c && ld -o hello hello.o", "make"])
def test_flag_existing_or_with_unknown_place_is_not_added(gcc: Made, dynamic: bytes, command: str) -> None:
    gcc.layers = {3: {"/hello": dynamic}}
    assert "build-static" not in gcc.tips(C.replace("gcc -o hello hello.c", command), cmd=("./hello",))


def build_static(gcc: Made, made: bytes, run: str) -> str | None:
    """The ``RUN`` after the tip's change; ``None`` without a change."""
    gcc.layers = {2: {"/a": made}}
    tip = gcc.tips(text := f'FROM gcc\nRUN {run}\nCMD ["/a"]\n', cmd=("/a",)).get("build-static")
    if tip is None or tip.change is None:
        return None
    return apply_edits(text, tip.change.edits).partition("RUN ")[2].partition("\n\nFROM scratch\n")[0]


@pytest.mark.parametrize(
    ("run", "after"),
    [
        ("rustc a.rs", "rustc -C target-feature=+crt-static a.rs"),
        ("rustc --crate-type lib a.rs", None),
        ("cargo build", 'RUSTFLAGS="-C target-feature=+crt-static" cargo build'),
        ("RUSTFLAGS=-x cargo build", None),
        ('["cargo", "build"]', None),
        ("cargo fetch", None),
    ],
)
def test_rust_program_is_linked_static_by_flag(gcc: Made, dynamic: bytes, run: str, after: str | None) -> None:
    assert build_static(gcc, dynamic, run) == after


def test_cxx_program_is_linked_static_with_its_library(gcc: Made, make_elf: Callable[..., bytes]) -> None:
    gcc.base["/usr/lib/x86_64-linux-gnu/libstdc++.so.6"] = make_elf(soname="libstdc++.so.6")
    made = make_elf(interpreter=LOADER, needed=("libstdc++.so.6", "libc.so.6"), undefined=("puts",))
    assert build_static(gcc, made, "g++ -o /a a.cc") == "g++ -static -o /a a.cc"
    assert build_static(gcc, made, "make") is None


@pytest.mark.parametrize(
    ("calling", "run", "after"),
    [
        (b"net._C2func_getaddrinfo", "go build -o /a .", "CGO_ENABLED=0 go build -o /a ."),
        (b"", "CGO_ENABLED=1 go build -o /a .", "CGO_ENABLED=0 go build -o /a ."),
        (
            b"acme/db._Cfunc_open",
            "go build -o /a .",
            'go build -tags netgo,osusergo -ldflags "-extldflags -static" -o /a .',
        ),
        (b"acme/db._Cfunc_open", "go build -tags x -o /a .", None),
        (b"", "make", None),
    ],
)
def test_go_program_with_cgo_is_built_without_it_or_linked_static(
    gcc: Made, make_elf: Callable[..., bytes], calling: bytes, run: str, after: str | None
) -> None:
    info = go_build_info("path\tacme\nbuild\tCGO_ENABLED=1\n")
    made = make_elf(
        interpreter=LOADER, needed=("libc.so.6",), undefined=("puts",), segment_flags=7, trailer=info + b"\0" + calling
    )
    assert build_static(gcc, made, run) == after


# --- the ladder ---------------------------------------------------------------------------------------------------


def test_ladder_of_dynamic_program_ends_with_static_on_scratch(gcc: Made, dynamic: bytes) -> None:
    gcc.layers = {2: {"/hello.c": b"int main"}, 3: {"/hello": dynamic}}
    ladder = gcc.ladder(C, cmd=("./hello",))
    assert list(ladder) == [
        "debian:bookworm-slim",
        "gcr.io/distroless/cc-debian12",
        "gcr.io/distroless/base-debian12",
        "busybox:glibc",
        "alpine:3, static with -static",
        "gcr.io/distroless/static-debian12, static with -static",
        "scratch, static with -static",
        "alpine:3, compiled with musl",
        "scratch, static with musl",
    ]
    assert "a shell" not in ladder["busybox:glibc"].lost
    assert {"a shell", "CA certificates"} <= set(ladder["scratch, static with -static"].lost)
    assert {"CA certificates"} & set(ladder["debian:bookworm-slim"].lost)


def test_ladder_of_program_started_by_script_keeps_shell(gcc: Made, static: bytes) -> None:
    text = 'FROM gcc\nCOPY start.sh /\nRUN gcc -static -o /a a.c\nCMD ["/start.sh"]\n'
    gcc.base |= {"/bin/sh": "dash", "/bin/dash": static}
    gcc.layers = {2: {"/start.sh": b"#!/bin/sh\nexec /a\n"}, 3: {"/a": static}}
    ladder = gcc.ladder(text, cmd=("/start.sh",))
    assert list(ladder) == ["debian:bookworm-slim"]
    after = apply_edits(text, ladder["debian:bookworm-slim"].change.edits)
    assert "COPY --from=build /start.sh /" in after


def test_interpreter_or_packaged_program_has_no_ladder(gcc: Made, static: bytes) -> None:
    text = 'FROM debian\nRUN apt-get update && apt-get install -y nginx\nCMD ["/usr/sbin/nginx"]\n'
    gcc.layers = {2: {"/usr/sbin/nginx": static}}
    assert gcc.ladder(text, cmd=("/usr/sbin/nginx",)) == {}


LOSSES = ("a shell", "debug tools", "apt", "CA certificates", "time zones", "users (/etc/passwd)")


def test_ladder_names_the_parts_that_each_base_lacks(gcc: Made, static: bytes) -> None:
    passwd = b"root:x:0:0::/:/bin/sh\n"
    gcc.base |= {"/bin/ls": b"", "/usr/bin/apt-get": b"", "/usr/share/zoneinfo/UTC": b"TZif", "/etc/passwd": passwd}
    gcc.layers = {4: {"/a": static}}
    assert {name: one.lost for name, one in gcc.ladder(COPIED, cmd=("/a",)).items()} == {
        "debian:bookworm-slim": ("CA certificates", "time zones"),
        "alpine:3": ("apt", "time zones"),
        "gcr.io/distroless/static-debian12": ("a shell", "debug tools", "apt"),
        "scratch": LOSSES,
    }


@pytest.mark.parametrize(
    ("base", "instructions", "config", "bases"),
    [
        ("golang", "", {"env": {"TZ": "UTC"}}, ["gcr.io/distroless/static-debian12"]),
        ("golang", "USER nobody\n", {"user": "nobody"}, ["debian:bookworm-slim", "gcr.io/distroless/static-debian12"]),
        ("golang", "USER app\n", {"user": "app"}, []),
        ("golang", "HEALTHCHECK CMD /a $X\n", {}, ["debian:bookworm-slim", "alpine:3"]),
    ],
)
def test_ladder_has_bases_with_the_needs_of_the_settings_only(
    gcc: Made, static: bytes, base: str, instructions: str, config: dict[str, Any], bases: list[str]
) -> None:
    gcc.base |= {"/usr/share/zoneinfo/UTC": b"TZif", "/etc/passwd": b"nobody:x:7:7::/:/bin/sh\n"}
    gcc.layers = {4: {"/a": static}}
    assert list(gcc.ladder(COPIED.replace("golang", base) + instructions, cmd=("/a",), **config)) == bases


@pytest.mark.parametrize(
    "copy", ["FROM debian AS b\nRUN make\nFROM debian\nCOPY --from=b a /a", "FROM debian\nCOPY a /a"]
)
def test_ladder_of_tls_client_without_source_of_certificates_has_bases_with_them(
    gcc: Made, static: bytes, copy: str
) -> None:
    text = f'{copy}\nCMD ["/a"]\n'
    gcc.layers = {copy.count("\n") + 1: {"/a": static + b"net/http.(*Client).do"}}
    assert list(gcc.ladder(text, cmd=("/a",))) == ["alpine:3", "gcr.io/distroless/static-debian12"]


def test_ladder_of_base_in_variable_is_empty(gcc: Made, static: bytes) -> None:
    gcc.layers = {5: {"/a": static}}
    assert gcc.ladder("ARG BASE=debian:bookworm\n" + COPIED.replace("debian:bookworm", "$BASE"), cmd=("/a",)) == {}


def test_musl_program_moves_to_alpine_with_its_own_library(images: Any, musl: dict[str, bytes], make_elf: Any) -> None:
    made = Made(images=images, base={**musl, "/usr/bin/gcc": bytes(3_000_000), "/bin/sh": b"\x7fELF"})
    needed = ("libx.so.1", "libc.musl-x86_64.so.1")
    program = make_elf(
        interpreter="/lib/ld-musl-x86_64.so.1", needed=needed, undefined=("puts",), runpath="/src/vendor"
    )
    made.layers = {
        2: {
            "/a": program,
            "/src/vendor/libx.so.1": "libx.so.1.2",
            "/src/vendor/libx.so.1.2": make_elf(soname="libx.so.1"),
        }
    }
    text = 'FROM acme/toolchain\nRUN make && gcc -o /a a.c\nCMD ["/a"]\n'
    assert made.patched("use-multi-stage", text, cmd=("/a",)).partition("\n\n")[2] == (
        "FROM alpine:3\nCOPY --from=build /src/vendor/libx.so.1.2 /src/vendor/libx.so.1\n"
        'COPY --from=build /a /a\nCMD ["/a"]\n'
    )


@pytest.mark.parametrize(
    ("run", "musl"),
    [
        ("gcc -o /a a.c", True),
        ("cd /x && gcc -o /a a.c", True),
        ("gcc -o /a a.c -lm", False),
        ("gcc -o /b b.c && gcc -o /a a.c", False),
        ("<<EOF\ngcc -o /a a.c\nEOF", False),
    ],
)
def test_ladder_has_musl_builds_of_one_plain_compilation_only(gcc: Made, dynamic: bytes, run: str, musl: bool) -> None:
    gcc.layers = {2: {"/a": dynamic}}
    ladder = gcc.ladder(text := f'FROM gcc\nRUN {run}\nCMD ["/a"]\n', cmd=("/a",))
    assert ("scratch, static with musl" in ladder) == musl
    if musl:
        after = apply_edits(text, ladder["scratch, static with musl"].change.edits)
        assert "apt-get install -y --no-install-recommends musl-tools && " in after
        assert "musl-gcc -static -o /a a.c" in after


# --- programs that are interpreted --------------------------------------------------------------------------------

JAVA = (
    "FROM eclipse-temurin:17\nWORKDIR /app\nCOPY . .\nRUN javac A.java && jar cf a.jar A.class\n"
    'CMD ["java", "-jar", "a.jar"]\n'
)


def interpreted(images: Any, static: bytes, path: str, layers: dict[int, dict[str, Any]]) -> Made:
    return Made(images=images, base={path: static, "/bin/sh": "dash", "/bin/dash": static}, layers=layers)


def test_archive_moves_with_data_to_image_with_runtime(images: Any, static: bytes) -> None:
    layers = {3: {"/app/A.java": b"class", "/app/a.properties": b"a=1"}, 4: {"/app/A.class": b"c", "/app/a.jar": b"PK"}}
    java = interpreted(images, static, "/usr/bin/java", layers)
    config = {"cmd": ("java", "-jar", "a.jar"), "workdir": "/app"}
    assert java.patched("use-multi-stage", JAVA, **config).partition("FROM eclipse-temurin:17-jre\n")[2] == (
        'WORKDIR /app\nCOPY --from=build /app/a.jar /app/a.properties /app/\nCMD ["java", "-jar", "a.jar"]\n'
    )


def test_node_project_built_in_place_is_pruned_and_copied(images: Any, static: bytes) -> None:
    text = 'FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm ci && npm run build\nEXPOSE 80\nCMD ["node", "dist/a.js"]\n'
    node = interpreted(images, static, "/usr/local/bin/node", {4: {"/app/dist/a.js": b"a"}})
    after = node.patched("use-multi-stage", text, cmd=("node", "dist/a.js"), workdir="/app")
    assert after == (
        "FROM node:20 AS build\nWORKDIR /app\nCOPY . .\nRUN npm ci && npm run build\nRUN npm prune --omit=dev\n\n"
        'FROM node:20\nWORKDIR /app\nCOPY --from=build /app /app\nEXPOSE 80\nCMD ["node", "dist/a.js"]\n'
    )


@pytest.mark.parametrize(
    "run",
    [
        "apt-get install -y x && npm ci && npm run build",
        "npm i -g pm2 && npm run build",
        "yarn && yarn build",
        "npm run build",
    ],
)
def test_node_project_writing_outside_its_folder_has_no_patch(images: Any, static: bytes, run: str) -> None:
    text = f'FROM node:20\nWORKDIR /app\nCOPY . .\nRUN {run}\nCMD ["node", "dist/a.js"]\n'
    node = interpreted(images, static, "/usr/local/bin/node", {4: {"/app/dist/a.js": b"a"}})
    assert node.tips(text, cmd=("node", "dist/a.js"), workdir="/app")["use-multi-stage"].change is None


def test_compiled_pip_packages_are_copied_with_libraries(
    images: Any, make_elf: Callable[..., bytes], static: bytes
) -> None:
    text = (
        "FROM python:3-slim\nENV PYTHONUNBUFFERED=1\n"
        "RUN apt-get update && apt-get install -y build-essential libpq-dev curl\n"
        "WORKDIR /app\nCOPY requirements.txt .\nRUN pip install --upgrade pip && pip install -r requirements.txt\n"
        'COPY . .\nCMD ["python3", "app.py"]\n'
    )
    library = "/usr/lib/x86_64-linux-gnu/libpq.so.5"
    lists = {"/var/lib/dpkg/info/libpq5.list": f"{library}\n".encode()}
    addon = "/usr/local/lib/python3.12/site-packages/a.so"
    python = interpreted(
        images,
        static,
        "/usr/local/bin/python3",
        {3: {library: make_elf(soname="libpq.so.5"), **lists}, 6: {addon: make_elf(needed=("libpq.so.5",))}},
    )
    after = python.patched("use-multi-stage", text, cmd=("python3", "app.py"), workdir="/app")
    assert after.partition("COPY requirements.txt .\n")[2] == (
        "RUN pip install --upgrade pip && pip install --root=/install -r requirements.txt\n\n"
        "FROM python:3-slim\nWORKDIR /app\n"
        "RUN apt-get update && apt-get install -y --no-install-recommends curl libpq5 \\\n"
        "    && rm -rf /var/lib/apt/lists/*\n"
        "COPY --from=build /install /\nENV PYTHONUNBUFFERED=1\nCOPY . .\n"
        'CMD ["python3", "app.py"]\n'
    )


@pytest.mark.parametrize("run", ["apt-get update && javac A.java", "javac A.java"])
def test_java_project_with_packages_or_without_classes_has_no_patch(images: Any, static: bytes, run: str) -> None:
    text = f'FROM eclipse-temurin:17\nRUN {run}\nCMD ["java", "A"]\n'
    java = interpreted(images, static, "/usr/bin/java", {2: {"/A.java": b"class"}})
    assert java.tips(text, cmd=("java", "A"))["use-multi-stage"].change is None


def test_packages_of_python_m_pip_are_copied(images: Any, static: bytes) -> None:
    text = (
        "FROM python:3-slim\nRUN apt-get update && apt-get install -y gcc\nRUN python3 -m pip install x\n"
        'CMD ["python3", "a.py"]\n'
    )
    python = interpreted(images, static, "/usr/local/bin/python3", {})
    after = python.patched("use-multi-stage", text, cmd=("python3", "a.py"))
    assert after.partition("gcc\n")[2] == (
        "RUN python3 -m pip install --root=/install x\n\nFROM python:3-slim\nCOPY --from=build /install /\n"
        'CMD ["python3", "a.py"]\n'
    )


@pytest.mark.parametrize(
    "run",
    [
        "pip install --user -r r.txt",
        "pip install -e .",
        "pip install x && make data",
        "python3 -m build && pip install",
    ],
)
def test_pip_install_elsewhere_or_incomplete_has_no_patch(images: Any, static: bytes, run: str) -> None:
    text = f'FROM python:3\nRUN apt-get update && apt-get install -y gcc\nRUN {run}\nCMD ["python3", "a.py"]\n'
    python = interpreted(images, static, "/usr/local/bin/python3", {})
    assert python.tips(text, cmd=("python3", "a.py"))["use-multi-stage"].change is None


def test_node_project_with_copy_outside_its_folder_has_no_patch(images: Any, static: bytes) -> None:
    text = 'FROM node:20\nWORKDIR /app\nCOPY a /b\nRUN npm ci && npm run build\nCMD ["node", "a.js"]\n'
    node = interpreted(images, static, "/usr/local/bin/node", {4: {"/app/a.js": b"a"}})
    assert node.tips(text, cmd=("node", "a.js"), workdir="/app")["use-multi-stage"].change is None


# --- what lint's edits do for tips --------------------------------------------------------------------------------


def test_computed_tip_uses_edit_of_lint(gcc: Made) -> None:
    text = "FROM debian\nRUN apt-get update \\\n    && apt-get install -y --no-install-recommends curl\n"
    gcc.layers = {2: {"/var/lib/apt/lists/a": bytes(500)}}
    tip = gcc.tips(text)["package-cache"]
    assert (tip.saved_bytes, tip.basis) == (500, Basis.COMPUTED)
    assert gcc.patched("package-cache", text).endswith("curl \\\n    && rm -rf /var/lib/apt/lists/*\n")


def test_two_caches_of_one_run_are_one_tip_with_one_change(gcc: Made) -> None:
    text = "FROM debian\nRUN apt-get update && apt-get install -y --no-install-recommends a && pip install b\n"
    gcc.layers = {2: {"/var/lib/apt/lists/a": bytes(500), "/root/.cache/pip/x": bytes(300)}}
    image, source = gcc.weigh(text)
    (tip,) = [one for one in find_tips(image, source, minimum_saving_bytes=1) if one.code == "package-cache"]
    assert tip.saved_bytes == 800
    assert tip.change is not None
    assert len(tip.change.edits) == 2


def test_lint_only_tip_has_no_saving(gcc: Made) -> None:
    text = "FROM debian\nRUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\n"
    tip = gcc.tips(text)["recommended-packages"]
    assert (tip.saved_bytes, tip.basis, tip.line) == (None, Basis.UNKNOWN, 2)
    assert "--no-install-recommends" in gcc.patched("recommended-packages", text)


def test_tip_ignored_by_author_is_omitted(gcc: Made) -> None:
    text = "# weighbridge: ignore=recommended-packages wanted\nFROM debian\nRUN apt-get install -y curl\n"
    assert "recommended-packages" not in gcc.tips(text)
