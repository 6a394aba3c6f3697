"""What node takes a file for. The matrix of commands has the same kinds, really run by Node 20.18."""

from __future__ import annotations

import json

import pytest
from linear_time import assert_linear

from weighbridge.domain.start.interpreters.javascript import exported_names, module_statement, scan, syntax_error
from weighbridge.domain.start.interpreters.javascript_flow import imports_of, undefined_name
from weighbridge.domain.start.predict import Starts

REFUSED, FILE, MODULE = "script-fails", "interpreter-file-missing", "interpreter-module-missing"
MODULES = {"/app/package.json": b'{"type": "module"}'}
HEADER = "/usr/local/include/node/node_version.h"


def node(major, minor):
    return {HEADER: f"#define NODE_MAJOR_VERSION {major}\n#define NODE_MINOR_VERSION {minor}\n".encode()}


def package(name, description, *files):
    place = f"/app/node_modules/{name}"
    there = {f"{place}/{file}": b"export const a = 1\n" for file in files}
    return {f"{place}/package.json": json.dumps({"name": name, **description}).encode(), **there}


@pytest.mark.parametrize(
    ("text", "source", "files"),
    [
        ("SyntaxError: Cannot use import statement outside a module", "import fs from 'fs';", {}),
        ("SyntaxError: Unexpected token 'export'", "const a = 1;\nexport default a", {}),
        (
            "SyntaxError: await is only valid in async functions and the top level bodies of modules",
            "const a = await f();",
            {},
        ),
        ("require is not defined", "const fs = require('fs');", MODULES),
        ("__dirname is not defined", "import p from 'path';\nconst a = p.join(__dirname, 'a')", MODULES),
        ("module is not defined", "const a = 1\n;module.exports = { a };", MODULES),
        ("SyntaxError: Unexpected token", "const x = ;", {}),
        ("SyntaxError: Unexpected token", "const a = () => {\n  return <div>a</div>;\n}", {}),
        ("SyntaxError: Unexpected end of input", "function f() {", {}),
        (
            "The requested module './a.js' does not provide an export named 'b'",
            "import { b } from './a.js';",
            {**MODULES, "/app/a.js": b"export const a = 1, c = 2;\nexport { a as d };"},
        ),
        ('Module "file:///app/package.json" needs an import a', "import p from './package.json';\n", MODULES),
        ("ERR_REQUIRE_ESM", "const a = require('a');", package("a", {"type": "module", "main": "i.js"}, "i.js")),
        ("ERR_REQUIRE_ESM", "const a = require('./a.mjs');", {"/app/a.mjs": b""}),
    ],
)
def test_source_that_node_20_refuses_dies_with_its_text(dies, text, source, files):
    dies(REFUSED, text, {**node(20, 18), **files, "/app/main.js": source.encode()}, "node", "main.js")


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ("import('fs').then(() => 1);\nconst o = { import: 1, export: 2 }; o.import", {}),
        ("const s = `\nimport a from 'b';\n`;\n// export default 1\n", {}),
        ("const f = async x =>\n  await x\n", {}),
        ("const r = /[/]{1,2}(=;)/g, q = a => a / 2 / 3;\n'x'.replace(/\\//g, '(')", {}),
        ("<!-- old (\nconsole.log(1)\n--> end )\n", {}),
        ("const require = createRequire(import.meta.url);\nconst fs = require('fs');", MODULES),
        ("const a = typeof require === 'function' ? 1 : 2;\nfunction f() { return require('a') }", MODULES),
        ("process.exit(0);\nconst fs = require('fs');", MODULES),
        ("const p = a && __dirname;\ntry { require('b') } catch (e) {}", MODULES),
        ("import { z } from './a.js';", {**MODULES, "/app/a.js": b"export * from './b.js'"}),
        ("const a = require('a');", package("a", {"exports": {"import": "./i.js", "require": "./i.cjs"}}, "i.cjs")),
    ],
)
def test_source_that_node_20_accepts_starts(run, source, files):
    files = {**node(20, 18), **files, "/app/main.js": source.encode()}
    assert run(files, "node", "main.js").starts is Starts.YES


@pytest.mark.parametrize(
    ("release", "source", "starts"),
    [
        ((22, 7), "import fs from 'fs';", Starts.YES),
        ((20, 19), "import fs from 'fs';", Starts.YES),
        ((22, 6), "import fs from 'fs';", Starts.NO),
        ((21, 7), "import fs from 'fs';", Starts.NO),
        ((22, 12), "const a = require('./a.mjs');", Starts.YES),
        ((22, 11), "const a = require('./a.mjs');", Starts.NO),
        ((24, 0), "const fs = require('fs');\nimport a from 'path';", Starts.NO),
        ((22, 0), "import a from './b.json' assert { type: 'json' };", Starts.NO),
    ],
)
def test_release_of_node_decides_what_it_loads(run, release, source, starts):
    kinds = MODULES if "assert" in source else {}
    files = {**node(*release), **kinds, "/app/main.js": source.encode(), "/app/a.mjs": b"", "/app/b.json": b"{}"}
    assert run(files, "node", "main.js").starts is starts


def test_module_syntax_without_known_release_is_not_checked(run):
    prediction = run({"/app/main.js": b"import fs from 'fs'"}, "node", "main.js")
    assert prediction.starts is Starts.NOT_CHECKED
    assert "whether this release of node detects" in prediction.not_checked[0]


@pytest.mark.parametrize(
    ("release", "files", "text"),
    [
        ((20, 18), {"/app/main.ts": b"const a: number = 1;"}, "SyntaxError: "),
        ((20, 18), {"/app/main.ts": b"import a from 'fs'"}, "SyntaxError: "),
        (
            (20, 18),
            {**MODULES, "/app/main.ts": b"const a: number = 1;"},
            'Unknown file extension ".ts" for /app/main.ts',
        ),
    ],
)
def test_typescript_under_node_20_dies(dies, release, files, text):
    dies(REFUSED, text, {**node(*release), **files}, "node", "main.ts")


@pytest.mark.parametrize(
    ("release", "source", "starts"),
    [
        ((22, 18), "const a: number = 1;", Starts.YES),
        ((23, 6), "const a: number = 1;", Starts.YES),
        ((22, 10), "const a: number = 1;", Starts.NOT_CHECKED),
        ((20, 18), "const a = 1;", Starts.YES),
    ],
)
def test_typescript_under_newer_node_is_no_error(run, release, source, starts):
    assert run({**node(*release), "/app/main.ts": source.encode()}, "node", "main.ts").starts is starts


@pytest.mark.parametrize(
    ("source", "text", "files"),
    [
        (
            "require('a/sub')",
            "Package subpath './sub' is not defined by \"exports\" in /app/node_modules/a/package.json",
            package("a", {"exports": {".": "./i.js"}}, "i.js", "sub.js"),
        ),
        (
            "require('a')",
            'No "exports" main defined in /app/node_modules/a/package.json',
            package("a", {"exports": {".": {"import": "./i.js"}}}, "i.js"),
        ),
        (
            "require('a/lib/internal/x')",
            "Package subpath './lib/internal/x' is not defined by \"exports\" in /app/node_modules/a/package.json",
            package("a", {"exports": {"./lib/*": "./lib/*.js", "./lib/internal/*": None}}, "lib/internal/x.js"),
        ),
        (
            "require('a')",
            "Cannot find module '/app/node_modules/a/dist/i.js'",
            package("a", {"exports": "./dist/i.js"}),
        ),
        ("require('a')", "Cannot find module '/app/node_modules/a/dist/i.js'", package("a", {"main": "dist/i.js"})),
        ("require('a')", "Cannot find module 'a'", package("a", {})),
        ("require('a/lib/x')", "Cannot find module 'a/lib/x'", package("a", {}, "index.js")),
    ],
)
def test_package_that_does_not_offer_the_path_dies(dies, source, text, files):
    dies(MODULE, text, {**files, "/app/main.js": source.encode()}, "node", "main.js")


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ("require('a/lib/x')", package("a", {"exports": {"./lib/*": "./lib/*.js"}}, "lib/x.js")),
        ("require('a')", package("a", {"main": "dist/gone.js"}, "index.js")),
        ("require('a')", package("a", {"exports": {"module-sync": "./gone.js", "default": "./gone.js"}})),
        ("require('a/x')", package("a", {"exports": {"./": "./"}})),
        ("require('app/x')", {"/app/package.json": b'{"name": "app", "exports": {"./x": "./x.js"}}'}),
    ],
)
def test_package_that_offers_the_path_or_is_uncertain_starts(run, source, files):
    assert run({**files, "/app/main.js": source.encode()}, "node", "main.js").starts is Starts.YES


def test_directory_import_of_module_dies(dies):
    files = {**MODULES, "/app/main.js": b"import a from './lib';", "/app/lib/index.js": b""}
    text = "Directory import '/app/lib' is not supported resolving ES modules"
    dies(FILE, text, files, "node", "main.js")


def test_server_that_requires_missing_routes_dies(dies):
    source = (
        b"const http = require('http');\nconst path = require('path');\nprocess.env.NODE_ENV = 'production';\n"
        b"process.chdir(__dirname)\nconst dir = path.join(__dirname, 'x');\nconst port = process.env.PORT || 3000;\n"
        b"const routes = require('./routes');\n"
    )
    dies(FILE, "Cannot find module './routes'", {"/app/main.js": source}, "node", "main.js")


def test_scan_reads_strings_templates_and_lines():
    source = scan("a = 'b\\'c' + `x${ {d: `}`} }y`\n/* ( */ e // )\n")
    assert source.is_complete
    assert [token.text for token in source.tokens if token.line == 2] == ["e"]
    assert source.tokens[2].value == "b\\'c"


@pytest.mark.parametrize("text", ["a = b)", "f(", "{ a: [1, 2 }", "if (a) { b = { }"])
def test_scan_unbalanced_brackets_is_an_error(text):
    assert syntax_error(scan(text)) is not None


@pytest.mark.parametrize("text", ["if (a) /x(/.test(b)", "x = {} / 2; y = (1", "\\u0061 = (", "'a\n("])
def test_scan_uncertain_text_is_no_error(text):
    source = scan(text)
    assert not source.is_complete
    assert syntax_error(source) is None


def test_imports_of_reads_names_and_attributes():
    source = scan("import a, { b as c, d } from './x';\nimport * as e from 'y'\nimport 'z' with { type: 'json' }\n")
    found = [(each.request, each.names, each.attributes) for each in imports_of(source)]
    assert found == [("./x", ("default", "b", "d"), ""), ("y", (), ""), ("z", (), "with")]


def test_exported_names_of_all_forms():
    text = "export default 1\nexport const a = 1, b = f(2, 3)\nexport async function c() {}\nexport { d as e }\n"
    text += "export class G {}"
    assert exported_names(scan(text)) == {"default", "a", "b", "c", "e", "G"}
    assert exported_names(scan("export const a =\n  f(1),\n  b = 2\nexport let c")) == {"a", "b", "c"}
    assert exported_names(scan("export const { a } = b")) is None


@pytest.mark.parametrize(
    "piece", ["import ", "`${", "((", "/a", "a /", "{", "export {a as ", "x = ", "/*", "'\\", "<", "[/"]
)
def test_hostile_source_is_read_in_linear_time(piece):
    def read(size):
        source = scan(piece * (size // len(piece)))
        syntax_error(source)
        module_statement(source)
        list(imports_of(source))
        undefined_name(source)
        exported_names(source)

    assert_linear(read, largest=60_000)
