"""``node`` and the package managers: files, modules of options, scripts of package.json."""

from __future__ import annotations

import json

import pytest

from weighbridge.domain.start.predict import Starts

FILE, MODULE, SCRIPT = "interpreter-file-missing", "interpreter-module-missing", "package-script-missing"


def package(**fields: object) -> bytes:
    return json.dumps(fields).encode()


@pytest.mark.parametrize(
    ("files", "command", "code", "text"),
    [
        ({}, ("node", "server.js"), FILE, "Cannot find module '/app/server.js'"),
        ({}, ("node", "--max-old-space-size=64", "--inspect", "dist/a"), FILE, "Cannot find module '/app/dist/a'"),
        ({"/app/dist/": b""}, ("node", "dist"), FILE, "Cannot find module '/app/dist'"),
        ({"/app/d/package.json": package(main="x.js")}, ("node", "d"), FILE, "Cannot find module '/app/d/x.js'"),
        ({"/app/a.js": b""}, ("node", "-r", "dotenv/config", "a.js"), MODULE, "Cannot find module 'dotenv/config'"),
        ({"/app/a.js": b""}, ("node", "--require=./b.js", "a.js"), FILE, "Cannot find module './b.js'"),
        ({"/app/a.js": b""}, ("node", "--import", "./b.mjs", "a.js"), FILE, "Cannot find module '/app/b.mjs'"),
        ({"/app/a.js": b""}, ("node", "--import", "tsx", "a.js"), MODULE, "Cannot find package 'tsx'"),
        ({"/app/a.js": b""}, ("node", "--env-file=.env", "a.js"), FILE, ".env: not found"),
    ],
)
def test_node_file_or_module_missing_dies_with_its_text(dies, files, command, code, text):
    dies(code, text, files, *command)


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"/app/server.js": b""}, ("node", "server.js")),
        ({"/app/server.js": b""}, ("node", "server")),
        ({"/app/dist/index.js": b""}, ("node", "dist")),
        ({"/app/d/package.json": package(main="lib"), "/app/d/lib.js": b""}, ("node", "d")),
        ({"/app/d/package.json": package(main="none"), "/app/d/index.js": b""}, ("node", "d")),
        ({"/app/a.js": b"", "/app/node_modules/dotenv/config.js": b""}, ("node", "-r", "dotenv/config", "a.js")),
        ({"/app/a.js": b"", "/node_modules/x/index.js": b""}, ("node", "-r", "x", "a.js")),
        ({"/app/a.js": b""}, ("node", "-r", "node:fs", "a.js")),
        ({}, ("node",)),
        ({}, ("node", "-e", "1")),
        ({}, ("node", "--version")),
    ],
)
def test_node_existing_file_or_module_starts(run, files, command):
    assert run(files, *command).starts is Starts.YES


@pytest.mark.parametrize("command", [("node", "--nonsense", "a.js"), ("node", "inspect", "a.js"), ("node", "--test")])
def test_node_unknown_options_are_not_checked(run, command):
    assert run({}, *command).starts is Starts.NOT_CHECKED


@pytest.fixture
def node_binary(program):
    """A node that contains the names of some options."""
    return {"/usr/local/bin/node": program + b"\0--require\0--experimental-old\0max_lazy\0--harmony\0"}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--nosuch",), "bad option: --nosuch"),
        (("--experimental-new=1",), "bad option: --experimental-new=1"),
        (("-rdotenv/config",), "bad option: -rdotenv/config"),
    ],
)
def test_node_option_missing_in_binary_dies(dies, options, text, node_binary):
    dies("program-option-refused", text, {**node_binary, "/app/a.js": b""}, "node", *options, "a.js")


@pytest.mark.parametrize("option", ["--experimental-old", "--max-lazy=1", "--max_lazy=1", "--no-harmony"])
def test_node_option_in_binary_is_accepted(run, option, node_binary):
    assert run({**node_binary, "/app/a.js": b""}, "node", option, "a.js").starts is Starts.YES


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("-e 1", "-e is not allowed in NODE_OPTIONS"),
        ("--nosuch", "--nosuch is not allowed in NODE_OPTIONS"),
        ('--require "./a', "invalid value for NODE_OPTIONS (unterminated string)"),
    ],
)
def test_node_option_of_variable_refused_dies(dies, value, text, node_binary):
    files = {**node_binary, "/app/a.js": b""}
    dies("program-option-refused", text, files, "node", "a.js", env={"NODE_OPTIONS": value})


def test_node_main_file_unreadable_dies(run, images):
    prediction = run({"/app/a.js": images.File(content=b"", mode=0o600)}, "node", "a.js", user="1000")
    assert prediction.findings[-1].predicts == "EACCES: permission denied, open '/app/a.js'"


def test_node_options_of_environment_are_read(dies):
    env = {"NODE_OPTIONS": "--require ./trace.js"}
    dies(FILE, "Cannot find module './trace.js'", {"/app/a.js": b""}, "node", "a.js", env=env)


def manager(name: str) -> dict[str, bytes | str]:
    """A package manager as node's image has it."""
    target = {"npm": "npm/bin/npm-cli.js", "yarn": "yarn/bin/yarn.js", "pnpm": "pnpm/bin/pnpm.cjs"}[name]
    script = b"#!/usr/local/bin/node\n"
    return {
        f"/usr/local/lib/node_modules/{target}": script,
        f"/usr/local/bin/{name}": f"../lib/node_modules/{target}",
        "/usr/local/lib/node_modules/npm/bin/npx-cli.js": script,
        "/usr/local/bin/npx": "../lib/node_modules/npm/bin/npx-cli.js",
    }


@pytest.mark.parametrize(
    ("files", "command", "text"),
    [
        ({}, ("npm", "start"), "ENOENT: no such file or directory, open '/app/package.json'"),
        ({}, ("yarn", "start"), 'Couldn\'t find a package.json file in "/app"'),
        ({}, ("pnpm", "start"), 'No package.json (or package.yaml, or package.json5) was found in "/app".'),
        ({"/app/package.json": b"{}"}, ("npm", "start"), 'Missing script: "start"'),
        ({"/app/package.json": b"{}"}, ("npm", "run", "dev", "--silent"), 'Missing script: "dev"'),
        ({"/app/package.json": b"{}"}, ("yarn", "run", "dev"), 'Command "dev" not found'),
        ({"/app/package.json": b"{}"}, ("pnpm", "start"), "Missing script start or file server.js"),
    ],
)
def test_package_script_missing_dies_with_its_text(dies, files, command, text):
    dies(SCRIPT, text, {**manager(command[0]), **files}, *command)


def test_program_of_package_script_is_followed(run, program):
    files = {**manager("npm"), "/app/package.json": package(scripts={"start": "next start"})}
    missing = run(files, "npm", "start")
    assert (missing.starts, missing.findings[-1].predicts) == (Starts.NO, "sh: 1: next: not found")
    assert run({**files, "/app/node_modules/.bin/next": program}, "npm", "start").starts is Starts.YES


def test_npm_start_without_script_runs_server_js(run):
    files = {**manager("npm"), "/app/package.json": b"{}", "/app/server.js": b""}
    assert run(files, "npm", "start").starts is Starts.YES


def test_package_json_is_looked_for_upwards(dies):
    files = {**manager("npm"), "/package.json": b"{}"}
    dies(SCRIPT, 'Missing script: "start"', files, "npm", "start")


def test_npm_prefix_names_the_folder(run, dies):
    files = {**manager("npm"), "/srv/package.json": package(scripts={"start": "node a.js"})}
    assert run({**files, "/srv/a.js": b""}, "npm", "--prefix", "/srv", "start").starts is Starts.YES
    dies(FILE, "Cannot find module '/srv/a.js'", files, "npm", "--prefix=/srv", "start")


def test_yarn_start_without_script_runs_server_js(run):
    files = {**manager("yarn"), "/app/package.json": b"{}", "/app/server.js": b""}
    assert run(files, "yarn", "start").starts is Starts.YES


def test_npm_empty_script_starts(run):
    files = {**manager("npm"), "/app/package.json": package(scripts={"dev": ""})}
    assert run(files, "npm", "run", "dev").starts is Starts.YES


@pytest.mark.parametrize("command", [("npx", "next", "start"), ("npm", "exec", "--", "next", "start")])
def test_program_of_node_modules_is_followed(dies, run, command):
    files = {**manager("npm"), "/app/node_modules/.bin/next": b"#!/usr/local/bin/node\n"}
    assert run(files, *command).starts is Starts.YES
    broken = {**files, "/app/node_modules/.bin/next": b"#!/usr/bin/gone\n"}
    assert run(broken, *command).starts is Starts.NO


@pytest.mark.parametrize("command", [("npm", "ci"), ("npm", "--workspace", "x", "start"), ("npx", "serve"), ("npm",)])
def test_other_commands_of_package_manager_are_not_checked(run, command):
    assert run(manager("npm"), *command).starts is Starts.NOT_CHECKED
