# Every command of the project. `make help` lists them.
PYTHON ?= python3
export PYTHON
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install install-dev run demo catalogue gstr1 test check chaos schedules format client bench clean reset

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## make .venv with what running needs
	@local/install.sh requirements.lock

install-dev:
	@local/install.sh requirements-dev.lock

run: install ## start everything here, show a subscription from checkout to invoice, stay up
	@exec $(BIN)/python -m local run

demo: install ## twelve months of subscriptions in a minute, told as a dated story
	@exec $(BIN)/python -m local demo

catalogue: install ## load catalogue.yaml into the running stack; running subscriptions keep their prices
	@settings="$${BAHI_HOME:-./.bahi}/settings.env"; \
	    [ -f "$$settings" ] || { echo "start the stack first: make run" >&2; exit 1; }; \
	    set -a; . "$$settings"; exec $(BIN)/python -m db.catalogue catalogue.yaml

gstr1: install ## the month's GSTR-1 and registers from the running stack: make gstr1 PERIOD=2026-10
	@settings="$${BAHI_HOME:-./.bahi}/settings.env"; \
	    [ -f "$$settings" ] || { echo "start the stack first: make run" >&2; exit 1; }; \
	    [ -n "$(PERIOD)" ] || { echo "say which month: make gstr1 PERIOD=2026-10" >&2; exit 1; }; \
	    set -a; . "$$settings"; \
	    exec $(BIN)/python -m filing gstr1 --period "$(PERIOD)" --folder "$${BAHI_HOME:-./.bahi}/filings"

# Two processes side by side, each with about half of the work; more would starve the servers they wait for.
BESIDE := tests/domain tests/documents tests/simulator tests/gateways tests/db tests/scenarios tests/api

test: check ## everything: format, lint, types, import contracts, all tests on the real servers
	@said=$$(mktemp); \
	$(BIN)/python -m pytest $(BESIDE) > "$$said" 2>&1 & beside=$$!; \
	$(BIN)/python -m pytest $(BESIDE:%=--ignore=%) --ignore=tests/test_tidy.py; status=$$?; \
	wait $$beside || status=1; \
	cat "$$said"; rm "$$said"; exit $$status

check: install-dev ## format, lint, types, import contracts, tidiness
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/test_tidy.py

chaos: install-dev ## kills, faults and lost webhooks at random for minutes; FAULTS_SEED=n repeats a run's choices
	$(BIN)/python -m pytest -m chaos tests/faults

schedules: install-dev ## a million made-up cycles of a mandate, none may break a rule; N=… FIRST=seed change which
	@$(BIN)/python -m tests.domain.schedules $(or $(N),1000000) $(or $(FIRST),0)

format: install-dev ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

client: install-dev ## generate the TypeScript client's types from the API as it is now, and compile it
	@exec $(BIN)/python -m clients

bench: install-dev ## measure, each figure beside a floor of the same run
	@exec $(BIN)/python -m bench

clean: ## remove caches and .venv; keeps the data
	rm -rf .venv .venv-* clients/typescript/node_modules clients/typescript/dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache bench/results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

reset: install ## wipe the local data, after asking
	@exec $(BIN)/python -m local reset
