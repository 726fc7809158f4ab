# `make run` and `make test` are the whole set-up: Python 3.11+, make and the package registries.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PUSHADMIN_PORT ?= 8000
WORKERS ?= 2
export PUSHADMIN_PORT

.PHONY: help run test test-fast test-sqlite test-postgres lint format bench gallery chaos fuzz vendor clean

help: ## Say what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "pushadmin needs Python 3.11 or newer; say which with PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@touch $@

$(VENV)/runs: $(VENV)/made requirements.txt
	@echo "Installing what pushadmin needs ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/tests: $(VENV)/runs requirements-dev.txt
	@echo "Installing what the tests need ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

run: $(VENV)/runs ## Install, migrate, fill an empty database with a demo, start on PUSHADMIN_PORT (8000)
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py collectstatic --noinput --verbosity 0
	@$(BIN)/python manage.py demo
	@exec $(BIN)/python manage.py up --port $(PUSHADMIN_PORT) --workers $(WORKERS)

test: lint ## Everything: rules, types, the suite on SQLite, the database part on PostgreSQL, browsers
	@$(BIN)/python -m tests.chromium
	@$(BIN)/python -m tests.brokers
	@$(MAKE) --no-print-directory test-postgres
	@$(MAKE) --no-print-directory test-sqlite

test-postgres: $(VENV)/tests
	$(BIN)/python -m tests.postgres $(BIN)/python -m pytest -q -n 2 --dist loadfile -m database

test-sqlite: $(VENV)/tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-fast: $(VENV)/tests ## The suite on SQLite without browsers, journeys and chaos
	$(BIN)/python -m pytest -q -n 2 -m "not browser" --ignore tests/journeys --ignore tests/chaos

lint: $(VENV)/tests ## Formatting, lint, types, import rules, system checks, missing migrations
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py check --fail-level WARNING
	$(BIN)/python manage.py makemigrations --check --dry-run

format: $(VENV)/tests ## Format, and mend what lint can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/tests ## Every benchmark, results as dated text beside the scripts
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

gallery: $(VENV)/tests ## Screenshots of every page, 1440 and 390 px, light and dark
	@$(BIN)/python -m tests.chromium
	$(BIN)/python -m tests.gallery

chaos: $(VENV)/tests ## The long form of the crash tests
	PUSHADMIN_CHAOS=full $(BIN)/python -m pytest tests/chaos

fuzz: $(VENV)/tests ## The long form of the hostile calls at every dialect's door and every hook
	PUSHADMIN_FUZZ=full $(BIN)/python -m pytest tests/compat/test_fuzz.py

vendor: $(VENV)/runs ## Scaffold a vendor: make vendor name=acme
	@test -n "$(name)" || { echo "Say which: make vendor name=acme"; exit 1; }
	@$(BIN)/python manage.py new_vendor $(name)

clean: ## Remove the virtual environment and caches, never data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
