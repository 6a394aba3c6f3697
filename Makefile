# All that one does twice. `make` alone lists the targets.
SHELL := /bin/sh
.DEFAULT_GOAL := help

# The first Python that is new enough; `make PYTHON=/path/to/python …` names another one.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done || true)
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
CODE := src tests scripts $(wildcard benchmarks/*.py)

.PHONY: help python site pictures fuzz coverage mutation matrix matrix-scripts matrix-commands tips-corpus causes-corpus test-tools schema setup engine base-images demo test test-unit test-unit-all test-engine test-engines lint format types lock bench clean action-docs architecture man

help: ## list all targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/\1|\2/p' Makefile | while IFS='|' read -r name text; do printf '  %-12s %s\n' "$$name" "$$text"; done

python:
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer on PATH; install one, or say make PYTHON=/path/to/python" >&2; exit 1; }

setup: python ## make .venv from the lock file
	@$(PYTHON) scripts/make_venv.py

engine: python ## have an engine for each image store running
	@$(PYTHON) scripts/engine.py start

# What tests use on the second store; further images come when a test asks for them.
CONTAINERD_IMAGES := debian:bookworm debian:trixie debian:bullseye busybox busybox:glibc alpine gcc golang

base-images: engine ## have the base images of examples and tests in both engines
	@$(PYTHON) scripts/base_images.py --engine overlay2
	@$(PYTHON) scripts/base_images.py --engine containerd --only $(CONTAINERD_IMAGES)

demo: setup ## weigh a small branch on a real engine and show the comment
	@$(BIN)/python scripts/demo.py

test-tools: python ## have what tests compare with (skopeo, buildah, umoci, a registry, node, GitHub's API description)
	@$(PYTHON) scripts/test_tools.py
	@$(PYTHON) scripts/github_contract.py >/dev/null

test: lint types ## everything CI runs: lint, format, types, all tests
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=line test-unit-all test-images
	@$(PYTEST) --ignore tests/unit $(PARALLEL)

# Engine tests wait more than they compute: three processes for two processors. A file's tests share a process. The
# files keep their order, because the runs of the Action come first and take longest.
PARALLEL := -n 3 --dist loadfile --no-loadscope-reorder --durations=20

# The unit tests use the processors while these wait for downloads.
.PHONY: test-images
test-images: test-tools base-images

matrix: setup test-tools base-images ## run every cell of the start matrix anew and record what happened (15 minutes)
	@PYTHONPATH=tests/engine/matrix $(BIN)/python tests/engine/matrix/record.py --facts

matrix-scripts: setup base-images ## run every script of the script matrix anew and record what happened (2 minutes)
	@PYTHONPATH=tests/engine/matrix $(BIN)/python tests/engine/matrix/record_scripts.py

matrix-commands: setup base-images ## run every command of the command matrix anew and record what happened (10 minutes)
	@PYTHONPATH=tests/engine/matrix $(BIN)/python tests/engine/matrix/record_commands.py

tips-corpus: setup base-images ## follow every proposal for the projects of tests/data/projects and print what came of it (20 minutes)
	@PYTHONPATH=tests/engine $(BIN)/python -m realprojects $(PROJECTS)

causes-corpus: setup base-images ## build repositories with planted causes and hold the report against them (20 minutes)
	@PYTHONPATH=tests/engine:tests/support nice $(BIN)/python -m causes.corpus $${CAUSES_FOLDER:-$$(mktemp -d)/corpus} $(CASES)

test-unit: setup ## the tests that need no engine and are quick, in parallel (a minute)
	@$(PYTEST) tests/unit -m "not thorough" $(UNIT_PARALLEL)

test-unit-all: setup ## all tests that need no engine: also the recorded matrices, random cases, and the growth of time
	@$(PYTEST) tests/unit $(UNIT_PARALLEL)

# One process more than processors: some tests wait for a stand-in server, for a screen or for git. An idle process
# takes tests that another one still has.
UNIT_PARALLEL := -n $$(( $$(nproc 2>/dev/null || sysctl -n hw.ncpu) + 1 )) --dist worksteal

fuzz: setup ## mutate hostile input of every kind, FUZZ_EXAMPLES each, FUZZ_SECONDS at most for one; keep a finding in tests/data/fuzz/TARGET
	@FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-2000} $(PYTEST) tests/unit/fuzz -n auto
	@FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-2000} $(PYTEST) tests/unit -m hypothesis -n auto

# The share of the branches that must be run, in percent. `fail_under` in pyproject.toml is for lines and branches together.
BRANCHES := 95

coverage: setup ## measure which lines and branches of domain/ the unit tests run; less than BRANCHES or `fail_under` fails (several minutes)
	@rm -rf .dev/coverage && mkdir -p .dev/coverage
	@$(BIN)/coverage run -m pytest tests/unit -q -n auto; tests=$$?; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage json --quiet --fail-under=0 -o .dev/coverage/report.json && \
	$(BIN)/python -c 'import json, sys; t = json.load(open(".dev/coverage/report.json"))["totals"]; share = t["percent_branches_covered"]; print("lines %s/%s, branches %s/%s: %.1f %%" % (t["covered_lines"], t["num_statements"], t["covered_branches"], t["num_branches"], share)); sys.exit(share < $(BRANCHES))'; branches=$$?; \
	$(BIN)/coverage report && exit $$((tests | branches))

mutation: setup ## change the domain's code in small ways and print which changes no test notices (SAMPLE per module)
	@$(BIN)/python scripts/mutate.py --sample $${SAMPLE:-20} $(MODULES)

test-engine: setup test-tools base-images ## the tests that need an engine
	@$(PYTEST) tests/engine $(PARALLEL)

NEWER_ENGINES := docker28-overlay2 docker28-containerd
CONTRACTS := test_layers.py test_layer_sets.py test_builder_contract.py test_builder.py test_counting.py

# Both engines are stopped and their images removed, also after a failure or Ctrl-C.
test-engines: setup test-tools ## the tests of reading and building, on Docker 28 with both image stores
	@trap 'for slot in $(NEWER_ENGINES); do $(PYTHON) scripts/engine.py remove $$slot; done' EXIT; trap 'exit 130' INT TERM; \
	for slot in $(NEWER_ENGINES); do $(PYTHON) scripts/engine.py start $$slot || exit 1; done; \
	WEIGHBRIDGE_TEST_ENGINES=docker28- $(PYTEST) $(addprefix tests/engine/,$(CONTRACTS)) $(PARALLEL)

lint: setup ## ruff and import-linter: rules, format, imports, line ends; changes nothing
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/python scripts/check_line_ends.py

format: setup ## ruff: repair what it can
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

types: setup ## mypy, strict
	@$(BIN)/mypy

site: setup ## build the site of docs/ into dist/site; a broken link fails
	@$(BIN)/pip install --quiet --require-hashes --requirement requirements/docs.lock
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

pictures: setup ## make docs/*.png and docs/explore.svg anew (needs Chromium)
	@PYTHONPATH=tests/support $(BIN)/python scripts/pictures.py

schema: setup ## write docs/report-schema.json anew from the code
	@$(BIN)/weighbridge schema report > docs/report-schema.json

architecture: python ## draw the packages in docs/architecture.md from .importlinter
	@$(PYTHON) scripts/architecture_picture.py

action-docs: python ## write the tables of docs/action.md from action.yml
	@$(PYTHON) scripts/action_docs.py

config-keys: setup ## write the table of keys in docs/configuration.md from the code
	@$(BIN)/python scripts/config_keys.py

man: setup ## write the manual page docs/weighbridge.1 from the help texts
	@$(BIN)/python scripts/man_page.py

limits: setup ## write docs/limits.md anew from the code
	@$(BIN)/python scripts/limits_page.py

lock: setup ## write requirements/*.lock anew from pyproject.toml (needs uv)
	@scripts/lock.sh

bench: setup base-images ## run all benchmarks/bench_*.py on the overlay2 engine
	@eval "$$($(PYTHON) scripts/engine.py env overlay2)"; ls benchmarks/bench_*.py > /dev/null && \
	for file in benchmarks/bench_*.py; do echo "== $$file"; $(BIN)/python "$$file" || exit 1; done

clean: python ## stop our engines, remove stand-ins, .venv and caches; the kit's downloads stay (see CONTRIBUTING.md)
	@$(PYTHON) scripts/clean.py
