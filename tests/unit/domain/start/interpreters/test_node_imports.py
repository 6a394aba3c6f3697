"""Modules that a JavaScript file loads first. The texts were recorded from Node 20."""

from __future__ import annotations

import json

import pytest

from weighbridge.domain.start.predict import Starts

FILE, MODULE = "interpreter-file-missing", "interpreter-module-missing"
MODULES = {"/app/package.json": json.dumps({"type": "module"}).encode()}
EXPRESS = {"/app/node_modules/express/index.js": b""}


@pytest.mark.parametrize(
    ("code", "message", "text", "files"),
    [
        (FILE, "Cannot find module './lib/x'", "const x = require('./lib/x');", {}),
        (
            MODULE,
            "Cannot find module 'express'",
            "'use strict';\n/* a */ // b\nconst { a, b } = require('express')\n",
            {},
        ),
        (MODULE, "Cannot find module 'express'", "const fs = require('fs'), e = require('express');", {}),
        (MODULE, "Cannot find module 'dotenv'", "#!/usr/bin/env node\nrequire('dotenv').config();", {}),
        (MODULE, "Cannot find module 'cors'", "var e = require(\"express\")\nvar c = require('cors')\n", EXPRESS),
        (MODULE, "Cannot find module 'gone'", "const a = require('./a');", {"/app/a.js": b"require('gone');"}),
        (
            MODULE,
            "Cannot find module 'express'",
            '"use strict";\nvar __importDefault = (this && this.__importDefault) || function (mod) {\n  return m;\n};\n'
            'Object.defineProperty(exports, "__esModule", { value: true });\nexports.a = void 0;\n'
            'const express_1 = __importDefault(require("express"));\n',
            {},
        ),
        (MODULE, "Cannot find package 'express'", "import express, { a as b } from 'express';", MODULES),
        (
            FILE,
            "Cannot find module '/app/a'",
            "import fs from 'fs'\nimport { a } from './a'",
            {**MODULES, "/app/a.js": b""},
        ),
        (
            MODULE,
            "Cannot find package '@a/b'",
            "import './a.js';",
            {**MODULES, "/app/a.js": b"import * as x from '@a/b/c';\n"},
        ),
    ],
)
def test_missing_module_dies_with_its_text(dies, code, message, text, files):
    dies(code, message, {**files, "/app/main.js": text.encode()}, "node", "main.js")


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("try { require('sharp') } catch (e) {}", {}),
        ("if (process.env.X) require('newrelic')", {}),
        ("process.env.X && require('newrelic');", {}),
        ("const f = () => require('gone');", {}),
        ("const s = `require('gone')`;", {}),
        ("// require('gone')\n/* require('gone') */\nconst x = 1;", {}),
        ("process.exit(0);\nrequire('gone')", {}),
        ("const x = require('./a');\nrequire('gone');", {"/app/a.js": b"process.exit(0)"}),
        ("require('./a')();\nrequire('gone');", {"/app/a.js": b""}),
        ("require('module-alias/register');\nrequire('@/x');", {"/app/node_modules/module-alias/register.js": b""}),
        (
            "const x = require('express'), y = require('./d'), z = require('node:fs');",
            {**EXPRESS, "/app/d.json": b"{}"},
        ),
        ("import('gone').catch(() => 1)", MODULES),
        ("import a from './a.cjs'", {**MODULES, "/app/a.cjs": b"require('gone')"}),
        ("const a = require('./a'); const b = 1;", {"/app/a.js": b"require('./main'); exports.x = 1;"}),
    ],
)
def test_module_that_may_not_be_loaded_starts(run, text, files):
    assert run({**files, "/app/main.js": text.encode()}, "node", "main.js").starts is Starts.YES


def test_modules_behind_preloaded_module_are_not_read(run):
    files = {"/app/main.js": b"require('gone')", "/app/hook.js": b""}
    assert run(files, "node", "-r", "./hook.js", "main.js").starts is Starts.YES


def test_modules_that_script_links_are_not_checked(run, program):
    files = {"/app/main.js": b"require('gone')", "/usr/bin/ln": program}
    assert run(files, "sh", "-c", "ln -s /opt/m node_modules; exec node main.js").starts is not Starts.NO
