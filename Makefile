# Flowker's verbs. Each sets up what it needs, once, with nothing but Python >= 3.11 and make on the machine.

PORT ?= 8080
DATA ?= .flowker
PROFILE ?= local
STAGE ?= dev
ARGS ?=

UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/uv-$(UV_VERSION)

export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON_DOWNLOADS := never
unexport VIRTUAL_ENV
# Many processes start, and each would compile all its modules again.
unexport PYTHONDONTWRITEBYTECODE

# Named after the dependency groups of pyproject.toml; the files remember that a group is installed.
LOCAL := $(VENV)/installed-local $(if $(filter moto,$(PROFILE)),$(VENV)/installed-moto)
DEV := $(VENV)/installed-dev
INFRA := $(VENV)/installed-infra
NODE := node_modules/.package-lock.json
# The newest one is too new for the library that synthesises.
CDK := npx --yes aws-cdk@2.1148.1
# SAM has opinions about what else is installed, so it lives alone.
SAM_VERSION := 1.170.0
SAM := build/sam-cli/installed-$(SAM_VERSION)
# So does MiniStack.
MINISTACK := build/ministack/installed

# CI runs three test files at a time, those that take longest first.
AT_ONCE := --numprocesses 3 --dist loadfile --no-loadscope-reorder \
	$(addprefix tests/,e2e faults infra contract integration properties unit)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install dev test check golden docs bench build synth sam deploy destroy

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(LOCAL) ## set up what running needs, and no more

dev: $(LOCAL) ## run Flowker at http://127.0.0.1:8080 until Ctrl-C (PORT, DATA, PROFILE=local|moto, ARGS="--no-sample ...")
	@exec $(BIN)/flowker dev --allow-private-destinations --port $(PORT) --data-dir $(DATA) --profile $(PROFILE) $(ARGS)

test: $(DEV) $(NODE) $(MINISTACK) $(if $(filter true,$(CI)),$(INFRA) $(SAM)) ## run all tests (ARGS="tests/unit -k mapping" for some)
	@$(BIN)/pytest $(if $(filter true,$(CI)),$(AT_ONCE)) $(ARGS)

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
	@$(BIN)/python -m benchmarks.scripts
	@$(BIN)/python -m benchmarks.flows
	@$(BIN)/python -m benchmarks.sockets

build: $(NODE) | $(UV) ## build the Lambda layers, byte-code included, into build/layers
	@$(BIN)/python -m layers.build

synth: build $(DEV) $(INFRA) ## write the CloudFormation template of a stage into cdk.out and judge it (STAGE=dev|staging|prod)
	@rm -rf cdk.out
	@FLOWKER_STAGE=$(STAGE) $(BIN)/python -m infra_cdk.app --example
	@$(BIN)/cfn-lint cdk.out/*.template.json

sam: synth $(SAM) ## let SAM judge the template and build what `sam local` runs (running it needs Docker)
	@if [ -e $(SAM) ]; then \
		export SAM_CLI_TELEMETRY=0; \
		for verb in validate build; do \
			build/sam-cli/bin/sam $$verb --config-file $(CURDIR)/samconfig.toml \
				--template-file cdk.out/flowker-$(STAGE).template.json > build/sam-cli/$$verb.log 2>&1 \
				|| { cat build/sam-cli/$$verb.log; exit 1; }; \
		done; echo "SAM finds nothing wrong with the template; build/sam is what sam local runs"; \
	fi

deploy: build $(INFRA) ## deploy a stage; needs npm, credentials and the settings in docs/operations.md (STAGE, ARGS)
	@FLOWKER_STAGE=$(STAGE) $(CDK) deploy $(ARGS)

destroy: build $(INFRA) ## remove a stage; staging and prod are protected, see docs/operations.md (STAGE, ARGS)
	@FLOWKER_STAGE=$(STAGE) $(CDK) destroy $(ARGS)

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

$(SAM): | $(UV)
	@rm -rf build/sam-cli && $(BIN)/uv venv --quiet build/sam-cli
	@if $(BIN)/uv pip install --quiet --python build/sam-cli/bin/python aws-sam-cli==$(SAM_VERSION); then touch $@; \
	elif [ "$$CI" = true ]; then exit 1; \
	else echo "SAM cannot be installed: it will not judge the template"; fi

# An outside judge of how DynamoDB is used. Where it cannot be installed its tests are skipped, except in CI.
$(MINISTACK): tests/integration/ministack.txt | $(UV)
	@echo "installing MiniStack"
	@rm -rf $(@D) && $(BIN)/uv venv --quiet --python $(BIN)/python $(@D)
	@if $(BIN)/uv pip install --quiet --python $(@D)/bin/python --require-hashes -r $<; then touch $@; \
	elif [ "$$CI" = true ]; then exit 1; \
	else echo "MiniStack cannot be installed: it will not judge how DynamoDB is used"; fi

# An outside judge of the goldens, and the compiler of the layers' byte-code. Where npm cannot install them, the tests that
# need them are skipped, except in CI.
$(NODE): package.json package-lock.json
	@if npm ci --silent --ignore-scripts --no-audit --no-fund; then touch $@; \
	elif [ "$$CI" = true ]; then exit 1; \
	else echo "npm cannot install what package.json names: no judge of the goldens, no layers"; fi
