"""What package managers, bundler, dotnet and s6 do with a project: they start, fail with their text, or stay open."""

from __future__ import annotations

import json

import pytest

from weighbridge.domain.start.predict import Starts

_MODULES = "/usr/local/lib/node_modules"
_NODE = b"#!/usr/local/bin/node\n"
MANAGERS = {
    f"{_MODULES}/npm/bin/npm-cli.js": _NODE,
    f"{_MODULES}/npm/bin/npx-cli.js": _NODE,
    f"{_MODULES}/yarn/bin/yarn.js": _NODE,
    f"{_MODULES}/pnpm/bin/pnpm.cjs": _NODE,
    f"{_MODULES}/corepack/dist/npm-cli.js": _NODE,
    "/usr/local/bin/npm": f"{_MODULES}/npm/bin/npm-cli.js",
    "/usr/local/bin/npx": f"{_MODULES}/npm/bin/npx-cli.js",
    "/usr/local/bin/yarn": f"{_MODULES}/yarn/bin/yarn.js",
    "/usr/local/bin/pnpm": f"{_MODULES}/pnpm/bin/pnpm.cjs",
    "/usr/bin/bundle": b"#!/usr/bin/ruby3.1\nload Gem.activate_bin_path('bundler', 'bundle', version)\n",
}
SCRIPTS = {"start": "node main.js", "prestart": "node pre.js", "dev": ""}


def _package(**fields):
    return {"/app/package.json": json.dumps({"scripts": SCRIPTS, **fields}).encode()}


@pytest.mark.parametrize(
    ("files", "command", "starts", "tells"),
    [
        ({}, "npm --version", Starts.YES, "node: prints and ends"),
        (_package(), f"node {_MODULES}/corepack/dist/npm-cli.js start", Starts.NOT_CHECKED,
         "node: corepack fetches the package manager when it runs"),
        ({"/app/package.json": b"{"}, "npm start", Starts.NOT_CHECKED, "node: /app/package.json cannot be read"),
        ({**_package(), "/app/.npmrc": b""}, "npm start", Starts.NOT_CHECKED,
         "node: its configuration file may change what it runs"),
        (_package(packageManager="yarn@4"), "yarn start", Starts.NOT_CHECKED,
         "node: packageManager in package.json decides which program runs"),
        (_package(), "yarn other", Starts.NOT_CHECKED, "node: yarn other is no script of package.json"),
        (_package(), "npm start", Starts.NO, "Cannot find module '/app/pre.js'"),
        (_package(), "pnpm start", Starts.NOT_CHECKED, "node: prestart runs first"),
        (_package(scripts={"start": "a", "prestart": "b > c"}), "npm start", Starts.NOT_CHECKED,
         "node: prestart runs first"),
        (_package(), "npm run dev", Starts.YES, "node: the script dev is empty"),
        (_package(), "pnpm run dev", Starts.NOT_CHECKED, "node: an empty script"),
        ({"/app/node_modules/x": b""}, "npm start", Starts.NO,
         "ENOENT: no such file or directory, open '/app/package.json'"),
        ({}, "npx -x", Starts.NOT_CHECKED, "node: npx -x is unsupported"),
        ({"/app/node_modules/.bin/x": _NODE}, "npx x", Starts.YES,
         "node: /app/node_modules/.bin/x is read for the modules that it loads first"),
        ({}, "bundle install", Starts.YES, "ruby3.1: only bundle exec is followed"),
        ({}, "bundle exec", Starts.NOT_CHECKED, "ruby3.1: bundle exec is unsupported"),
        ({}, "bundle exec --keep-file-descriptors -- x", Starts.NO, "Could not locate Gemfile or .bundle/ directory"),
        ({"/app/.bundle/x": b""}, "bundle exec x", Starts.NOT_CHECKED,
         "ruby3.1: the configuration in /app/.bundle may name the Gemfile"),
        ({"/app/Gemfile": b""}, "bundle exec x", Starts.NO, "bundler: command not found: x"),
        ({"/app/Gemfile": b""}, "bundle exec ./x", Starts.YES, "ruby3.1: ./x is not followed"),
        ({"/app/Gemfile": b""}, "bundle exec exec", Starts.YES, "ruby3.1: exec is not followed"),
        ({}, "s6-svscan -x", Starts.NOT_CHECKED, "s6-svscan: the option -x is unsupported"),
        ({}, "s6-svscan", Starts.YES, "s6-svscan: watches the working directory"),
        ({}, "s6-svscan /gone", Starts.NO, "s6-svscan: fatal: unable to chdir"),
    ],
)  # fmt: skip
def test_manager_of_a_project_starts_fails_or_is_not_followed(run, files, command, starts, tells):
    _holds(run({**MANAGERS, **files}, *command.split()), starts, tells)


def test_gemfile_of_the_environment_precedes_the_folder(run):
    prediction = run({**MANAGERS, "/app/G": b""}, "bundle", "exec", "x", env={"BUNDLE_GEMFILE": "/app/G"})
    _holds(prediction, Starts.NO, "bundler: command not found: x")


def _framework(version, **options):
    return {"runtimeOptions": {"framework": {"name": "F", "version": version}, **options}}


FOUND = "dotnet: /app/a.dll and its framework are found, not read"
UPDATE = "You must install or update .NET to run this application."


@pytest.mark.parametrize(
    ("settings", "starts", "tells"),
    [
        ([], Starts.NOT_CHECKED, "dotnet: /app/a.runtimeconfig.json is not readable"),
        ({"runtimeOptions": {"frameworks": [1, {"name": "F", "version": "x"}]}}, Starts.YES, FOUND),
        (_framework("8.0.0"), Starts.YES, FOUND),
        (_framework("7.0.0"), Starts.NO, UPDATE),
        (_framework("7.0.0", rollForward="Major"), Starts.YES, FOUND),
        (_framework("8.1.0", rollForward="LatestPatch"), Starts.NO, UPDATE),
        (_framework("8.0.0", rollForward="LatestPatch"), Starts.YES, FOUND),
        (_framework("8.0.0", rollForward="Disable"), Starts.NO, UPDATE),
        (_framework("8.0.1", rollForward="Disable"), Starts.YES, FOUND),
        (_framework("8.0.0", rollForward="Odd"), Starts.NOT_CHECKED,
         "dotnet: whether a framework fits by the policy Odd"),
    ],
)  # fmt: skip
def test_framework_of_dotnet_fits_by_the_policy(run, settings, starts, tells):
    files = {
        "/usr/bin/host/fxr/8.0.1/x": b"",
        "/usr/bin/host/fxr/other/x": b"",
        "/usr/bin/shared/F/8.0.1/x": b"",
        "/app/a.dll": b"",
        "/app/a.runtimeconfig.json": json.dumps(settings).encode(),
    }
    _holds(run(files, "dotnet", "exec", "a.dll"), starts, tells)


@pytest.mark.parametrize(
    ("files", "command", "starts", "tells"),
    [
        ({}, "dotnet", Starts.NOT_CHECKED, "dotnet: a start without arguments is not followed"),
        ({}, "dotnet a.dll", Starts.NO, "[/usr/bin/host/fxr] does not exist"),
        (
            {"/usr/bin/host/fxr/x/y": b""},
            "dotnet a.dll",
            Starts.NOT_CHECKED,
            "dotnet: /usr/bin/host/fxr has no version",
        ),
    ],
)
def test_dotnet_without_its_host_does_not_start(run, files, command, starts, tells):
    _holds(run(files, *command.split()), starts, tells)


def _holds(prediction, starts, tells):
    """The prediction is `starts`, and `tells` is how far it goes, why it is not checked, or what it prints."""
    said = {
        Starts.YES: prediction.up_to,
        Starts.NOT_CHECKED: "; ".join(prediction.not_checked),
        Starts.NO: prediction.findings[-1].predicts if prediction.findings else None,
    }
    assert (prediction.starts, said[prediction.starts]) == (starts, tells)
