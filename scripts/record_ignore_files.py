"""Records which files real builds leave out for hundreds of ignore files: ``tests/data/ignore_files/<engine>.json``.

Run it for each engine: ``eval "$(python3 scripts/engine.py env overlay2)"; python3 scripts/record_ignore_files.py overlay2``.
`weighbridge.plan.ignore_file` is held to these records by ``tests/unit/plan/test_ignore_file.py``.
"""
# ruff: noqa: E501 - a table of short texts

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import random
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

NAMES = (
    "data",
    "db",
    "5",
    "x",
    "xx",
    "a|b",
    "a+b",
    "aab",
    "(a)",
    "{a,b}",
    "$x",
    "^x",
    "[x]",
    "x]",
    "#x",
    "!x",
    " lead",
    "x*",
    "x y",
    "tab\ty",
    ".hidden",
    "é",
    "\u2028x",
    "a.b",
    "axb",
    "-",
    "\\x",
    "a/b",
    "a/c/d",
    "a/c/x",
    "a/.hidden",
    "a/x",
    "docs/x",
    "docs/keep/x",
    "docs/keep/more/data",
    "docs/a.md",
    "README.md",
    "src/a/b/x.md",
    "src/x.go",
    "deep/a/c/d/x",
    "[/]b",
    "c:x",
    "..x",
    "X",
    "DATA",
)

WRITTEN = (
    b"",
    b"\n\n",
    b"data",
    b"data\n",
    b"data\r\nx\r\n",
    b"data\rx\n",
    b"data\r\r\n",
    b"# c\n**\n",
    b"#\x0c**\n",
    b"# keep\xe2\x80\xa8**\n",
    b"#\xc2\x85**\n",
    b"#\x0b**\n",
    b"#\x1c**\n",
    b"#\x1d*\n",
    b"#\x1e*\n",
    b"#\xe2\x80\xa9*\n",
    b"\xef\xbb\xbfdata\n",
    b"\xef\xbb\xbf#data\n*\n",
    b"x\n\xef\xbb\xbfdata\n",
    b"\xef\xbb\xbf\xef\xbb\xbfdata\n",
    b"\xef\xbb\xbf*\n",
    b"x\n\xef\xbb\xbf*\n",
    b"  data  \n",
    b"\tdata\t\n",
    b"\x0bdata\x0c\n",
    b"\xc2\xa0data\xc2\xa0\n",
    b"\xe2\x80\xa8data\n",
    b"\xe3\x80\x80data\n",
    b"\x1cdata\n",
    b"data\x1f\n",
    b"\xe1\x9a\x80data\n",
    b"\xe2\x80\x8bdata\n",
    b"\xc2\x85data\xc2\x85\n",
    b" #x\n",
    b"\\#x\n",
    b"#x\n",
    b"!\n",
    b"! \n",
    b"*\n!\n",
    b"*\n! data\n",
    b"*\n!/data\n",
    b"*\n!data\n!a/b\n",
    b"!data\n*\n",
    b"*\n!a\n",
    b"*\n!a/**\n",
    b"*\n!**/x\n",
    b"**\n!a/b\n",
    b"**\n!src\n",
    b"/data\n",
    b"//data\n",
    b"./data\n",
    b"../data\n",
    b"a/../data\n",
    b"/../data\n",
    b"data/\n",
    b"a/\n",
    b"a//b\n",
    b"a/./b\n",
    b"/\n",
    b".\n",
    b"..\n",
    b"!.\n",
    b"*\n!.\n",
    b"./\n",
    b"*/\n",
    b"/*\n",
    b"*/*\n",
    b"*/*/*\n",
    b"**/\n",
    b"/**\n",
    b"***\n",
    b"**/x\n",
    b"**x\n",
    b"**/*.md\n",
    b"**.md\n",
    b"a/**\n",
    b"a/**/x\n",
    b"a**\n",
    b"a**x\n",
    b"docs/**\n!docs/keep\n",
    b"docs\n!docs/keep\n",
    b"docs\n!docs/keep/x\ndocs\n",
    b"docs\n!docs/keep\ndocs/keep/more\n",
    b"docs/*\n!docs/keep\n",
    b"docs/**\n!docs/keep/**\n",
    b"docs\n!**/keep\n",
    b"*.md\n!README.md\n",
    b"**/*.md\n!docs/*.md\n",
    b"a\n!a/c\na/c/x\n",
    b"[a-d]*\n",
    b"[^a]*\n",
    b"[!a]*\n",
    b"[]\n",
    b"[\n",
    b"x\n[\n",
    b"[a\n",
    b"[]a]\n",
    b"[^]a]\n",
    b"[a-]\n",
    b"[-a]\n",
    b"[x-a]*\n",
    b"x[*]\n",
    b"x[?]\n",
    b"[.]hidden\n",
    b"[[]x]\n",
    b"\\[x\\]\n",
    b"[x]\n",
    b"x]\n",
    b"[\\x]\n",
    b"[\\]]\n",
    b"\\d*\n",
    b"\\d\n",
    b"\\w\n",
    b"[\\d]\n",
    b"*\n!\\d\n",
    b"*\n![\\w]*\n",
    b"\\x\n",
    b"\\\\x\n",
    b"x\\*\n",
    b"x\\\n",
    b"\\\n",
    b"\\Qx\\E*\n",
    b"\\pLx\n",
    b"\\S*\n",
    b"[^\\S]*\n",
    b"*\n!\\S*\n",
    b"x|*\n",
    b"*\n!x|*\n",
    b"a|b\n",
    b"a|?\n",
    b"?|z\n",
    b"{a,b}\n",
    b"{a,?}\n",
    b"x{2}*\n",
    b"x{1,2}?\n",
    b"a+?\n",
    b"a+*\n",
    b"a+b\n",
    b"a+b*\n",
    b"(a)\n",
    b"(a)*\n",
    b"(?i)data*\n",
    b"*\n!(?i)data*\n",
    b"$x\n",
    b"$x*\n",
    b"^x\n",
    b"^x*\n",
    b"*\n!^x*\n",
    b"a.b*\n",
    b"a.*\n",
    b".*\n",
    b"*.*\n",
    b"?\n",
    b"??\n",
    b"*\n!?\n",
    b"a?b\n",
    b"a/?\n",
    b"a?c/d\n",
    b"[/]b\n",
    b"a[/]b\n",
    b"a[^x]b\n",
    b"[^/]b\n",
    b"\xc3\xa9\n",
    b"\xc3*\n",
    b"\xff*\n",
    b"[\xc3\xa9]\n",
    b"e\xcc\x81\n",
    b"\x00\n*\n",
    b"x\x00*\n",
    b"DATA\n",
    b"Data\n",
    b"data\n" * 700,
    b"#" * 70_000 + b"\ndata\n",
    b"x" * 65_536 + b"\n*\n",
    b"x" * 65_535 + b"\n*\n",
    b"?" * 200 + b"\ndata\n",
    b"**/" * 40 + b"x\n",
    b"*a*a*a*a*a*a*a*b\n",
    b"*\n!*a*\n!*d*t*\n",
    b"!*\n",
    b"**\n!**\n",
    b"**\n!*\n",
    b"*\n!**/*.md\n",
    b"!x\nx\n!x\n",
    b"data\n!data\ndata\n",
    b"tab*y\n",
    b"x y\n",
    b"x\\ y\n",
    b" lead\n",
    b"\\ lead\n",
    b".dockerignore\n",
    b"Dockerfile\n",
    b"*\n!Dockerfile\n",
    b"**/.*\n",
    b"-\n",
    b"[a-]*\n",
    b"c:x\n",
    b"..x\n",
    b"...\n",
    b"a/../../data\n",
    b"!../data\n",
    b"a\\/b\n",
    b"a/b/\n!a/b\n",
    b"*/b\n",
    b"*/c/*\n",
    b"src/*/b\n",
    b"src/**/x.md\n",
    b"src/**/*.go\n",
    b"**/a/b\n",
    b"**/a/**/d\n",
    b"**/**/x\n",
    b"**/**\n",
    b"**/?\n",
    b"x**\n",
    b"**\\x\n",
    b"\\**\n",
    b"[*][*]\n",
    b"&&\n",
    b"[a&&b]*\n",
    b"[a--b]\n",
    b"[[a]*\n",
    b"[a||b]*\n",
)

_PIECES = (
    "*",
    "**",
    "?",
    "a",
    "b",
    "c",
    "d",
    "x",
    "docs",
    "keep",
    "src",
    "data",
    "[a-d]",
    "[^a]",
    "\\x",
    ".md",
    ".",
    "/",
    "/",
    "/",
    "|",
    "+",
)
_RANDOM_FILES = 140


def ignore_files() -> Iterator[bytes]:
    """The written ones, then made-up ones, always the same."""
    yield from WRITTEN
    chance = random.Random(7)
    for _ in range(_RANDOM_FILES):
        lines = []
        for _ in range(chance.randint(1, 5)):
            line = "".join(chance.choice(_PIECES) for _ in range(chance.randint(1, 6)))
            lines.append(("!" if chance.random() < 0.35 else "") + line)
        yield chance.choice(("\n", "\n", "\r\n")).join(lines).encode()


def kept(data: bytes, context: Path, number: int) -> list[int] | None:
    """The indices in `NAMES` of the files that a build reads; ``None`` if the build fails."""
    file = context / f"{number}.Dockerfile"
    file.write_text("FROM scratch\nCOPY . /\n")
    (context / f"{number}.Dockerfile.dockerignore").write_bytes(data)
    build = ["docker", "build", "-q", "-f", str(file), "-o", "-", str(context / "tree")]
    done = subprocess.run(build, check=False, capture_output=True, env=os.environ | {"DOCKER_BUILDKIT": "1"})
    if done.returncode != 0:
        print(number, data[:60], done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:])
        return None
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        found = {member.name.removeprefix("./") for member in tar if member.isfile()}
    assert found <= set(NAMES), found
    return [index for index, name in enumerate(NAMES) if name in found]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("engine")
    engine = parser.parse_args().engine
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        for name in NAMES:
            (context / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            (context / "tree" / name).write_text("x")
        files = list(ignore_files())
        with ThreadPoolExecutor(2) as pool:
            answers = pool.map(lambda pair: kept(pair[1], context, pair[0]), enumerate(files))
            records = [
                {"ignore_file": base64.b64encode(data).decode(), "kept": answer}
                for data, answer in zip(files, answers, strict=True)
            ]
    lines = ",\n".join(json.dumps(record) for record in records)
    target = Path(__file__).parents[1] / "tests/data/ignore_files" / f"{engine}.json"
    target.write_text(f'{{"names": {json.dumps(NAMES)},\n"records": [\n{lines}\n]}}\n')
    print(len(records), "ignore files")


if __name__ == "__main__":
    main()
