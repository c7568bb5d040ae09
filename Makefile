# Everything runs in .venv, which `make` builds by itself from constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Node is for tests only: a second DynamoDB, and the deployment. On CI it must be there; elsewhere those tests skip.
NODE_READY := $(if $(CI)$(shell command -v npm 2>/dev/null),node_modules/.ready)
# So is Chromium. It is installed if that needs no password; on CI it must be there; elsewhere those tests skip.
BROWSER_READY := $(if $(CI),$(VENV)/.browser,$(if $(shell test "$$(id -u)" = 0 && command -v apt-get),$(VENV)/.browser))
# And the tools that build images without Docker and without a registry.
IMAGE_TOOLS := $(if $(CI),$(VENV)/.image-tools,$(if $(shell test "$$(id -u)" = 0 && command -v apt-get),$(VENV)/.image-tools))
# Kedro-Viz is for one test, in an environment of its own: beside Kedro it would hook into the runs of all others.
VIZ_READY := $(if $(CI),$(VENV)/viz/.ready)
# The oldest Plotly that reports may be drawn with; only its script is read.
PLOTLY_READY := $(VENV)/plotly/.ready
# And checkov, for one long test: it pins versions of what we use ourselves.
CHECKOV_READY := $(VENV)/checkov/.ready
# The site of the docs is built in an environment of its own, too: Python 3.11 is the oldest that its tool runs on.
DOCS_READY := $(if $(CI)$(filter-out 3.10,$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')),$(VENV)/docs/.ready)
UV := 0.13.9
REDUN := 0.44.1
TWINE := 7.0.0
PIP_AUDIT := 2.10.1
WORKERS ?= 2

export DO_NOT_TRACK := 1
export KEDRO_DISABLE_TELEMETRY := 1
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help browser image-tools kedro-viz demo test test-long check format docs pictures dist audit bench mutants redrive lock clean

help:  ## List what make can do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

$(READY): pyproject.toml constraints.txt hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed; try: make PYTHON=python3.11 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV), once (about a minute)…"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV)
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --constraint constraints.txt --editable '.[dev]'
	@touch $@

node_modules/.ready: package.json package-lock.json .npmrc
	@command -v npm >/dev/null || { echo "Tests need Node 22 or newer and npm, and CI may not skip those. Install them (https://nodejs.org) or unset CI."; exit 1; }
	@echo "Installing into node_modules, once (about ten seconds)…"
	@if npm ci --loglevel=error; then touch $@; elif [ -n "$(CI)" ]; then exit 1; else echo "npm ci failed: the tests that need it are skipped."; fi

$(VENV)/.browser: | $(READY)
	@command -v chromium || command -v chromium-browser || command -v google-chrome || { \
		test "$$(id -u)" = 0 && command -v apt-get || { echo "Tests need Chromium, and CI may not skip those. Install it, or run this as root where there is apt."; exit 1; }; \
		echo "Installing Chromium, once…"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -yqq --no-install-recommends chromium fonts-dejavu-core; \
	} >/dev/null || test -z "$(CI)"
	@touch $@

browser: $(VENV)/.browser  ## Install Chromium for the tests of reports, as root with apt

$(VENV)/.image-tools: | $(READY)
	@command -v buildah >/dev/null && command -v mmdebstrap >/dev/null || { \
		test "$$(id -u)" = 0 && command -v apt-get || { echo "Tests need buildah and mmdebstrap, and CI may not skip those. Install them, or run this as root where there is apt."; exit 1; }; \
		echo "Installing buildah and mmdebstrap, once…"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -yqq --no-install-recommends buildah mmdebstrap; \
	} >/dev/null || test -z "$(CI)"
	@touch $@

image-tools: $(VENV)/.image-tools  ## Install buildah and mmdebstrap for the test of the image, as root with apt

$(VENV)/viz/.ready: $(READY)
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(VENV)/viz
	@VIRTUAL_ENV=$(CURDIR)/$(VENV)/viz $(BIN)/uv pip install --quiet --constraint constraints.txt --editable '.[report,viz]'
	@touch $@

kedro-viz: $(VENV)/viz/.ready  ## Install Kedro-Viz in an environment of its own, for the test that builds its page

$(PLOTLY_READY): tests/report/plotly.txt | $(READY)
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --target $(VENV)/plotly --requirement tests/report/plotly.txt
	@touch $@

$(CHECKOV_READY): tests/deploy/checkov.txt | $(READY)
	@echo "Installing checkov into $(VENV)/checkov, once (half a minute)…"
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(VENV)/checkov
	@VIRTUAL_ENV=$(CURDIR)/$(VENV)/checkov $(BIN)/uv pip install --quiet --requirement tests/deploy/checkov.txt
	@touch $@

demo: $(READY)  ## Run the example pipeline, distributed, on the embedded AWS
	@cd examples/spaceflights && PATH="$(CURDIR)/$(BIN):$$PATH" ./demo

test: $(READY) $(NODE_READY) $(BROWSER_READY) $(VIZ_READY) $(PLOTLY_READY) $(DOCS_READY)  ## Run the tests (about ten minutes on two cores)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m 'not long'

# Hypothesis marks its own tests: these draw a hundred examples in `make test`, and three hundred here.
test-long: $(READY) $(NODE_READY) $(CHECKOV_READY) $(IMAGE_TOOLS)  ## Run the long simulations, and more examples of Hypothesis (half an hour)
	@HYPOTHESIS_PROFILE=many $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -m 'long or hypothesis'

check: $(READY)  ## Check lint, types, import rules and weaknesses of our own code, as CI does
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive dag adapters runs handlers src scripts hatch_build.py

format: $(READY)  ## Format the code and fix what ruff can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# redun is for two benchmarks, in an environment of its own with the example's requirements: nothing else here shares redun's.
$(VENV)/redun/.ready: $(READY)
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(VENV)/redun
	@grep -v kedro-aws-batch examples/spaceflights/requirements.txt | VIRTUAL_ENV=$(CURDIR)/$(VENV)/redun \
		$(BIN)/uv pip install --quiet --compile-bytecode --constraint constraints.txt --requirement - redun==$(REDUN)
	@touch $@

bench: $(VENV)/redun/.ready  ## Run the benchmarks, three quarters of an hour; they write benchmarks/results/ and docs/performance.md
	@$(BIN)/python -m benchmarks

mutants: $(READY)  ## Break each guard of FILES; fail if no test notices one, and none says why (minutes a file): make mutants FILES=runs/claiming.py
	@test -n "$(FILES)" || { echo "Say which files: make mutants FILES='runs/claiming.py runs/ending.py'" >&2; exit 2; }
	@$(BIN)/python -m tests.mutations $(FILES) --tests $(or $(TESTS),tests/runs tests/handlers tests/contract tests/adapters tests/dag)

redrive: $(READY)  ## Move dead letters back: make redrive DEAD_LETTERS=<queue> EVENTS=<queue>
	@test -n "$(DEAD_LETTERS)" -a -n "$(EVENTS)" || { echo "Say which: make redrive DEAD_LETTERS=<queue name> EVENTS=<queue name>" >&2; exit 2; }
	@$(BIN)/python scripts/redrive.py "$(DEAD_LETTERS)" "$(EVENTS)"

lock: $(READY)  ## Pin every version of the development environment again
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.10 --all-extras --no-header --no-annotate --no-emit-package kedro-aws-batch pyproject.toml --output-file constraints.txt
	@echo "mkdocs-material>=9" | $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header --no-annotate - --output-file scripts/docs.txt
	@echo "checkov>=3" | $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.10 --no-header --no-annotate - --output-file tests/deploy/checkov.txt

$(VENV)/docs/.ready: scripts/docs.txt | $(READY)
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(VENV)/docs
	@VIRTUAL_ENV=$(CURDIR)/$(VENV)/docs $(BIN)/uv pip install --quiet --requirement scripts/docs.txt
	@touch $@

docs: $(VENV)/docs/.ready  ## Build the docs as a site, into build/site; a link that leads nowhere is an error
	@# Not --quiet: with it, mkdocs takes no warning for an error.
	@NO_MKDOCS_2_WARNING=1 $(VENV)/docs/bin/mkdocs build --strict

pictures: $(READY) $(BROWSER_READY)  ## Make the docs' pictures again, from a run of the example
	@$(BIN)/python -m scripts.pictures docs/pictures

dist: $(READY)  ## Build a release's wheel and sdist into dist/
	@rm -rf dist
	@$(BIN)/python -m build --no-isolation --outdir dist .
	@$(BIN)/uv tool run --quiet --from twine==$(TWINE) twine check --strict dist/*

audit: $(READY)  ## Look for known weaknesses in pinned packages; it needs the network, so `make check` doesn't
	@$(BIN)/uv tool run --quiet --from pip-audit==$(PIP_AUDIT) pip-audit --no-deps --progress-spinner off --requirement requirements.txt --requirement constraints.txt

clean:  ## Remove the environment and everything that was built
	@rm -rf $(VENV) node_modules dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
