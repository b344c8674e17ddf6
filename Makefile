.DEFAULT_GOAL := install
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo run test faults security engine check format bench lock audit clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP)  ## Build .venv from the hash-locked requirements

$(STAMP): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"Python 3.11 or later is needed, {sys.executable} is {sys.version.split()[0]}: run make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.txt > $(VENV)/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement $(VENV)/uv.txt
	$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements-dev.txt
	@touch $(STAMP)

demo: $(STAMP)  ## Run the whole system here and show deliveries, retries, the DLQ and a requeue
	$(BIN)/python -m local demo

run: $(STAMP)  ## Run the local stack in the foreground until Ctrl-C
	$(BIN)/python -m local up

test: $(STAMP)  ## Run all tests, with branch coverage of components and handlers
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --cov

faults: $(STAMP)  ## Kill every handler at every call, let AWS and receivers misbehave, and print the results
	$(BIN)/python -m tests.faults

security: $(STAMP)  ## Attack every security claim, remove a safeguard for each claim, and print the counts
	$(BIN)/python -m tests.security

engine: $(STAMP)  ## Run the program with the real Pulumi engine (no AWS); needs the Pulumi CLI on the PATH
	$(BIN)/python -m engine

bench: $(STAMP)  ## Print figures: events through the local stack, an attempt's cost, bundles, a noisy neighbour
	$(BIN)/python -m benchmarks.throughput
	$(BIN)/python -m benchmarks.attempt
	$(BIN)/python -m bundles
	$(BIN)/python -m benchmarks.noisy_neighbour

check: $(STAMP)  ## Check formatting, lint, strict types and import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports --no-logo --no-cache

format: $(STAMP)  ## Format the code and let the linter fix what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Renovate runs the commands in the headers of the locks, in this order, and accepts options only in this form.
COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version=3.11 $(addprefix --upgrade-package=,$(UPGRADE))

lock: $(BIN)/uv  ## Resolve and hash-lock every requirements file again; UPGRADE="six idna" upgrades those two
	$(COMPILE) --output-file=requirements-dev.txt --group=dev pyproject.toml
	$(COMPILE) --output-file=requirements.txt --constraints=requirements-dev.txt pyproject.toml
	for unlocked in bundles/requirements/*.in; do \
	  $(COMPILE) --output-file=$${unlocked%.in}.txt --constraints=requirements-dev.txt $$unlocked || exit 1; \
	done

# This is not $(STAMP), because a lock that cannot be installed must not prevent a better one.
$(BIN)/uv:
	$(MAKE) $(STAMP)

audit: $(STAMP)  ## Ask PyPI for known vulnerabilities of all locked packages; fails if PyPI does not answer
	$(BIN)/python -m bundles.audit

clean:  ## Remove the virtual environment, the bundles and every cache
	rm -rf $(VENV) .cache .hypothesis .pytest_cache .ruff_cache .coverage
