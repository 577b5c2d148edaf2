# Every target fetches what it needs: uv (pinned by hash) into .uv/, the locked packages into .venv/.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --locked

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.uv/bin/uv: .ci/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'Python 3.11 or newer is needed: make PYTHON=/path/to/python3 …' >&2; exit 1; }
	@$(PYTHON) -m venv .uv \
	  || { echo 'Python lacks venv: install python3-venv, or uv itself' >&2; exit 1; }
	.uv/bin/pip install --quiet --require-hashes -r .ci/uv.txt
	@touch $@

install: $(filter .uv/bin/uv,$(UV)) ## Install the locked dependencies
	@$(UV) sync --locked --quiet

run: install ## Run the proxy here: debug logging, self-signed TLS
	ANTHROPIC_PROXY_LOG_LEVEL=$${ANTHROPIC_PROXY_LOG_LEVEL:-debug} $(RUN) anthropic-proxy serve

test: install ## Run the tests
	$(RUN) pytest

check: install ## Lint, types and floors
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) lint-imports --no-logo

.PHONY: help install run test check
