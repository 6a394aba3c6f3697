"""What the reader of JavaScript finds: declarations of modules, names of CommonJS, errors, and what stays open."""

from __future__ import annotations

import pytest

from weighbridge.domain.start.interpreters.javascript import (
    MAX_CHARACTERS,
    exported_names,
    module_statement,
    scan,
    syntax_error,
    type_syntax,
    waiting_statement,
)
from weighbridge.domain.start.interpreters.javascript_flow import imports_of, undefined_name
from weighbridge.domain.start.predict import Starts

MODULES = {"/app/package.json": b'{"type": "module"}'}
NODE_20 = {"/usr/local/include/node/node_version.h": b"#define NODE_MAJOR_VERSION 20\n#define NODE_MINOR_VERSION 18\n"}
NODE_22 = {"/usr/local/include/node/node_version.h": b"#define NODE_MAJOR_VERSION 22\n#define NODE_MINOR_VERSION 6\n"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("export function* g() {}", {"g"}),
        ("export async function* g() {}", {"g"}),
        ("export function*", set()),
        ("export class", set()),
        ("export { a as b, c, d as 'e' }", {"b", "c", "e"}),
        ("f({ export: 1 })\nexport let a", {"a"}),
        ("export let a = f(b, c), d\n;e", {"a", "d"}),
        ("export var $a, _b;", {"$a", "_b"}),
        ("export * from './b'", None),
        ("export * as b from './b'", None),
        ("export const [a] = b", None),
        ("export let a = import('b')", None),
        ("export let a = (1", None),
        ("export let a = b)", None),
        ("export let a = 1\n\\u0061", None),
    ],
)
def test_exported_names_are_certain_or_open(text, names):
    assert exported_names(scan(text)) == names


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import 'a'", [("a", (), "")]),
        ("import a, * as b from 'c'", [("c", ("default",), "")]),
        ("import { default as a, b } from 'c'", [("c", ("default", "b"), "")]),
        ("import {} from 'a'", [("a", (), "")]),
        ("import a from 'b' assert { type: 'json' }", [("b", ("default",), "assert")]),
        ("import a from 'b'\nwith (c) {}", [("b", ("default",), "")]),
        ("import a from 'b'", [("b", ("default",), "")]),
        ("import('a')", []),
        ("import.meta.url = 'a'", []),
        ("a.import 'b'", []),
        ("a?.import 'b'", []),
        ("{ import 'a' }", []),
        ("import a 'b'", []),
        ("import a; 'b'", []),
        ("import", []),
        ("import { " + "a, " * 400 + " } from 'b'", []),
    ],
)
def test_imports_are_declarations_with_a_request(text, found):
    assert [(each.request, each.names, each.attributes) for each in imports_of(scan(text))] == found


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("require('a')", "require"),
        ("module.exports = 1", "module"),
        ("exports.a = 1", "exports"),
        ("f(__dirname)", "__dirname"),
        ("if (a) { b() }\nconst c = require('d')", "require"),
        ("a && b; require('c')", "require"),
        ("a && b\nimport c from 'd'\nrequire('e')", "require"),
        ("function f() {}\nf(); require('a')", "require"),
        ("let a = module\nexports.b = a", "exports"),
        ("const a = require", None),
        ("a.require('b')", None),
        ("a?.require('b')", None),
        ("typeof module.exports", None),
        ("const require = f(); require('a')", None),
        ("import { require } from './a'\nrequire('b')", None),
        ("import { a as require } from './a'\nrequire('b')", None),
        ("module = {}; module.a", None),
        ("if (a) require('b')", None),
        ("a ? require('b') : c", None),
        ("const f = () => require('a')", None),
        ("process.exit(); require('a')", None),
        ("if (a) { throw b }\nrequire('c')", None),
        ("if (a) throw b; require('c')", None),
        ("function f() { process.exit() }\nf(); require('a')", None),
        ("function f() { a() }\nf(); require('b'); process.exit()", None),
        ("await a; require('b')", None),
        ("while (a) {}\nrequire('b')", None),
        ("x = { __dirname: 1 }", None),
        ("__dirname: b", None),
    ],
)
def test_only_certain_use_of_a_name_of_commonjs_is_found(text, name):
    found = undefined_name(scan(text))
    assert (None if found is None else found.text) == name


@pytest.mark.parametrize(
    ("text", "is_module"),
    [
        ("import a from 'b'", True),
        ("export default 1", True),
        ("export * from 'a'", True),
        ("export { a }", True),
        ("export async function f() {}", True),
        ("export = a", False),
        ("import a", True),
        ("import a = require('b')", True),
        ("import = 1", False),
        ("import: a", False),
        ("import('a')", False),
        ("import.meta", False),
        ("a.import b", False),
        ("a?.export default", False),
        ("{ import a }", False),
        ("import", False),
    ],
)
def test_module_statement_is_a_declaration_outside_of_brackets(text, is_module):
    assert (module_statement(scan(text)) is not None) is is_module


@pytest.mark.parametrize(
    ("text", "waits"),
    [
        ("await a", True),
        ("a(); await b", True),
        ("if (a) {} await b", True),
        ("let a = await b", True),
        ("a = await b", False),
        ("f(await a)", False),
        ("await (a)", False),
        ("await", False),
        ("const f = async a => await b", False),
    ],
)
def test_waiting_statement_is_outside_of_functions(text, waits):
    assert (waiting_statement(scan(text)) is not None) is waits


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("const a: b = 1", "const"),
        ("interface A {", "interface"),
        ("enum A {", "enum"),
        ("type A = b", "type"),
        ("const { a: b } = c", None),
        ("a = type = 1", None),
        ("x(interface, A)", None),
        ("a; type b = c", None),
        ("type = 1; a", None),
    ],
)
def test_type_syntax_is_what_no_javascript_has(text, found):
    token = type_syntax(scan(text))
    assert (None if token is None else token.text) == found


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a = ]", ("Unexpected token ']'", 1)),
        ("a =\n;", ("Unexpected token ';'", 2)),
        ("a => <b>", ("Unexpected token '<'", 1)),
        ("return <>", ("Unexpected token '<'", 1)),
        ("a)", ("Unexpected token ')'", 1)),
        ("(a]", ("", 1)),
        ("f(\n", ("", 2)),
        ("{\n", ("Unexpected end of input", 2)),
        ("a < b", None),
        ("`${a}", None),
        ("`a", None),
        ("/* a", None),
        ("#!a (\nb", None),
        ("#!a (", None),
        ("a /= 2; b = (1)", None),
        ("a = /(/", None),
        ("a = /\n/", None),
        ("a\n--> (", None),
        (" " * MAX_CHARACTERS + "(", None),
    ],
)
def test_syntax_error_is_what_every_engine_reports(text, error):
    assert syntax_error(scan(text)) == error


@pytest.mark.parametrize(
    ("source", "files", "starts"),
    [
        pytest.param("import a from './a.json'", MODULES, Starts.NO, id="json-without-type"),
        pytest.param("import { b } from './a.js'", MODULES, Starts.NO, id="name-not-exported"),
        pytest.param("import { a } from './a.js'", MODULES, Starts.YES, id="name-exported"),
        pytest.param("import { b } from './c.cjs'", MODULES, Starts.YES, id="name-of-commonjs"),
        pytest.param("import { b } from 'fs'", MODULES, Starts.YES, id="name-of-a-package"),
        pytest.param("import './e.js'\nrequire('a')", MODULES, Starts.YES, id="module-that-may-end-the-program"),
        pytest.param("import './a.js'\nrequire('a')", MODULES, Starts.NO, id="module-that-does-not"),
        pytest.param("import './a.js'", {"/app/package.json": b"{"}, Starts.YES, id="unreadable-package"),
        pytest.param("import './a.js'", {"/package.json": b'{"type": "module"}'}, Starts.YES, id="package-above"),
        pytest.param("import './a.js'", {"/app/package.json": b'{"type": 1}'}, Starts.NO, id="type-that-is-no-text"),
    ],
)
def test_module_of_node_20_dies_of_what_its_imports_lack(run, source, files, starts):
    there = {
        "/app/main.js": source.encode(),
        "/app/a.js": b"export const a = 1",
        "/app/a.json": b"{}",
        "/app/c.cjs": b"exports.a = 1",
        "/app/e.js": b"process.exit()",
    }
    assert run({**NODE_20, **there, **files}, "node", "main.js").starts is starts


@pytest.mark.parametrize(
    ("name", "source", "release", "tells"),
    [
        ("main.js", "await f()", {}, "whether this release of node detects that /app/main.js is an ES module"),
        ("main.ts", "a", {}, "whether this release of node runs TypeScript, such as /app/main.ts"),
        ("main.ts", "let a: b", NODE_22, "whether this release of node runs /app/main.ts"),
        ("main.cjs", "require('./a.mjs')", {}, "whether this release of node can require the ES module ./a.mjs"),
        ("main.mjs", "import './a.json'", {}, "whether this release of node imports ./a.json"),
    ],
)
def test_source_that_depends_on_an_unknown_release_is_not_checked(run, name, source, release, tells):
    files = {f"/app/{name}": source.encode(), "/app/a.mjs": b"", "/app/a.json": b"{}", **release}
    prediction = run(files, "node", name)
    assert prediction.starts is Starts.NOT_CHECKED
    assert tells in prediction.not_checked[0]
