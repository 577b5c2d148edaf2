# Every target fetches what it needs: uv (pinned by hash) into .uv/, the locked packages into .venv/.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
RUN := $(UV) run --locked
PAGES := http://127.0.0.1:$(or $(ANTHROPIC_PROXY_DASHBOARD_PORT),9090)
PAGES_TOKEN := $(if $(ANTHROPIC_PROXY_PAGES_TOKEN),-H "authorization: Bearer $$ANTHROPIC_PROXY_PAGES_TOKEN")
# Ansible is fetched when it is needed: deploying is not developing.
ANSIBLE = cd deploy/ansible && $(abspath $(UV)) tool run --from ansible-core ansible

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

demo: install ## Run a proxy before a simulated API, with a small load: no key needed
	$(RUN) anthropic-proxy demo

health: ## Ask the running proxy whether it is well
	@curl -fsS $(PAGES)/health; echo

metrics: ## Show the running proxy's figures
	@curl -fsS $(PAGES_TOKEN) $(PAGES)/metrics; echo

test: install ## Run the tests
	$(RUN) pytest

check: install ## Lint, types and floors
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) lint-imports --no-logo

kubernetes: install ## Make the cluster's rules and dashboards from those of the compose stack
	$(RUN) python deploy/kubernetes/generate.py

deploy: install ## Install it on the hosts of deploy/ansible/inventory.ini
	$(ANSIBLE)-playbook -i inventory.ini playbook.yml

logs: install ## Follow the log on those hosts
	$(ANSIBLE) anthropic_proxy -i inventory.ini -b -B 3600 -P 5 -a "journalctl -u anthropic-proxy -n 100 --no-pager"

status: install ## Show the service on those hosts
	$(ANSIBLE) anthropic_proxy -i inventory.ini -b -a "systemctl status anthropic-proxy --no-pager"

.PHONY: help install run demo health metrics test check kubernetes deploy logs status
