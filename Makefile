# `make` alone lists the targets. Everything lands in .venv; nothing else is touched.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help install serve test differential reliability bench rehearse-image release audit lint format gen proto-lint types clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.installed ## install the server, for running it
serve: install ## serve in the foreground with the embedded Postgres
	@exec $(BIN)/eunoe serve

test: .venv/.installed-dev ## run the tests, against a real Postgres
	$(BIN)/pytest -n 3 --ignore=tests/differential $(ARGS)

differential: .venv/.installed-dev ## every OpenAI client, through us and directly: the same
	$(BIN)/pytest tests/differential $(ARGS)

reliability: .venv/.installed-dev ## kills, outages, overload, fuzz, soak; an hour, or minutes with ARGS=--quick
	$(BIN)/python -m tests.reliability $(ARGS)

rehearse-image: .venv/.installed-dev ## run the Dockerfile's steps in an empty folder, without an engine
	$(BIN)/python -m deploy.rehearsal

release: .venv/.installed-dev ## build wheels, sdists, protos, SBOM and checksums into dist/, and try them
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e clients/python -e '.[release]'
	$(BIN)/python -m deploy.release

audit: .venv/.installed-dev ## ask the advisory service about the pinned packages; says so if it cannot
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e clients/python -e '.[audit]'
	$(BIN)/python -m deploy.audit $(ARGS)

bench: .venv/.installed-dev ## measure everything beside its peers; prints the table
	$(BIN)/python -m benchmarks $(ARGS)

lint: .venv/.installed-dev proto-lint types ## check format, style, types, protos
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/.installed-dev ## check types
	$(BIN)/mypy

proto-lint: .venv/.installed-dev ## buf lint, format and breaking; generated code is current
	$(BIN)/python -m proto.generate --check
	$(BIN)/python -m proto.lint

gen: .venv/.installed-dev ## regenerate what is made from the protos and the settings
	$(BIN)/python -m proto.generate
	$(BIN)/python clients/python/generate_sync.py
	$(BIN)/python -m docs.generate
	command -v node >/dev/null && $(BIN)/python -m clients.typescript.generate || echo "no node: clients/typescript is as it was"

format: .venv/.installed-dev ## format code and protos
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/buf format -w proto

clean: ## remove what make made (not the data in .eunoe)
	rm -rf .venv .cache build dist clients/typescript/node_modules clients/typescript/build

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Eunoe needs Python 3.11 or later; set PYTHON=…")'
	$(PYTHON) -m venv .venv

# The constraints are what was tested together; without network names, so any index will do.
.venv/.installed: pyproject.toml clients/python/pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e clients/python -e .
	@touch $@

.venv/.installed-dev: pyproject.toml clients/python/pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e clients/python -e '.[dev]'
	@touch $@ .venv/.installed
