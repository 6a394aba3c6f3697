"""Calls of interpreters beyond ordinary programs: what ends at once, what is not followed, and why."""

from __future__ import annotations

import pytest

from weighbridge.domain.start.predict import Starts


@pytest.mark.parametrize(
    ("command", "env", "reason"),
    [
        ("nginx -s reload", {}, "nginx: -s signals a running nginx"),
        ("deno run", {}, "deno: run without a file"),
        ("deno run --cert a main.ts", {}, "deno: the option --cert is unsupported"),
        ("node file:///app/main.js", {}, "node: a URL is not followed"),
        ("node main.js", {"NODE_OPTIONS": "x"}, "node: NODE_OPTIONS has words that are no options"),
        ("node main.js", {"NODE_OPTIONS": "--env-file=x"}, "node: whether NODE_OPTIONS may have --env-file"),
        ("java -version", {"JAVA_TOOL_OPTIONS": "'a"}, "java: the quotes in JAVA_TOOL_OPTIONS or _JAVA_OPTIONS"),
        ("java Main", {"JDK_JAVA_OPTIONS": "'a"}, "java: the quotes in JDK_JAVA_OPTIONS"),
        ("java --disable-@files Main", {}, "java: the option --disable-@files is unsupported"),
        ("python3 -m a-b", {}, "python3: -m a-b is not a module name"),
        ("gawk --nosuch", {}, "gawk: the option --nosuch is unsupported"),
        ("dash -Z", {}, "dash: unsupported options"),
        ("dash -o nosuch -c true", {}, "dash: unsupported options"),
        ("dash /app", {}, "/app: not a file that the shell can read"),
        ("dash binary", {}, "binary: not a text file, but the shell reads it as a script"),
        ("dash /proc/self/x", {}, "/proc/self/x: the content of /proc depends on the running container"),
        ("x", {"PATH": "/proc/self"}, "/proc/self/x: the content of /proc depends on the running container"),
        ("python3 path.py", {}, "python3: /app/path.py:2 imports gone, which is in none of its folders, but "
         "/app/moves.py:1 changes the module search path"),
    ],
)  # fmt: skip
def test_call_that_is_not_followed_is_not_checked(run, command, env, reason):
    files = {
        "/app/main.js": b"",
        "/app/binary": b"a\0b",
        "/app/path.py": b"import moves\nimport gone\n",
        "/app/moves.py": b"__path__ = []\n",
    }
    prediction = run(files, *command.split(), env=env)
    assert (prediction.starts, prediction.not_checked) == (Starts.NOT_CHECKED, (reason,))


@pytest.mark.parametrize(
    ("command", "up_to"),
    [
        ("nginx -v", "nginx: prints and ends"),
        ("java --list-modules", "java: prints and ends"),
        ("deno --version", "deno: runs no file"),
        ("deno", "deno: reads its standard input"),
        ("bun run", "bun: runs no file"),
        ("php8.2 -S 0:80 -t /app", "php8.2: serves a folder"),
        ("gawk -f -", "awk: its program is found, not read"),
        ("python3 archive.py", "python3: /app/archive.py is found, not read"),
        ("python3 binary.py", "python3: /app/binary.py is found, not read"),
        ("node -- main.js", "node: /app/main.js is read for the modules that it loads first"),
        ("node --env-file=/app/main.js main.js", "node: /app/main.js is read for the modules that it loads first"),
        ("node url.mjs", "node: /app/url.mjs is read for the modules that it loads first"),
        ("python3 raises.py", "python3: /app/raises.py is read for its imports only"),
        ("python3 loops.py", "python3: /app/loops.py is read for its imports only"),
        ("ruby3.1 native.rb", "ruby3.1: /app/native.rb is read for the files that it loads first"),
        ("php8.2 computed.php", "php8.2: /app/computed.php is read for the files that it loads first"),
        ("php8.2 long.php", "php8.2: /app/long.php is read for the files that it loads first"),
    ],
)
def test_call_that_starts_tells_how_far_it_is_followed(run, command, up_to):
    files = {
        "/app/main.js": b"",
        "/app/archive.py": b"PK\3\4",
        "/app/binary.py": b"a\0b",
        "/app/url.mjs": b"import 'file:///app/a.mjs'",
        "/app/a.mjs": b"",
        "/app/raises.py": b"import ends\nimport gone\n",
        "/app/ends.py": b"raise SystemExit\n",
        "/app/loops.py": b"while f(): pass\nimport gone\n",
        "/app/native.rb": b"require_relative 'native.so'",
        "/app/computed.php": b"<?php require $x; require 'gone.php';",
        "/app/long.php": b"<?php " + b"$a=1;" * 1000 + b"require 'gone.php';",
    }
    prediction = run(files, *command.split())
    assert (prediction.starts, prediction.up_to) == (Starts.YES, up_to)


@pytest.mark.parametrize(
    ("command", "config", "predicts"),
    [
        ("node -r @a/b/c main.js", {}, "Cannot find module '@a/b/c'"),
        ("node url.mjs", {}, "Cannot find module '/app/gone.mjs'"),
        ("node url.js", {}, "Cannot find module 'file:///app/main.js'"),
        ("java @@x Main", {}, "Could not find or load main class @x"),
        (
            "java Main",
            {"env": {"JDK_JAVA_OPTIONS": "Main"}},
            "Error: Cannot specify main class in environment variable JDK_JAVA_OPTIONS",
        ),
        ("python3 secret.py", {"user": "1000"}, "can't open file '/app/secret.py': [Errno 13] Permission denied"),
        ("dash -c", {}, "dash: 0: -c requires an argument"),
        ("dash -o errexit -c nosuch", {}, "dash: 1: nosuch: not found"),
        ("dash -- /app/gone", {}, "dash: 0: cannot open /app/gone: No such file"),
        ("php8.2 -S 0:80 -t /gone", {}, "Directory /gone does not exist."),
        ("gawk -f /dev/stdin -f /gone", {}, "cannot open source file `/gone' for reading: No such file or directory"),
        ("/usr/bin/node x.js", {"workdir": "/app/loop"}, "too many levels of symbolic links"),
    ],
)
def test_call_that_must_fail_prints_its_text(run, images, command, config, predicts):
    files = {
        "/app/main.js": b"",
        "/app/url.js": b"require('file:///app/main.js')",
        "/app/url.mjs": b"import 'file:///app/gone.mjs'",
        "/app/secret.py": images.File(mode=0o600),
        "/app/loop": "loop",
    }
    prediction = run(files, *command.split(), **config)
    assert (prediction.starts, prediction.findings[-1].predicts) == (Starts.NO, predicts)
