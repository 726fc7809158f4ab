# `make run` and `make test` are the whole set-up: Python 3.11+, make and the package registries.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PUSHADMIN_PORT ?= 8000
WORKERS ?= 2
export PUSHADMIN_PORT
# Images tell Python to keep no byte code; here each worker, and each process that a test starts,
# would then compile everything anew (docs/decisions/0034).
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test test-fast test-sqlite test-postgres collected servers lint style types imports checks format bench gallery chaos fuzz vendor clean

help: ## Say what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

# Python compiles what is used when it is used; all of it beforehand is a quarter of installing.
PIP := --quiet --disable-pip-version-check --no-compile

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "pushadmin needs Python 3.11 or newer; say which with PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@touch $@

$(VENV)/runs: $(VENV)/made requirements.txt
	@echo "Installing what pushadmin needs ..."
	@$(BIN)/python -m pip install $(PIP) -r requirements.txt
	@touch $@

$(VENV)/tests: $(VENV)/runs requirements-dev.txt
	@echo "Installing what the tests need ..."
	@$(BIN)/python -m pip install $(PIP) -r requirements-dev.txt
	@touch $@

run: $(VENV)/runs ## Install, migrate, fill an empty database with a demo, start on PUSHADMIN_PORT (8000)
	@echo "Bringing the database and the static files up to date ..."
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py collectstatic --noinput --verbosity 0
	@echo "Filling an empty database with a demo, which takes up to a minute ..."
	@$(BIN)/python manage.py demo
	@echo "Starting ..."
	@exec $(BIN)/python manage.py up --port $(PUSHADMIN_PORT) --workers $(WORKERS)

test: $(VENV)/tests ## Everything: rules, types, the suite on SQLite, the database part on PostgreSQL, browsers
	@$(MAKE) --no-print-directory --jobs=2 types collected style imports checks servers
	@$(MAKE) --no-print-directory test-postgres
	@$(MAKE) --no-print-directory test-sqlite

# A file's tests share what they start. Files come as the folders do, so that the slow ones of chaos
# and journeys are begun long before the end. Three at a time on two cores: a third of the time of
# one is waiting, for processes of its own and for a browser (docs/decisions/0034).
SPREAD := -n 3 --dist loadfile --no-loadscope-reorder

# What is of one vendor alone is none of PostgreSQL's short form: it need not be collected for it.
OF_VENDORS := --ignore tests/providers --ignore tests/vendor_cases

test-postgres: $(VENV)/tests
	$(BIN)/python -m tests.postgres $(BIN)/python -m pytest -q $(SPREAD) $(OF_VENDORS) -m "database and not long"

test-sqlite: $(VENV)/tests
	$(BIN)/python -m pytest $(SPREAD)

# Beside the types, on the other core: three workers at once would each compile every test.
collected: $(VENV)/tests
	@$(BIN)/python -m pytest -q --collect-only > $(VENV)/collected || { cat $(VENV)/collected; exit 1; }

servers: $(VENV)/tests
	@$(BIN)/python -m tests.chromium
	@$(BIN)/python -m tests.brokers

test-fast: $(VENV)/tests ## The suite on SQLite without browsers, journeys and chaos
	$(BIN)/python -m pytest -q -n 2 -m "not browser" --ignore tests/journeys --ignore tests/chaos

lint: style types imports checks ## Formatting, lint, types, import rules, system checks, missing migrations

style: $(VENV)/tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/tests
	$(BIN)/mypy

imports: $(VENV)/tests
	$(BIN)/lint-imports

checks: $(VENV)/tests
	$(BIN)/python manage.py check --fail-level WARNING
	$(BIN)/python manage.py makemigrations --check --dry-run

format: $(VENV)/tests ## Format, and mend what lint can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# What the gateways' benchmark measures beside its peers is a run of its own each.
GATEWAY_RUNS := --latency=50 --million --rate --simulators

bench: $(VENV)/tests ## Every benchmark, results as dated text beside the scripts
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done
	for run in $(GATEWAY_RUNS); do $(BIN)/python benchmarks/gateways.py $$run || exit 1; done

gallery: $(VENV)/tests ## Screenshots of every page, 1440 and 390 px, light and dark
	@$(BIN)/python -m tests.chromium
	$(BIN)/python -m tests.gallery

# Of which each database tries one half in the short form.
CRASHES := tests/campaigns/dispatch/test_crashes.py tests/campaigns/dispatch/test_fan_out_crashes.py

chaos: $(VENV)/tests ## The long form of the crash tests
	PUSHADMIN_CHAOS=full $(BIN)/python -m pytest tests/chaos tests/campaigns/dispatch/test_faults.py tests/vendor_cases/test_gateway_faults.py $(CRASHES)
	PUSHADMIN_CHAOS=full $(BIN)/python -m pytest -m chaos --ignore tests/chaos
	PUSHADMIN_CHAOS=full $(BIN)/python -m tests.postgres $(BIN)/python -m pytest -m "database and (long or chaos)"
	PUSHADMIN_CHAOS=full $(BIN)/python -m tests.postgres $(BIN)/python -m pytest -m "not long" $(CRASHES)
	PUSHADMIN_CHAOS=full $(BIN)/python -m tests.postgres $(BIN)/python -m pytest -m database tests/campaigns/dispatch/test_faults.py

fuzz: $(VENV)/tests ## The long form of the hostile calls at every dialect's door and hook and at the API, of every form's bad input, of others' rows and of laws
	PUSHADMIN_FUZZ=full $(BIN)/python -m pytest tests/compat/test_fuzz.py tests/compat/test_door.py tests/pages/test_bad_input.py tests/api/test_fuzz.py tests/pages/test_strangers_naming.py
	PUSHADMIN_FUZZ=full $(BIN)/python -m pytest -m hypothesis tests/campaigns tests/pages tests/providers tests/vendor_cases

vendor: $(VENV)/runs ## Scaffold a vendor: make vendor name=acme
	@test -n "$(name)" || { echo "Say which: make vendor name=acme"; exit 1; }
	@$(BIN)/python manage.py new_vendor $(name)

clean: ## Remove the virtual environment and caches, never data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
