# Flowker's verbs. Each sets up what it needs, once, with nothing but Python >= 3.11 and make on the machine.

PORT ?= 8080
DATA ?= .flowker
PROFILE ?= local
ARGS ?=

UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/uv-$(UV_VERSION)

export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON_DOWNLOADS := never
unexport VIRTUAL_ENV

# Named after the dependency groups of pyproject.toml; the files remember that a group is installed.
LOCAL := $(VENV)/installed-local $(if $(filter moto,$(PROFILE)),$(VENV)/installed-moto)
DEV := $(VENV)/installed-dev
NODE := node_modules/.package-lock.json

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install dev test check golden docs bench

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(LOCAL) ## set up what running needs, and no more

dev: $(LOCAL) ## run Flowker at http://127.0.0.1:8080 until Ctrl-C (PORT, DATA, PROFILE=local|moto, ARGS="--no-sample ...")
	@exec $(BIN)/flowker dev --allow-private-destinations --port $(PORT) --data-dir $(DATA) --profile $(PROFILE) $(ARGS)

test: $(DEV) $(NODE) ## run all tests (ARGS="tests/unit -k mapping" for some)
	@$(BIN)/pytest $(ARGS)

check: $(DEV) ## lint, format, types, import rules; goldens and generated documents are up to date
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m statemachines.golden --check
	$(BIN)/python -m docs.diagrams --check
	$(BIN)/python -m docs.generate --check

golden: $(DEV) ## rewrite the compiled state machines under statemachines/
	@$(BIN)/python -m statemachines.golden

docs: $(DEV) ## rewrite what is generated in README.md and docs/
	@$(BIN)/python -m docs.diagrams
	@$(BIN)/python -m docs.generate

bench: $(DEV) ## measure what we claim about speed
	@$(BIN)/python -m benchmarks.hot_path
	@$(BIN)/python -m benchmarks.cold_import
	@$(BIN)/python -m benchmarks.audit
	@$(BIN)/python -m benchmarks.local

$(BIN)/python:
	@for python in python3.13 python3.12 python3.11 python3; do \
		if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "making $(VENV) with $$python"; exec $$python -m venv --clear $(VENV); \
		fi; \
	done; echo "Flowker needs Python 3.11 or newer with the venv module" >&2; exit 1

$(UV): | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

$(VENV)/installed-%: pyproject.toml uv.lock | $(UV)
	@echo "installing the dependencies of: $*"
	@$(BIN)/uv sync --quiet --frozen --inexact --group $*
	@touch $@

# An outside judge of the goldens. Where it cannot be installed the test that needs it is skipped, except in CI.
$(NODE): package.json package-lock.json
	@if npm ci --silent --ignore-scripts --no-audit --no-fund; then touch $@; \
	elif [ "$$CI" = true ]; then exit 1; \
	else echo "npm cannot install asl-validator: it will not judge the goldens"; fi
