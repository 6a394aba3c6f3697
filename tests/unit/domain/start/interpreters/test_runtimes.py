"""bun, deno and dotnet. The texts are those of bun 1.4 and deno 2.9."""

from __future__ import annotations

import pytest

from weighbridge.domain.start.predict import Starts


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (("bun", "server.ts"), 'Module not found "server.ts"'),
        (("bun", "run", "./server.ts"), 'Module not found "./server.ts"'),
        (("bun", "--watch", "run", "--smol", "/srv/x.js"), 'Module not found "/srv/x.js"'),
        (("deno", "run", "-A", "main.ts"), 'Module not found "file:///app/main.ts"'),
        (("deno", "run", "--allow-net=a:1", "./main.ts"), 'Module not found "file:///app/main.ts"'),
        (("deno", "serve", "main.ts"), 'Module not found "file:///app/main.ts"'),
        (("deno", "/srv/x.ts"), 'Module not found "file:///srv/x.ts"'),
    ],
)
def test_missing_file_of_runtime_dies_with_its_text(dies, run, command, text):
    dies("interpreter-file-missing", text, {}, *command)
    there = {"/app/server.ts": b"", "/app/main.ts": b"", "/srv/x.js": b"", "/srv/x.ts": b""}
    assert run(there, *command).starts is Starts.YES


@pytest.mark.parametrize(
    "command",
    [
        ("bun", "run", "start"),
        ("bun", "install"),
        ("bun", "--unheard-of", "x.ts"),
        ("bun", "--cwd", "/srv", "x.ts"),
        ("deno", "task", "start"),
        ("deno", "run", "https://example.org/x.ts"),
        ("deno", "run", "--unheard-of", "x.ts"),
        ("dotnet", "App.dll"),
        ("dotnet", "run"),
    ],
)
def test_start_decided_by_runtime_is_not_checked(run, command):
    assert run({}, *command).starts is Starts.NOT_CHECKED


def test_existing_assembly_is_reached_by_start(run):
    prediction = run({"/app/App.dll": b"MZ"}, "dotnet", "App.dll")
    assert (prediction.starts, prediction.up_to) == (
        Starts.YES,
        "dotnet: /app/App.dll is found; its framework is not checked",
    )
