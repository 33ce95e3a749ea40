# Needs Python 3.11 to 3.14 and make. Everything else comes into .venv and .cache.

# `make run PYTHON=python3.12` to choose; else the first that is new enough.
ifeq ($(origin PYTHON), undefined)
PYTHON := $(shell for python in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
	2>/dev/null && echo $$python && break; done)
ifeq ($(PYTHON),)
PYTHON := python3
endif
endif

BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help run test test-slow check bench faults gpu-check browser clean install-run install-dev

help: ## show this list
	@echo "make <target>   (PYTHON=$(PYTHON))"
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | \
		while IFS="$$(printf '\t')" read -r name text; do printf '  %-9s %s\n' "$$name" "$$text"; done

run: install-run ## install what is missing and start Outrider on this machine's CPU
	@exec $(BIN)/outrider run

test: install-dev ## run all tests but the slow ones in three processes (with ARGS for pytest)
	@$(BIN)/python -m pytest -n 3 --dist loadgroup --no-loadscope-reorder $(ARGS)
# The kernels by Triton's interpreter, which is chosen when Triton is imported.
ifeq ($(ARGS),)
	@TRITON_INTERPRET=1 $(BIN)/python -m pytest -n 2 tests/kernels
endif

test-slow: install-dev ## run the tests that take minutes each: crowds, replicas, sleep and wake
	@exec $(BIN)/python -m pytest -m slow $(ARGS)

check: install-dev ## format, lint, types, import rules, dependencies
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry .

bench: install-dev ## measure speed and size; prints tables, asserts nothing
	@exec $(BIN)/python -m tests.benchmarks $(ARGS)

faults: install-dev ## kill it at every step, 1,000 times, and see that nothing is lost
	@exec $(BIN)/python -m tests.faults.matrix $(ARGS)

# Whoever chose a PYTHON means the one that has torch for the card; else it is ours, where it is.
ifeq ($(origin PYTHON), file)
GPU_PYTHON = $(or $(wildcard $(BIN)/python),$(PYTHON))
else
GPU_PYTHON = $(PYTHON)
endif

gpu-check: ## all that needs a GPU, in under eight minutes; torch and Triton are all it imports
	@exec $(GPU_PYTHON) -m tests.benchmarks.gpu $(ARGS)

browser: install-dev ## install Chromium for the tests of the pages, where there is none
	@$(BIN)/python -m deploy.browser

clean: ## remove what was installed and built; data directories stay
	rm -rf .venv .cache build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

install-run:
	@$(PYTHON) -m deploy cpu

install-dev:
	@$(PYTHON) -m deploy cpu dev
