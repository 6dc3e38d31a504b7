# Everything runs in a virtual environment of its own; a fresh machine needs Python 3.11+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
GAMES ?=
VARIANT ?= standard
CLOCK ?= 30+0
CHAOS ?=
BENCH ?= moves handover manager
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test test-pure test-live long chaos soak check unit bench lock clean tools

help: ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

demo: $(RUNTIME) ## play real games on a local Lichess: GAMES=8 CLOCK=60+1 CHAOS=1 VARIANT=all
	@$(BIN)/python -m crabstick demo $(if $(GAMES),--games $(GAMES)) --clock $(CLOCK) --variant $(VARIANT) $(if $(filter-out 0,$(CHAOS)),--chaos)

test: $(DEV) check tools ## lint, types, import contracts and all tests
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target test-pure test-live

test-pure:
	$(BIN)/pytest tests/unit tests/contract tests/engine tests/e2e/test_cli.py $(ARGS)

test-live: # one Ray cluster at a time; that of tests/cluster lives to the end
	$(BIN)/pytest tests/e2e tests/chaos tests/kube tests/cluster --ignore=tests/e2e/test_cli.py $(ARGS)

long: $(DEV) tools ## the tests that take minutes: hand-overs between nodes, managers that hang, a head that dies
	$(BIN)/pytest -m long $(ARGS)

chaos: $(DEV) ## two hundred faults over a hundred games, and none is lost (ten seconds a fault and more)
	$(BIN)/python -m tests.chaos $(ARGS)

soak: $(DEV) ## a thousand games, after which nothing may have leaked (two seconds each)
	$(BIN)/pytest -m soak $(ARGS)

check: $(DEV) ## lint, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy crabstick actors engine tests benchmarks
	$(BIN)/lint-imports

unit: $(DEV) ## the tests that need no process
	$(BIN)/pytest tests/unit $(ARGS)

bench: $(DEV) ## what a move costs, and what a change of actors does: BENCH=moves ARGS="--games 8"
	for one in $(BENCH); do $(BIN)/python -m benchmarks.$$one $(ARGS) || exit; done

lock: $(DEV) ## new requirements.lock and requirements-dev.lock
	$(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links -q pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links -q pyproject.toml --group dev -o requirements-dev.lock

clean: ## remove the virtual environment and what tools left
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build htmlcov .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "crabstick needs Python 3.11 or newer; this is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(RUNTIME): $(BIN)/uv requirements.lock pyproject.toml
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --no-progress --python $(BIN)/python --no-deps -e .
	@touch $@

$(DEV): $(RUNTIME) requirements-dev.lock
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements-dev.lock
	@touch $@

tools: # what some tests start: chess engines, Redis, Prometheus
	@sh tests/tools.sh $(VENV)/tools
