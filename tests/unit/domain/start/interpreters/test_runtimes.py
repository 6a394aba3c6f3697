"""bun, deno and dotnet. The texts are those of bun 1.4 and deno 2.9, and of the sources of dotnet."""

from __future__ import annotations

import json

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
        ("dotnet", "run"),
    ],
)
def test_start_decided_by_runtime_is_not_checked(run, command):
    assert run({}, *command).starts is Starts.NOT_CHECKED


DOTNET = "/usr/bin"
HOST = {f"{DOTNET}/host/fxr/8.0.4/libhostfxr.so": b""}
CORE = {f"{DOTNET}/shared/Microsoft.NETCore.App/8.0.4/System.dll": b""}
APP = {"/app/App.dll": b"MZ"}


def _configuration(version, **more):
    framework = {"name": "Microsoft.NETCore.App", "version": version}
    text = json.dumps({"runtimeOptions": {"framework": framework, **more}})
    return {"/app/App.runtimeconfig.json": text.encode()}


@pytest.mark.parametrize(
    ("files", "code", "text"),
    [
        (APP, "interpreter-library-missing", f"[{DOTNET}/host/fxr] does not exist"),
        (HOST, "interpreter-file-missing", "The application 'App.dll' does not exist."),
        (HOST | APP, "interpreter-file-missing", "The library 'libhostpolicy.so' required to execute"),
        (HOST | APP | _configuration("8.0.0"), "interpreter-library-missing", "You must install or update .NET"),
        (HOST | CORE | APP | _configuration("9.0.0"), "interpreter-library-missing", "You must install or update"),
        (HOST | CORE | APP | _configuration("6.0.0"), "interpreter-library-missing", "You must install or update"),
        (HOST | CORE | APP | _configuration("8.0.1", rollForward="Disable"), "interpreter-library-missing", "You must"),
    ],
)
def test_dotnet_without_file_or_framework_dies_with_its_text(run, files, code, text):
    prediction = run(files, "dotnet", "App.dll")
    assert (prediction.starts, prediction.findings[-1].code) == (Starts.NO, code)
    assert prediction.findings[-1].predicts.startswith(text)


@pytest.mark.parametrize(
    ("version", "more"), [("8.0.4", {}), ("8.0.0", {}), ("6.0.0", {"rollForward": "Major"}), ("8.0.9", {})]
)
def test_dotnet_with_fitting_framework_starts(run, version, more):
    newer = {f"{DOTNET}/shared/Microsoft.NETCore.App/8.0.11/System.dll": b""}
    prediction = run(HOST | CORE | newer | APP | _configuration(version, **more), "dotnet", "App.dll")
    assert prediction.up_to == "dotnet: /app/App.dll and its framework are found, not read"


def test_dotnet_with_sdk_or_unknown_policy_is_not_checked(run):
    sdk = {f"{DOTNET}/sdk/8.0.100/dotnet.dll": b""}
    assert run(HOST | sdk, "dotnet", "App.dll").starts is Starts.NOT_CHECKED
    files = HOST | CORE | APP | _configuration("8.0.0", rollForward="Sideways")
    assert run(files, "dotnet", "App.dll").starts is Starts.NOT_CHECKED


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [
        (("bun", "run", "nosuch"), "package-script-missing", 'Script not found "nosuch"'),
        (("bun", "-r", "./none.ts", "a.ts"), "interpreter-file-missing", 'preload not found "./none.ts"'),
        (
            ("deno", "run", "--config", "none.json", "a.ts"),
            "interpreter-file-missing",
            "Error reading config file 'file:///app/none.json'",
        ),
        (
            ("deno", "run", "--import-map=none.json", "a.ts"),
            "interpreter-file-missing",
            "Unable to load 'file:///app/none.json' import map",
        ),
    ],
)
def test_runtime_script_or_option_file_missing_dies(dies, command, code, text):
    dies(code, text, {"/app/package.json": b"{}", "/app/a.ts": b""}, *command)


@pytest.mark.parametrize("option", ["--allow-nothing", "--unstable-nothing", "--no-nothing", "--v8-flags=--x"])
def test_deno_option_unknown_is_not_checked(run, option):
    assert run({"/app/a.ts": b""}, "deno", "run", option, "a.ts").starts is Starts.NOT_CHECKED
