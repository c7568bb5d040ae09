# Everything runs in .venv, which `make` builds by itself from constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := 0.13.9
WORKERS ?= 2

export DO_NOT_TRACK := 1
export KEDRO_DISABLE_TELEMETRY := 1
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test test-long check format bench lock clean

help:  ## List what make can do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(READY): pyproject.toml constraints.txt hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed; try: make PYTHON=python3.11 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV), once (about a minute)…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV)
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY)  ## Run the example pipeline, distributed, on the embedded AWS
	@cd examples/spaceflights && PATH="$(CURDIR)/$(BIN):$$PATH" ./demo

test: $(READY)  ## Run the tests (under ten minutes on two cores)
	@$(BIN)/python -m pytest -n $(WORKERS) -m 'not long'

test-long: $(READY)  ## Run the long simulations and soak tests (under twenty minutes)
	@$(BIN)/python -m pytest -n $(WORKERS) -m long

check: $(READY)  ## Lint, types and import rules: what CI checks
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(READY)  ## Format the code and mend what ruff can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY)  ## Run the benchmarks; they print tables and write benchmarks/results/
	@$(BIN)/python -m benchmarks

lock: $(READY)  ## Pin every version of the development environment again
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.10 --all-extras --no-header --no-annotate --no-emit-package kedro-aws-batch pyproject.toml --output-file constraints.txt

clean:  ## Remove the environment and everything that was built
	@rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
