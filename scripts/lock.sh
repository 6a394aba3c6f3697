#!/bin/sh
# Writes requirements/*.lock from pyproject.toml: exact versions with hashes, for every platform and Python that is supported.
set -eu
cd "$(dirname "$0")/.."
uv="${UV:-uv}"
lock() { "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate "$@"; }
lock pyproject.toml --output-file requirements/runtime.lock
lock pyproject.toml --group dev --output-file requirements/dev.lock
lock --group docs --output-file requirements/docs.lock
