# Every target fetches what it needs: uv (pinned by hash) into .uv/, the locked packages into .venv/.
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
# Compile each module once, not at every start of a process.
export PYTHONDONTWRITEBYTECODE =
.DEFAULT_GOAL := help
PYTHON ?= python3
ifeq ($(origin PYTHON),command line)
# A chosen Python has an environment of its own.
export UV_PYTHON := $(PYTHON)
export UV_PROJECT_ENVIRONMENT := $(CURDIR)/.uv/$(shell $(PYTHON) -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
endif
UV := $(shell command -v uv 2>/dev/null || echo $(CURDIR)/.uv/bin/uv)
LOCAL_UV := $(filter $(CURDIR)/.uv/bin/uv,$(UV))
RUN := $(UV) run --locked
# Two more than there are cores: many of the tests wait.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)
IN_PROCESSES = --processes $(WORKERS)
PYTEST = $(RUN) pytest $(IN_PROCESSES)
UNAIDED := not external and not system
FAST := --hypothesis-profile fast -m '$(UNAIDED)'
QUICK := --hypothesis-profile fast -m '$(UNAIDED) and not slow'
WHEEL := $(CURDIR)/.uv/wheel
# What is tested as the wheel installs it: programs, whose processes import every module, the files
# that it brings (prices, pages), what is imported when, and a proxy that serves. The rest is the
# same as in the repository.
PACKAGED := tests/anthropic/test_prices.py tests/cli/test_check.py tests/cli/test_help.py \
  tests/cli/test_lazy.py tests/cli/test_serve.py tests/cli/test_simulate.py \
  tests/cli/test_version.py tests/pages/test_health.py tests/pages/test_metrics_pages.py \
  tests/proxy/test_transparency.py::test_response_bytes_are_the_upstreams
# Modules of which no line and no branch may go untested: those without I/O, and whole packages.
PURE := app/anthropic/* app/budgets/* app/cache/* app/scrubber/* app/usage/* app/wire/* \
  app/errors.py app/exchange.py app/failures.py app/certificates/validity.py app/cli/commands.py \
  app/cli/exits.py app/cli/parser.py app/cli/version.py app/doctor/answer.py \
  app/doctor/finding.py app/doctor/parity/comparison.py app/doctor/parity/observed.py \
  app/forward/addresses.py app/forward/head.py app/forward/policy.py app/forward/target.py \
  app/http2/fields.py app/http2/pool.py app/http2/turns.py app/ledger/batch.py app/ledger/days.py \
  app/ledger/expiry.py app/ledger/figures.py app/ledger/labels.py app/ledger/postgres/text.py \
  app/ledger/prompts.py app/ledger/queries.py app/ledger/report.py app/ledger/requests.py \
  app/ledger/rows.py app/ledger/schema.py app/ledger/server.py app/ledger/store.py \
  app/ledger/table.py app/ledger/views.py \
  app/listener/assertions.py app/listener/frames.py app/listener/framing.py \
  app/listener/request_head.py app/listener/server_codec.py app/otel/environment.py \
  app/otel/histograms.py app/otel/limits.py app/otel/measures.py app/otel/protobuf.py \
  app/otel/span.py app/otel/variables.py app/proxy/endings.py app/proxy/outbound.py \
  app/proxy/peer.py app/proxy/record.py app/proxy/request/client_request.py \
  app/proxy/request/hold_budget.py app/proxy/request/requested_model.py app/proxy/retry.py \
  app/proxy/stopwatch.py app/proxy/upstream/attempts.py app/settings/model.py \
  app/settings/reading.py app/settings/types.py app/telemetry/entry.py app/telemetry/facts.py \
  app/telemetry/recorders/attribution.py app/telemetry/recorders/scrub.py \
  app/telemetry/recorders/tokens.py app/telemetry/recorders/tool_names.py \
  app/telemetry/recorders/usage.py app/telemetry/sampling/alerts.py \
  app/telemetry/sampling/ring.py app/telemetry/sampling/snapshot.py app/telemetry/words.py \
  app/workers/backoff.py app/workers/merging.py app/workers/messages.py app/workers/shares.py
comma := ,
# Ansible has an environment of its own: deploying is not developing.
ANSIBLE := ANSIBLE_CONFIG=$(CURDIR)/deploy/ansible/ansible.cfg \
  UV_PROJECT_ENVIRONMENT=$(CURDIR)/.uv/ansible $(UV) run --locked --only-group deploy
# So is making the site of the documentation.
SITE := UV_PROJECT_ENVIRONMENT=$(CURDIR)/.uv/docs $(UV) run --locked --only-group docs
# And mutants are made for hours, while every other target would take mutmut away.
MUTMUT := UV_PROJECT_ENVIRONMENT=$(CURDIR)/.uv/mutants $(UV) run --locked --group mutants mutmut
INVENTORY ?= deploy/ansible/inventory.ini
ARGS ?=
MEGABYTES ?= 200
INPUTS ?= 100000
MINUTES ?= 5
ROUNDS ?= 7

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(CURDIR)/.uv/bin/uv: .ci/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'Python 3.11 or newer is needed: make PYTHON=/path/to/python3 …' >&2; exit 1; }
	@$(PYTHON) -m venv .uv \
	  || { echo 'Python has no venv module: install the package python3-venv, or uv' >&2; exit 1; }
	@echo 'Fetching uv into .uv/ (the first time only)' >&2
	@.uv/bin/pip install --quiet --require-hashes -r .ci/uv.txt
	@touch $@

install: $(LOCAL_UV) ## Install the locked dependencies
	@[ -e "$${UV_PROJECT_ENVIRONMENT:-.venv}" ] || echo 'Fetching the dependencies (the first time only)' >&2
	@$(UV) sync --locked --quiet

run: install ## Run the proxy here, with debug logging and a certificate that it makes
	@CALLED_AS=make ANTHROPIC_PROXY_LOG_LEVEL=$${ANTHROPIC_PROXY_LOG_LEVEL:-debug} $(RUN) anthropic-proxy serve

demo: install ## Run a proxy in front of a simulated API, with developers at work: no key needed
	@CALLED_AS=make $(RUN) anthropic-proxy demo

claude: install ## Start Claude Code through the running proxy: make claude ARGS='-p "hello"'
	@CALLED_AS=make $(RUN) anthropic-proxy claude -- $(ARGS)

health: install ## Ask the running proxy whether it is up
	@$(RUN) anthropic-proxy health

metrics: install ## Show the running proxy's figures
	@$(RUN) anthropic-proxy metrics

test: install ## Run the quick tests, which need no other programs
	$(PYTEST) $(QUICK)

test-all: install ## Run all tests: those that boot a Debian need root, mmdebstrap and systemd-nspawn
	$(PYTEST) --hypothesis-profile full -m ''

test-wheel: $(LOCAL_UV) ## Build the wheel, install it into its own environment, and test it there
	UV_PROJECT_ENVIRONMENT=$(WHEEL) $(UV) sync --locked --no-install-project --quiet
	$(UV) build --wheel --quiet --clear --out-dir $(WHEEL)/dist
	$(UV) pip install --quiet --no-deps --reinstall --python $(WHEEL)/bin/python $(WHEEL)/dist/*.whl
	cd / && $(WHEEL)/bin/anthropic-proxy --version && $(WHEEL)/bin/python -m anthropic_proxy --version
	$(WHEEL)/bin/python -m pytest -p tests.installed $(IN_PROCESSES) $(FAST) $(PACKAGED)

coverage: install ## Run the tests that need no other programs, and fail below the required branch coverage
	$(PYTEST) $(FAST) --hypothesis-seed 0 --cov --cov-report=
	$(RUN) coverage report --skip-covered
	$(RUN) coverage report --skip-covered --fail-under 100 \
	  --include '$(subst $() ,$(comma),$(PURE))'

mutants: $(LOCAL_UV) ## Change the pure modules, one place at a time, and count the changes that no test notices
	$(MUTMUT) run $(ARGS)
	$(MUTMUT) results

fuzz: install ## Fuzz the listener: make fuzz INPUTS=100000
	FUZZ_INPUTS=$(INPUTS) $(RUN) pytest tests/listener/test_fuzz.py --timeout 0 -q

soak: install ## Test under load, with faults, attackers and restarts: make soak MINUTES=5
	$(RUN) python -m benchmarks.soak $(MINUTES)

bench: install ## Compare speed and memory with a naive proxy, nginx and HAProxy: make bench ROUNDS=1
	$(RUN) --group bench python -m benchmarks --rounds $(ROUNDS) $(ARGS)

bench-record: install ## All of bench and bench-curves; writes benchmarks/results.json and the documentation's tables
	$(RUN) --group bench python -m benchmarks --rounds $(ROUNDS) --json benchmarks/results.json $(ARGS)
	-$(RUN) python -m benchmarks.curves --json benchmarks/curves.json
	$(RUN) python -m docs.generate

bench-check: install ## Fail if a ratio to the naive proxy is more than 15 % worse than the one kept
	$(RUN) python -m benchmarks.check $(ARGS)

bench-curves: install ## Measure scaling: what one more body, stream or dashboard costs
	$(RUN) python -m benchmarks.curves $(ARGS)

bench-ledger: install ## Measure whether the ledger makes clients wait, in five minutes
	$(RUN) python -m benchmarks.ledger_latency $(ARGS)

bench-workers: install ## Measure what a second worker process adds
	$(RUN) python -m benchmarks.workers $(ARGS)

bench-memory: install ## Measure memory with 200 streams over a long time: make bench-memory MINUTES=30
	$(RUN) python -m benchmarks.memory --minutes $(MINUTES) $(ARGS)

scrub-corpus: install ## Scrub real source text: make scrub-corpus MEGABYTES=1300
	$(RUN) python -m benchmarks.scrub_corpus $(MEGABYTES)

check: install ## Check formatting, lint, types, layers, unused code, spelling and YAML
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) deptry app simulator
	$(RUN) vulture
	$(RUN) lint-imports --no-logo
	$(RUN) codespell
	$(ANSIBLE) yamllint --strict .
	cd deploy/ansible && $(ANSIBLE) ansible-lint --offline --strict --profile production

docs: install ## Write the generated parts of docs/ and build its site into site/; checks all links
	$(RUN) python -m docs.generate
	NO_MKDOCS_2_WARNING=1 $(SITE) mkdocs build --strict

pictures: install ## Take the pictures of the pages in README and docs/: needs Chromium and two minutes of an idle machine
	$(RUN) python -m tests.dashboard.pictures docs/screenshots

diagrams: install ## Print the diagrams of docs/architecture.md that come from the code
	@$(RUN) python -m app.proxy.endings

kubernetes: install ## Make the cluster's rules and dashboards from those of the compose stack
	$(RUN) python deploy/kubernetes/generate.py

release: $(LOCAL_UV) ## Build what a release publishes into dist/; publishes nothing
	.ci/release $(UV)

deploy: $(LOCAL_UV) ## Install it on the hosts of deploy/ansible/inventory.ini, or of INVENTORY=FILE
	$(ANSIBLE) ansible-playbook -i $(INVENTORY) deploy/ansible/playbook.yml $(ARGS)

rollback: $(LOCAL_UV) ## Put the previous release back in force on those hosts
	$(ANSIBLE) ansible-playbook -i $(INVENTORY) deploy/ansible/rollback.yml $(ARGS)

logs: $(LOCAL_UV) ## Follow the logs of those hosts
	@$(ANSIBLE) python deploy/ansible/follow.py $(INVENTORY)

status: $(LOCAL_UV) ## Show the service on those hosts
	@$(ANSIBLE) ansible anthropic_proxy -i $(INVENTORY) -b -a "systemctl status anthropic-proxy --no-pager"

.PHONY: help install run demo claude health metrics test test-all test-wheel coverage mutants fuzz soak bench bench-record bench-check bench-curves bench-ledger bench-workers bench-memory check docs pictures diagrams kubernetes release deploy rollback logs status
