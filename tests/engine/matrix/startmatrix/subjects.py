"""The subjects of the matrix. Programs made elsewhere and here, scripts, and configs that are easy to get wrong."""

from __future__ import annotations

from collections.abc import Mapping

from startmatrix.model import File, Subject

_LATER = "the shell decides while it runs"


def subjects() -> dict[str, Subject]:
    """All subjects by name."""
    found: dict[str, Subject] = {}
    for subject in (*_packaged(), *_own_c(), *_libraries(), *_other_languages(), *_scripts(), *_configs(), *_health()):
        if subject.name in found:
            raise ValueError(f"two subjects are called {subject.name}")
        found[subject.name] = subject
    return found


def part(name: str, **changes: object) -> File:
    """A file, or a folder of files, of the built parts."""
    return File(part=name, **changes)  # type: ignore[arg-type]


def text(content: str | bytes, mode: int = 0o755, **changes: object) -> File:
    """A file with this content."""
    return File(content=content.encode() if isinstance(content, str) else content, mode=mode, **changes)  # type: ignore[arg-type]


def link(target: str) -> File:
    """A symlink."""
    return File(link=target)


def directory(mode: int = 0o755, uid: int = 0, gid: int = 0) -> File:
    """A directory."""
    return File(directory=True, mode=mode, uid=uid, gid=gid)


def _program(name: str, part_name: str, marker: str, *arguments: str, **changes: object) -> Subject:
    return Subject(
        name=name,
        files={"app/program": part(part_name)},
        command=("/app/program", *arguments),
        marker=marker,
        **changes,  # type: ignore[arg-type]
    )


def _packaged() -> list[Subject]:
    """Programs that others built: from wheels, from npm packages, from the distribution's releases."""
    found = []
    for program, marker in (("ruff", "ruff 0."), ("uv", "uv 0."), ("node", "v22.")):
        kinds = (f"{program}-manylinux", f"{program}-musllinux")
        found += [_program(name, name, marker, "--version") for name in kinds]
    npm = {
        "esbuild": ("npm/esbuild-linux-x64-0.25.0/bin/esbuild", "0.25.0"),
        "biome-gnu": ("npm/biomejs-cli-linux-x64-1.9.4/biome", "Version:"),
        "biome-musl": ("npm/biomejs-cli-linux-x64-musl-1.9.4/biome", "Version:"),
        "lightningcss-gnu": ("npm/lightningcss-cli-linux-x64-gnu-1.29.1/lightningcss", "lightningcss 1."),
        "lightningcss-musl": ("npm/lightningcss-cli-linux-x64-musl-1.29.1/lightningcss", "lightningcss 1."),
    }
    for name, (path, marker) in npm.items():
        found.append(_program(name, path, marker, "--version"))
    for release in ("bullseye", "bookworm", "trixie"):
        for program, marker in (
            ("cat", "GNU coreutils"),
            ("grep", "GNU grep"),
            ("tar", "GNU tar"),
            ("bash", "GNU bash"),
        ):
            found.append(_program(f"{release}-{program}", f"{release}/{program}", marker, "--version"))
    for package, libc in (("rollup-rollup-linux-x64", "gnu"), ("rollup-rollup-linux-x64", "musl")):
        module = f"node_modules/@rollup/rollup-linux-x64-{libc}/rollup.linux-x64-{libc}.node"
        file = "rollup.linux-x64-" + libc + ".node"
        found.append(
            Subject(
                name=f"node-addon-rollup-{libc}",
                files={
                    "app/node": part("node-manylinux"),
                    f"app/{module}": part(f"npm/{package}-{libc}-4.34.0/{file}"),
                },
                command=("/app/node", "-e", f"require('/app/{module}'); console.log('started: add-on')"),
                marker="started: add-on",
                cause=7,
            )
        )
    for libc in ("gnu", "musl"):
        module = f"node_modules/@swc/core-linux-x64-{libc}/swc.linux-x64-{libc}.node"
        found.append(
            Subject(
                name=f"node-addon-swc-{libc}",
                files={
                    "app/node": part("node-musllinux"),
                    f"app/{module}": part(f"npm/swc-core-linux-x64-{libc}-1.10.0/swc.linux-x64-{libc}.node"),
                },
                command=("/app/node", "-e", f"require('/app/{module}'); console.log('started: add-on')"),
                marker="started: add-on",
            )
        )
    return found


def _own_c() -> list[Subject]:
    hello = "started: hello"
    found = [
        _program("c-glibc-2.36", "c-glibc", hello, cause=1),
        _program("c-glibc-2.36-no-pie", "c-glibc-nopie", hello),
        _program("c-glibc-2.41", "c-glibc241", hello),
        _program("c-glibc-2.17", "c-glibc217", hello),
        _program("c-static", "c-static", hello),
        _program("c-static-2.41", "c-static241", hello),
        _program("c-static-pie", "c-static-pie", hello),
        _program("c-static-names", "c-static-names", "started: names"),
        _program("c-names", "c-names", "started: names"),
        _program("c-musl", "c-musl", hello),
        _program("c-musl-static", "c-musl-static", hello),
        _program("c-maths", "c-maths", "started: maths"),
        _program("c-maths-2.41", "c-maths241", "started: maths"),
        _program("c-number-2.36", "c-number", "started: number"),
        _program("c-number-2.41", "c-number241", "started: number", cause=3),
        _program("c-fortified", "c-fortified", "started: fortified"),
        _program("c-fortified-now", "c-fortified-now", "started: fortified"),
        _program("c-relr", "c-relr", hello),
        _program("c-relr-2.41", "c-relr241", hello),
        _program("c-sysv-hash", "c-sysv-hash", hello),
        _program("c-stripped", "c-stripped", hello),
        _program("c-loader-elsewhere", "c-other-loader", hello),
        _program("cpp-2.36", "cpp-glibc", "started: cpp", cause=6),
        _program("cpp-2.41", "cpp-glibc241", "started: cpp", cause=4),
        _program("cpp-own-libraries-static", "cpp-static-libs", "started: cpp"),
        _program("cpp-static", "cpp-static", "started: cpp"),
        Subject(
            name="c-setuid",
            files={"app/program": part("c-glibc", mode=0o4755)},
            command=("/app/program",),
            marker=hello,
            user="1000",
        ),
        Subject(
            name="c-behind-symlinks",
            files={"app/one": link("two"), "app/two": link("/opt/program"), "opt/program": part("c-static")},
            command=("/app/one",),
            marker=hello,
        ),
        Subject(
            name="c-symlink-loop",
            files={"app/one": link("two"), "app/two": link("one")},
            command=("/app/one",),
            marker=hello,
        ),
        Subject(name="c-dangling-symlink", files={"app/one": link("/opt/none")}, command=("/app/one",), marker=hello),
        Subject(
            name="c-glibc-with-its-libraries",
            files={
                "app/program": part("c-glibc"),
                "lib64/ld-linux-x86-64.so.2": part("bookworm/ld-linux-x86-64.so.2"),
                "usr/lib/x86_64-linux-gnu/libc.so.6": part("bookworm/libc.so.6"),
            },
            command=("/app/program",),
            marker=hello,
        ),
        Subject(
            name="c-glibc-half-shim",
            files={"app/program": part("cpp-glibc"), "lib64/ld-linux-x86-64.so.2": link("/lib/ld-musl-x86_64.so.1")},
            command=("/app/program",),
            marker="started: cpp",
            cause=8,
        ),
        Subject(
            name="c-gnu-only-lazy-on-shim",
            files={
                "app/program": part("c-gnuonly-lazy"),
                "lib64/ld-linux-x86-64.so.2": link("/lib/ld-musl-x86_64.so.1"),
            },
            command=("/app/program",),
            marker="started: gnuonly",
        ),
        Subject(
            name="c-gnu-only-now-on-shim",
            files={
                "app/program": part("c-gnuonly-now"),
                "lib64/ld-linux-x86-64.so.2": link("/lib/ld-musl-x86_64.so.1"),
            },
            command=("/app/program",),
            marker="started: gnuonly",
        ),
        Subject(
            name="c-hello-on-shim",
            files={
                "app/program": part("c-fortified-now"),
                "lib64/ld-linux-x86-64.so.2": link("/lib/ld-musl-x86_64.so.1"),
            },
            command=("/app/program",),
            marker="started: fortified",
        ),
        Subject(
            name="windows-program",
            files={"app/program": text(b"MZ" + bytes(200))},
            command=("/app/program",),
            marker=hello,
        ),
        Subject(
            name="elf-cut-short",
            files={"app/program": text(b"\x7fELF\x02\x01\x01" + bytes(9))},
            command=("/app/program",),
            marker=hello,
        ),
        Subject(
            name="shared-library-as-command",
            files={"app/program": part("libgreet.so.1")},
            command=("/app/program",),
            marker=hello,
            undecided="a library without PT_INTERP is mapped and jumped into",
        ),
    ]
    for name, wrong in (
        ("arm64-static", "c-aarch64-static"),
        ("arm64-glibc", "c-aarch64-glibc"),
        ("arm-static", "c-arm-static"),
        ("riscv64-static", "c-riscv64-static"),
        ("ppc64le-static", "c-powerpc64le-static"),
        ("i386-static", "c-i386-static"),
        ("i386-dynamic", "c-i386-dynamic"),
    ):
        found.append(_program(f"machine-{name}", wrong, hello, cause=12 if name == "arm64-static" else None))
    return found


def _libraries() -> list[Subject]:
    greet = "started: greet"
    one = {"app/program": part("use-greet")}
    library = part("libgreet.so.1")
    found = [
        Subject(name="library-absent", files=one, command=("/app/program",), marker=greet, cause=5),
        Subject(
            name="library-in-usr-lib",
            files={**one, "usr/lib/libgreet.so.1": library},
            command=("/app/program",),
            marker=greet,
        ),
        Subject(
            name="library-in-usr-local-lib",
            files={**one, "usr/local/lib/libgreet.so.1": library},
            command=("/app/program",),
            marker=greet,
        ),
        Subject(
            name="library-in-library-path",
            files={**one, "srv/lib/libgreet.so.1": library},
            command=("/app/program",),
            env={"LD_LIBRARY_PATH": "/nowhere:/srv/lib"},
            marker=greet,
        ),
        Subject(
            name="library-path-ignored-for-setuid",
            files={"app/program": part("use-greet", mode=0o4755), "srv/lib/libgreet.so.1": library},
            command=("/app/program",),
            env={"LD_LIBRARY_PATH": "/srv/lib"},
            user="1000",
            marker=greet,
        ),
        Subject(
            name="library-preloaded",
            files={**one, "srv/lib/libgreet.so.1": library},
            command=("/app/program",),
            env={"LD_PRELOAD": "/srv/lib/libgreet.so.1"},
            marker=greet,
        ),
        Subject(
            name="library-link-dangling",
            files={**one, "usr/lib/libgreet.so.1": link("libgreet.so.1.2")},
            command=("/app/program",),
            marker=greet,
        ),
        Subject(
            name="library-of-another-machine",
            files={**one, "usr/lib/libgreet.so.1": part("c-aarch64-glibc")},
            command=("/app/program",),
            marker=greet,
        ),
        Subject(
            name="library-is-text",
            files={**one, "usr/lib/libgreet.so.1": text("INPUT(libgreet.so.1.2)\n" * 5, 0o644)},
            command=("/app/program",),
            marker=greet,
        ),
        Subject(
            name="library-empty-file",
            files={**one, "usr/lib/libgreet.so.1": text("", 0o644)},
            command=("/app/program",),
            marker=greet,
        ),
        Subject(
            name="library-unreadable",
            files={**one, "usr/lib/libgreet.so.1": part("libgreet.so.1", mode=0o600)},
            command=("/app/program",),
            user="1000",
            marker=greet,
        ),
        Subject(
            name="library-without-the-function-lazy",
            files={**one, "usr/lib/libgreet.so.1": part("libgreet-empty.so.1")},
            command=("/app/program",),
            marker=greet,
        ),
        Subject(
            name="library-without-the-function-now",
            files={"app/program": part("use-greet-now"), "usr/lib/libgreet.so.1": part("libgreet-empty.so.1")},
            command=("/app/program",),
            marker=greet,
        ),
        Subject(
            name="library-of-older-version",
            files={"app/program": part("use-greet-v2"), "usr/lib/libgreet.so.1": part("libgreet-v1.so.1")},
            command=("/app/program",),
            marker=greet,
        ),
        Subject(
            name="library-of-right-version",
            files={"app/program": part("use-greet-v2"), "usr/lib/libgreet.so.1": part("libgreet-v2.so.1")},
            command=("/app/program",),
            marker=greet,
        ),
        Subject(
            name="library-without-versions",
            files={"app/program": part("use-greet-v2"), "usr/lib/libgreet.so.1": library},
            command=("/app/program",),
            marker=greet,
        ),
    ]
    for way, program in (("rpath", "use-greet-rpath"), ("runpath", "use-greet-runpath")):
        found.append(
            Subject(
                name=f"library-by-{way}",
                files={"app/program": part(program), "opt/greet/libgreet.so.1": library},
                command=("/app/program",),
                marker=greet,
            )
        )
        found.append(_program(f"library-by-{way}-absent", program, greet))
        found.append(
            Subject(
                name=f"library-of-library-by-{way}",
                files={
                    "app/program": part(program.replace("greet", "middle")),
                    "opt/greet/libmiddle.so.1": part("libmiddle.so.1"),
                    "opt/greet/libgreet.so.1": library,
                },
                command=("/app/program",),
                marker=greet,
            )
        )
    found += [
        Subject(
            name="library-by-origin",
            files={"srv/bin/program": part("use-greet-origin"), "srv/lib/libgreet.so.1": library},
            command=("/srv/bin/program",),
            marker=greet,
        ),
        Subject(
            name="library-by-origin-through-symlink",
            files={
                "app/program": link("/srv/bin/program"),
                "srv/bin/program": part("use-greet-origin"),
                "srv/lib/libgreet.so.1": library,
            },
            command=("/app/program",),
            marker=greet,
        ),
        Subject(
            name="library-by-origin-braces",
            files={"srv/program": part("use-greet-origin-rpath"), "srv/lib/libgreet.so.1": library},
            command=("/srv/program",),
            marker=greet,
        ),
        Subject(
            name="library-by-origin-setuid",
            files={"srv/bin/program": part("use-greet-origin", mode=0o4755), "srv/lib/libgreet.so.1": library},
            command=("/srv/bin/program",),
            user="1000",
            marker=greet,
        ),
        _program("musl-library-absent", "use-greet-musl", greet),
        Subject(
            name="musl-library-in-usr-lib",
            files={"app/program": part("use-greet-musl"), "usr/lib/libgreet.so.1": part("libgreet-musl.so.1")},
            command=("/app/program",),
            marker=greet,
        ),
        Subject(
            name="musl-library-elsewhere-by-path-file",
            files={
                "app/program": part("use-greet-musl"),
                "srv/lib/libgreet.so.1": part("libgreet-musl.so.1"),
                "etc/ld-musl-x86_64.path": text("/lib\n/srv/lib\n", 0o644),
            },
            command=("/app/program",),
            marker=greet,
        ),
        Subject(
            name="musl-library-hidden-by-path-file",
            files={
                "app/program": part("use-greet-musl"),
                "usr/lib/libgreet.so.1": part("libgreet-musl.so.1"),
                "etc/ld-musl-x86_64.path": text("/srv/lib", 0o644),
            },
            command=("/app/program",),
            marker=greet,
        ),
        Subject(
            name="musl-library-by-runpath",
            files={
                "app/program": part("use-greet-musl-runpath"),
                "opt/greet/libgreet.so.1": part("libgreet-musl.so.1"),
            },
            command=("/app/program",),
            marker=greet,
        ),
        Subject(
            name="musl-library-without-the-function",
            files={"app/program": part("use-greet-musl-now"), "usr/lib/libgreet.so.1": part("libgreet-empty.so.1")},
            command=("/app/program",),
            marker=greet,
        ),
    ]
    return found


def _other_languages() -> list[Subject]:
    python = {
        "usr/bin/python3.11": part("python/python3.11"),
        "usr/lib/python3.11": part("python/lib"),
        "usr/lib/x86_64-linux-gnu/libexpat.so.1": part("python/libexpat.so.1"),
        "usr/lib/x86_64-linux-gnu/libz.so.1": part("python/libz.so.1"),
        "usr/bin/python3": link("python3.11"),
    }
    serve = {"opt/venv/bin/serve": text("#!/opt/venv/bin/python3\nprint('started: venv')\n")}
    java = {"opt/java": part("java")}
    return [
        _program("go-without-cgo", "go-nocgo", "started: go"),
        _program("go-without-cgo-resolve", "go-nocgo-resolve", "started: go"),
        _program("go-with-cgo", "go-cgo", "started: go", cause=2),
        _program("go-pie", "go-pie", "started: go"),
        _program("go-arm64", "go-arm64", "started: go"),
        _program("rust-gnu", "rust-gnu", "started: rust"),
        _program("rust-gnu-abort", "rust-abort", "started: rust"),
        _program("rust-static", "rust-static", "started: rust"),
        Subject(
            name="python-venv-without-python",
            files={"opt/venv": part("venv"), **serve},
            command=("/opt/venv/bin/serve",),
            marker="started: venv",
            cause=14,
        ),
        Subject(
            name="python-venv-with-python",
            files={"opt/venv": part("venv"), **serve, **python},
            command=("/opt/venv/bin/serve",),
            marker="started: venv",
        ),
        Subject(
            name="python-venv-elsewhere",
            files={
                "srv/venv": part("venv"),
                "srv/venv/bin/serve": text("#!/opt/venv/bin/python3\nprint('started: venv')\n"),
                **python,
            },
            command=("/srv/venv/bin/serve",),
            marker="started: venv",
        ),
        Subject(
            name="java-jar",
            files={**java, "app/hello.jar": part("hello.jar", mode=0o644)},
            command=("/opt/java/bin/java", "-jar", "/app/hello.jar"),
            marker="started: java",
        ),
        Subject(
            name="java-jar-for-newer-java",
            files={**java, "app/hello.jar": part("hello21.jar", mode=0o644)},
            command=("/opt/java/bin/java", "-jar", "/app/hello.jar"),
            marker="started: java",
        ),
    ]


def _script(name: str, content: str | bytes, marker: str = "started: script", **changes: object) -> Subject:
    mode = changes.pop("mode", 0o755)
    files: Mapping[str, File] = changes.pop("files", {})  # type: ignore[assignment]
    return Subject(
        name=f"script-{name}",
        files={"app/run": text(content, mode), **files},  # type: ignore[arg-type]
        command=changes.pop("command", ("/app/run",)),  # type: ignore[arg-type]
        marker=marker,
        **changes,  # type: ignore[arg-type]
    )


def _scripts() -> list[Subject]:
    body = "echo started: script\n"
    args = {"app/args": part("args")}
    return [
        _script("sh", f"#!/bin/sh\n{body}"),
        _script("sh-with-space", f"#! /bin/sh\n{body}"),
        _script("bash", f"#!/bin/bash\n{body}", cause=10),
        _script("usr-bin-bash", f"#!/usr/bin/bash\n{body}"),
        _script("env-sh", f"#!/usr/bin/env sh\n{body}"),
        _script("env-bash", f"#!/usr/bin/env bash\n{body}"),
        _script("bin-env-sh", f"#!/bin/env sh\n{body}"),
        _script("env-split", f"#!/usr/bin/env -S sh -e\n{body}"),
        _script("bin-env-split", f"#!/bin/env -S sh -e\n{body}"),
        _script("env-two-words", f"#!/bin/env sh -e\n{body}"),
        _script(
            "env-assignment",
            f"#!/bin/env NAME=value\n{body}",
            undecided="env executes the script again and again, for ever",
        ),
        _script("interpreter-argument", f"#!/bin/sh -e\n{body}"),
        _script("interpreter-two-arguments", f"#!/bin/sh -e -u\n{body}"),
        _script("crlf", f"#!/bin/sh\r\n{body}", cause=11),
        _script("crlf-env", f"#!/bin/env sh\r\n{body}"),
        _script("crlf-argument", f"#!/bin/sh -e\r\n{body}"),
        _script("crlf-below", "#!/bin/sh\nset -e\r\nexec /app/args one\r\n", "started: args", files=args),
        _script("crlf-below-command", "#!/bin/sh\n/app/args\r\n", "started: args", files=args),
        _script("byte-order-mark", b"\xef\xbb\xbf#!/bin/sh\n" + body.encode()),
        _script("no-shebang", body),
        _script("no-shebang-program", "/app/args one\n", "started: args", files=args),
        _script("empty", ""),
        _script("only-shebang-mark", "#!\n"),
        _script("only-newline", "\n"),
        _script("not-executable", f"#!/bin/sh\n{body}", mode=0o644, cause=13),
        _script("self-referring", f"#!/app/run\n{body}"),
        _script(
            "chain-of-three",
            f"#!/app/two\n{body}",
            files={"app/two": text("#!/app/three\n"), "app/three": text("#!/bin/sh\n")},
            undecided=_LATER,
        ),
        _script("interpreter-own-static", "#!/app/args with two\nwhatever\n", "started: args [with two]", files=args),
        _script("interpreter-relative", f"#!bin/sh\n{body}"),
        _script("interpreter-is-directory", f"#!/app\n{body}"),
        _script("interpreter-not-executable", f"#!/app/args\n{body}", files={"app/args": part("args", mode=0o644)}),
        _script(
            "interpreter-without-its-loader", "#!/app/hello\n", "started: hello", files={"app/hello": part("c-glibc")}
        ),
        _script("long-shebang", f"#!/{'./' * 110}bin/sh\n{body}"),
        _script("too-long-shebang", f"#!/{'./' * 140}bin/sh\n{body}"),
        _script("shebang-without-newline", "#!/bin/sh"),
        _script("spaces-after-shebang", f"#!/bin/sh   \n{body}"),
        _script("tab-in-shebang", f"#!\t/bin/sh\t-e\n{body}"),
        _script("command-not-found", "#!/bin/sh\nnowhere --now\n"),
        _script("exec-not-found", "#!/bin/sh\nset -e\nexec nowhere --now\n"),
        _script("exec-path-not-found", "#!/bin/sh\nexec /opt/nowhere\n"),
        _script(
            "exec-not-executable",
            "#!/bin/sh\nexec /app/args\n",
            "started: args",
            files={"app/args": part("args", mode=0o644)},
        ),
        _script(
            "command-not-executable",
            "#!/bin/sh\n/app/args\n",
            "started: args",
            files={"app/args": part("args", mode=0o644)},
        ),
        _script("command-is-directory", "#!/bin/sh\n/app\n"),
        _script(
            "exec-wrong-machine",
            "#!/bin/sh\nexec /app/hello\n",
            "started: hello",
            files={"app/hello": part("c-aarch64-static")},
        ),
        _script(
            "command-wrong-machine",
            "#!/bin/sh\n/app/hello\n",
            "started: hello",
            files={"app/hello": part("c-aarch64-static")},
        ),
        _script(
            "exec-without-loader",
            "#!/bin/sh\nexec /app/hello\n",
            "started: hello",
            files={"app/hello": part("c-other-loader")},
        ),
        _script(
            "command-without-loader",
            "#!/bin/sh\n/app/hello\n",
            "started: hello",
            files={"app/hello": part("c-other-loader")},
        ),
        _script("runs-relative", "#!/bin/sh\ncd /app\n./args one\n", "started: args", files=args),
        _script(
            "exec-arguments",
            '#!/bin/sh\nset -e\nexec "$@"\n',
            "started: args",
            files=args,
            entrypoint=("/app/run",),
            command=("/app/args", "one"),
        ),
        _script(
            "exec-arguments-missing",
            '#!/bin/sh\nset -e\nexec "$@"\n',
            files=args,
            entrypoint=("/app/run",),
            command=("/opt/nowhere", "one"),
        ),
        _script(
            "exec-arguments-not-in-path",
            '#!/bin/sh\nexec "$@"\n',
            files=args,
            entrypoint=("/app/run",),
            command=("nowhere",),
        ),
        _script(
            "exec-arguments-after-branches",
            '#!/bin/sh\nif [ "$1" = x ]; then\n  echo x\nfi\nexec "$@"\n',
            "started: args",
            files=args,
            entrypoint=("/app/run",),
            command=("/app/args", "one"),
        ),
        _script(
            "exec-arguments-missing-after-branches",
            '#!/bin/sh\nif [ "$1" = x ]; then\n  echo x\nfi\nexec "$@"\n',
            files=args,
            entrypoint=("/app/run",),
            command=("/opt/nowhere",),
        ),
        _script(
            "bash-exec-arguments-missing",
            '#!/bin/bash\nset -euo pipefail\nexec "$@"\n',
            entrypoint=("/app/run",),
            command=("/opt/nowhere",),
        ),
        _script("bash-command-not-found", "#!/bin/bash\nnowhere\n"),
        _script(
            "bash-loader-missing",
            "#!/bin/bash\n/app/hello\n",
            "started: hello",
            files={"app/hello": part("c-other-loader")},
        ),
        _script("through-sh", body, command=("sh", "/app/run"), mode=0o644),
        _script("through-sh-missing", body, command=("sh", "/app/none")),
        _script(
            "through-sh-crlf", "set -e\r\n/app/args\r\n", "started: args", command=("/bin/sh", "/app/run"), files=args
        ),
        _script(
            "through-sh-options",
            "exec /app/args\n",
            "started: args",
            command=("/bin/sh", "-eu", "/app/run"),
            files=args,
        ),
        _script("through-bash", body, command=("bash", "/app/run")),
    ]


def _configs() -> list[Subject]:
    args = {"app/args": part("args")}
    ran = "started: args"
    passwd = text("root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n", 0o644)
    return [
        Subject(name="user-unknown", files=args, command=("/app/args",), user="nobodyhere", marker=ran, cause=15),
        Subject(name="user-unknown-group", files=args, command=("/app/args",), user="0:nogrouphere", marker=ran),
        Subject(name="user-number", files=args, command=("/app/args",), user="65532:65532", marker=ran),
        Subject(name="user-number-too-large", files=args, command=("/app/args",), user="4294967296", marker=ran),
        Subject(
            name="user-named", files={**args, "etc/passwd": passwd}, command=("/app/args",), user="app", marker=ran
        ),
        Subject(
            name="user-may-not-execute",
            files={"app/args": part("args", mode=0o700)},
            command=("/app/args",),
            user="1000",
            marker=ran,
        ),
        Subject(
            name="user-may-not-execute-in-path",
            files={"usr/local/bin/args": part("args", mode=0o700)},
            command=("args",),
            user="1000",
            marker=ran,
        ),
        Subject(
            name="user-may-not-enter",
            files={"srv/hidden": directory(0o700), "srv/hidden/args": part("args")},
            command=("/srv/hidden/args",),
            user="1000",
            marker=ran,
        ),
        Subject(
            name="user-owns-the-program",
            files={"app/args": part("args", mode=0o700, uid=1000)},
            command=("/app/args",),
            user="1000",
            marker=ran,
        ),
        Subject(
            name="user-script-not-readable",
            files={"app/run": text("#!/bin/sh\necho started: args\n", 0o711)},
            command=("/app/run",),
            user="1000",
            marker=ran,
            undecided="what the shell may read",
        ),
        Subject(
            name="root-needs-one-bit", files={"app/args": part("args", mode=0o600)}, command=("/app/args",), marker=ran
        ),
        Subject(
            name="root-one-bit-is-enough",
            files={"app/args": part("args", mode=0o001, uid=1000)},
            command=("/app/args",),
            marker=ran,
        ),
        Subject(
            name="workdir-not-for-user",
            files={**args, "srv/work": directory(0o700)},
            command=("/app/args",),
            user="1000",
            workdir="/srv/work",
            marker=ran,
        ),
        Subject(name="workdir-is-a-file", files=args, command=("/app/args",), workdir="/app/args", marker=ran),
        Subject(name="workdir-below-a-file", files=args, command=("/app/args",), workdir="/app/args/below", marker=ran),
        Subject(name="workdir-made", files=args, command=("/app/args",), workdir="/srv/made/here", marker=ran),
        Subject(name="command-relative", files=args, command=("./args",), workdir="/app", marker=ran),
        Subject(name="command-relative-deeper", files=args, command=("app/args",), workdir="/", marker=ran),
        Subject(name="command-relative-not-there", files=args, command=("./args",), workdir="/opt", marker=ran),
        Subject(name="command-without-slash", files=args, command=("args",), workdir="/app", marker=ran),
        Subject(name="command-in-path", files={"usr/local/bin/args": part("args")}, command=("args", "x"), marker=ran),
        Subject(
            name="command-in-own-path",
            files=args,
            command=("args", "x"),
            env={"PATH": "/nowhere:/app"},
            marker=ran,
        ),
        Subject(
            name="command-not-in-own-path",
            files={"usr/local/bin/args": part("args")},
            command=("args",),
            env={"PATH": "/nowhere"},
            marker=ran,
            shell="args",
        ),
        Subject(
            name="command-by-relative-path-entry",
            files=args,
            command=("args",),
            env={"PATH": "app:/nowhere"},
            marker=ran,
        ),
        Subject(
            name="command-path-first-not-executable",
            files={"usr/local/bin/args": part("args", mode=0o644), "usr/bin/args": part("args")},
            command=("args",),
            marker=ran,
        ),
        Subject(name="command-not-there", files=args, command=("/opt/nowhere",), marker=ran),
        Subject(name="command-not-found", files=args, command=("nowhere", "--now"), marker=ran, cause=9),
        Subject(name="command-is-directory", files=args, command=("/app",), marker=ran),
        Subject(name="command-trailing-slash", files=args, command=("/app/args/",), marker=ran),
        Subject(name="command-below-a-file", files=args, command=("/app/args/below",), marker=ran),
        Subject(name="command-empty-word", files=args, command=("",), shell='""', marker=ran),
        Subject(name="command-with-spaces", files=args, command=("/app/args one",), marker=ran),
        Subject(name="command-name-too-long", files=args, command=("/app/" + "a" * 300,), marker=ran),
        Subject(
            name="copied-onto-missing-directory",
            files={"usr/local/tools": part("args")},
            command=("/usr/local/tools/args",),
            marker=ran,
        ),
        Subject(name="entrypoint-and-arguments", files=args, entrypoint=("/app/args",), command=("one",), marker=ran),
        Subject(
            name="entrypoint-swallows-arguments",
            files=args,
            entrypoint=("/bin/sh", "-c", "/app/args only"),
            command=("one",),
            marker=ran,
        ),
        Subject(
            name="shell-runs-chain",
            files=args,
            command=("sh", "-c", "cd /app && ./args one"),
            marker=ran,
            shell="cd /app && ./args one",
        ),
        Subject(
            name="shell-chain-breaks",
            files=args,
            command=("sh", "-c", "nowhere && /app/args one"),
            marker=ran,
            shell="nowhere && /app/args one",
        ),
        Subject(
            name="shell-chain-into-missing",
            files=args,
            command=("sh", "-c", "true && nowhere one"),
            marker=ran,
            shell="true && nowhere one",
        ),
        Subject(
            name="shell-variable",
            files=args,
            command=("sh", "-c", "$PROGRAM one"),
            marker=ran,
            shell="$PROGRAM one",
            env={"PROGRAM": "/app/args"},
            undecided=_LATER,
        ),
        Subject(
            name="shell-exec-variable-argument",
            files=args,
            command=("sh", "-c", 'exec /app/args "$HOME"'),
            marker=ran,
            shell='exec /app/args "$HOME"',
        ),
        Subject(
            name="shell-assignment",
            files=args,
            command=("sh", "-c", "A=1 exec /app/args"),
            marker=ran,
            shell="A=1 exec /app/args",
        ),
        Subject(
            name="shell-redirection",
            files=args,
            command=("sh", "-c", "exec /app/args 2>&1"),
            marker=ran,
            shell="exec /app/args 2>&1",
        ),
        Subject(
            name="shell-pipe",
            files=args,
            command=("sh", "-c", "/app/args | cat"),
            marker=ran,
            shell="/app/args | cat",
            undecided=_LATER,
        ),
        Subject(
            name="shell-or",
            files=args,
            command=("sh", "-c", "false || /app/args"),
            marker=ran,
            shell="false || /app/args",
            undecided=_LATER,
        ),
        Subject(
            name="shell-exec-then-dead",
            files=args,
            command=("sh", "-c", "exec /app/args; nowhere"),
            marker=ran,
            shell="exec /app/args; nowhere",
        ),
        Subject(
            name="shell-missing-then-found",
            files=args,
            command=("sh", "-c", "nowhere; /app/args"),
            marker=ran,
            shell="nowhere; /app/args",
        ),
        Subject(
            name="shell-given-arguments",
            files=args,
            command=("sh", "-c", 'exec "$@"', "--", "/app/args"),
            marker=ran,
        ),
        Subject(
            name="shell-given-missing-arguments",
            files=args,
            command=("sh", "-c", 'exec "$@"', "--", "/app/none"),
            marker=ran,
        ),
        Subject(
            name="shell-not-executable-word",
            files={"app/args": part("args", mode=0o644)},
            command=("sh", "-c", "/app/args"),
            shell="/app/args",
            marker=ran,
        ),
        Subject(
            name="wrapper-tini",
            files={**args, "app/tini": part("bookworm/tini-static")},
            marker=ran,
            command=("/app/tini", "--", "/app/args", "one"),
        ),
        Subject(
            name="wrapper-tini-missing",
            files={**args, "app/tini": part("bookworm/tini-static")},
            marker=ran,
            command=("/app/tini", "--", "/app/none"),
        ),
        Subject(
            name="wrapper-tini-not-in-path",
            files={**args, "app/tini": part("bookworm/tini-static")},
            marker=ran,
            command=("/app/tini", "-g", "nowhere"),
        ),
        Subject(
            name="wrapper-dumb-init",
            files={**args, "app/dumb-init": part("bookworm/dumb-init")},
            marker=ran,
            command=("/app/dumb-init", "--", "/app/args"),
        ),
        Subject(
            name="wrapper-dumb-init-missing",
            files={**args, "app/dumb-init": part("bookworm/dumb-init")},
            marker=ran,
            command=("/app/dumb-init", "/app/none"),
        ),
        Subject(
            name="wrapper-gosu",
            files={**args, "app/gosu": part("bookworm/gosu"), "etc/passwd": passwd},
            marker=ran,
            command=("/app/gosu", "app", "/app/args"),
        ),
        Subject(
            name="wrapper-gosu-not-for-user",
            files={"app/args": part("args", mode=0o700), "app/gosu": part("bookworm/gosu"), "etc/passwd": passwd},
            marker=ran,
            command=("/app/gosu", "app", "/app/args"),
        ),
        Subject(
            name="wrapper-env",
            files=args,
            command=("env", "A=1", "/app/args"),
            marker=ran,
        ),
        Subject(name="wrapper-env-missing", files=args, command=("env", "A=1", "nowhere"), marker=ran),
        Subject(name="wrapper-nohup-missing", files=args, command=("nohup", "/app/none"), marker=ran),
        Subject(name="wrapper-timeout", files=args, command=("timeout", "5", "/app/args"), marker=ran),
        Subject(name="wrapper-timeout-missing", files=args, command=("timeout", "-s", "KILL", "5", "none"), marker=ran),
        Subject(name="wrapper-nice-missing", files=args, command=("nice", "-n", "5", "none"), marker=ran),
        Subject(name="wrapper-setsid-missing", files=args, command=("setsid", "none"), marker=ran, undecided="setsid"),
        Subject(name="volume-hides-nothing", files=args, command=("/app/args",), volumes=("/app",), marker=ran),
        Subject(
            name="volume-holds-the-program",
            files=args,
            command=("/srv/data/none",),
            volumes=("/srv/data",),
            marker=ran,
            undecided="what is under a volume",
        ),
        Subject(
            name="busybox-applet",
            files={"app/busybox": part("args")},
            command=("busybox", "echo", "started: args"),
            marker=ran,
        ),
    ]


def _health() -> list[Subject]:
    files = {"pause": part("pause"), "app/args": part("args")}
    ran = "started: args"
    return [
        Subject(name="health-own-program", files=files, command=("/app/args", "x"), marker=ran, health=True),
        Subject(name="health-curl", files=files, command=("curl", "-f", "localhost"), marker="curl: (", health=True),
        Subject(name="health-path-missing", files=files, command=("/opt/none",), marker=ran, health=True),
        Subject(
            name="health-or-exit",
            files=files,
            command=("sh", "-c", "/app/args || exit 1"),
            marker=ran,
            shell="/app/args || exit 1",
            health=True,
            undecided=_LATER,
        ),
        Subject(
            name="health-curl-or-exit",
            files=files,
            command=("sh", "-c", "curl -f localhost || exit 1"),
            marker="curl: (",
            shell="curl -f localhost || exit 1",
            health=True,
            undecided=_LATER,
        ),
    ]
