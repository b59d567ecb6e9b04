# `make help` lists the targets. Everything runs in .venv, which is made on first use from the locked requirements.
PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,$(shell command -v $(p) >/dev/null 2>&1 && $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))) python3)
PORT ?= 8000
VENV := .venv/bin
TESTS ?= tests
WORKERS ?= 2
# One more than cores: a sixth of the time goes by with waiting for processes that the tests have started.
WORKERS_POSTGRESQL ?= 3
# For tools that only load the settings.
BARE_SETTINGS := CHANGEOVER_ENV=test CHANGEOVER_DOTENV=/dev/null SECRET_KEY=none FIELD_ENCRYPTION_KEYS=none API_KEY_PEPPER=none
UV_COMPILE := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate

# Where it is set, each worker and each of the hundreds of processes that the tests start would compile the source anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Here, since bootstrap.py itself is no valid syntax for the oldest ones.
.PHONY: python
python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Changeover needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name one: make run PYTHON=/path/to/python3")'

.PHONY: setup
setup: python ## make .venv and a private .env
	@$(PYTHON) scripts/bootstrap.py

.PHONY: setup-dev
setup-dev: python ## make .venv with the tools for tests and checks
	@$(PYTHON) scripts/bootstrap.py --dev --no-env

.PHONY: run
run: setup ## set up, start the server, get one answer from a model, go on serving (PORT=8000)
	@exec $(VENV)/python manage.py quickstart --port $(PORT)

.PHONY: demo
demo: setup ## as run, but stop after the answer
	@exec $(VENV)/python manage.py quickstart --port $(PORT) --once

.PHONY: test
test: test-postgresql test-sqlite test-browser ## set up and run all tests: on PostgreSQL, what touches the database on SQLite, in a browser

.PHONY: test-postgresql
test-postgresql: setup-dev ## all tests but those in a browser, on PostgreSQL; TESTS=tests/api for a part
	$(VENV)/python -m pytest -n $(WORKERS_POSTGRESQL) --dist loadgroup --ignore tests/conformance --ignore tests/browser $(TESTS)

.PHONY: test-sqlite
test-sqlite: setup-dev ## what touches the database, on SQLite
	TEST_DATABASE=sqlite $(VENV)/python -m pytest -n $(WORKERS) --dist loadgroup -m "not postgresql and not processes" tests/epochs tests/background tests/audit tests/accounts tests/apikeys tests/llmconfigs tests/usage tests/generators tests/generation tests/webhooks tests/api

.PHONY: test-browser
test-browser: setup-dev ## as a person would, in Chromium; SCREENSHOTS=folder keeps pictures of the pages
	$(VENV)/python -m pytest -n $(WORKERS) tests/browser

.PHONY: setup-conformance
setup-conformance: setup-dev ## make .venv-conformance with the clients and judges of our API (needs npm)
	@$(PYTHON) scripts/bootstrap.py --dev --conformance --no-env

.PHONY: conformance
conformance: setup-conformance ## what other people's clients and judges say of the API
	$(VENV)/python -m pytest -n $(WORKERS) --dist loadfile tests/conformance

.PHONY: setup-peer
setup-peer: setup-dev ## make .venv-peer with LiteLLM's proxy, to be measured beside us
	@$(PYTHON) scripts/bootstrap.py --dev --peer --no-env

.PHONY: bench
bench: setup-peer ## measure the speed and write docs/performance.md (15 minutes; QUICK=1: 3, and writes nothing)
	$(VENV)/python -m benchmarks $(if $(QUICK),--quick)

.PHONY: bench-jobs
bench-jobs: setup-dev ## measure the job engine and write its part of docs/performance.md (10 minutes; QUICK=1: 2, and writes nothing)
	$(VENV)/python -m benchmarks.jobs $(if $(QUICK),--quick)

.PHONY: torture
torture: setup-dev ## 10,000 jobs while workers, broker and database are killed; prints the counts (JOBS=10000 WORKERS=3)
	$(VENV)/python -m tests.torture

.PHONY: lint
lint: setup-dev ## style, format, types, import contracts
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(BARE_SETTINGS) $(VENV)/mypy
	$(VENV)/lint-imports

.PHONY: check-django
check-django: setup-dev ## no missing migration; production settings pass Django's deployment check
	$(VENV)/python scripts/check_django.py

.PHONY: check
check: export FAIL_ON_SKIP = 1
check: setup-dev ## all that must be green: lint, check-django, test, conformance
	@$(MAKE) --no-print-directory -j2 lint check-django setup-conformance
	@$(MAKE) --no-print-directory test conformance

.PHONY: format
format: setup-dev ## mend style and format
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

.PHONY: messages
messages: setup-dev ## bring locale/ up to date with the texts in the source, and compile it (needs gettext)
	$(VENV)/python scripts/messages.py

.PHONY: lock
lock: ## pin the newest versions that pyproject.toml allows (needs uv)
	$(UV_COMPILE) pyproject.toml -o requirements/base.txt
	$(UV_COMPILE) pyproject.toml --group dev -c requirements/base.txt -o requirements/dev.txt
	$(UV_COMPILE) --group conformance -o requirements/conformance.txt
	$(UV_COMPILE) --group peer -o requirements/peer.txt

.PHONY: clean
clean: ## remove the virtual environments and caches; var/ and .env stay
	rm -rf .venv .venv-* tests/conformance/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
