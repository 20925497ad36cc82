# Every goal starts from a bare checkout: it makes the environment that it needs, then runs.
PYTHON ?= python3
# Processes that the tests are spread over, each with one BLAS thread.
WORKERS ?= 2

# A stamp says that an environment holds what the files to its right ask for.
DEMO := .venv/.ready-demo
DEV := .venv/.ready-dev
WEB := .venv/.ready-web
PARITY := .venv-parity/.ready

INSTALL := -m pip --disable-pip-version-check install -qq
# A lock names every package with its hashes, so nothing is left to resolve: a release that appeared
# after the lock cannot turn up in it.
LOCKED := $(INSTALL) --require-hashes --no-deps -r
PACKAGE := $(INSTALL) --no-deps --no-build-isolation --editable .
UV := uv==0.13.9
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 VECLIB_MAXIMUM_THREADS=1
PYTEST := -m pytest -q -n $(WORKERS) --dist worksteal
PIN = .venv-lock/bin/uv pip compile pyproject.toml --group build --quiet --upgrade --universal \
	--python-version 3.11 --fork-strategy fewest --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'
COVER := $(if $(COVERAGE),--cov)

.DEFAULT_GOAL := help
.PHONY: help demo serve test coverage parity bench lint format lock clean distclean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: $(DEMO)  ## train a network on real digits and write its report
	@.venv/bin/glassnet demo $(ARGS)

serve: $(WEB)  ## start the web app (ARGS=--demo: measure yourself on twenty digits)
	@.venv/bin/glassnet serve $(ARGS)

test: $(DEV)  ## run the tests (ARGS="-k conv" chooses, COVERAGE=1 measures)
	@$(ONE_THREAD) .venv/bin/python $(PYTEST) $(COVER) $(ARGS)

coverage:  ## run the tests and hold the share of lines that they reach to its bar
	@$(MAKE) --no-print-directory test COVERAGE=1

parity: $(PARITY)  ## compare values, gradients and training with PyTorch
	@$(ONE_THREAD) .venv-parity/bin/python $(PYTEST) tests/parity $(ARGS)

bench: $(PARITY)  ## measure speed beside PyTorch (ARGS="--only step" chooses)
	@.venv-parity/bin/python -m benchmarks $(ARGS)

lint: $(DEV)  ## check style, format and types
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy

format: $(DEV)  ## mend style and format
	@.venv/bin/ruff check --fix
	@.venv/bin/ruff format

lock: .venv-lock/.made  ## pin the newest versions that pyproject.toml allows
	@.venv-lock/bin/python $(INSTALL) $(UV)
	@$(PIN) --extra demo --extra dev --extra onnx --extra postgres --extra transfer --extra web \
		--output-file requirements-dev.txt
	@$(PIN) --extra demo --constraints requirements-dev.txt \
		--output-file requirements.txt
	@$(PIN) --extra demo --extra web --constraints requirements-dev.txt \
		--output-file requirements-web.txt

clean:  ## remove caches and builds
	@rm -rf .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist htmlcov
	@find benchmarks examples src tests -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean  ## remove the environments too
	@rm -rf .venv .venv-lock .venv-parity

# The environments. requirements-dev.txt holds all that requirements.txt does.
$(DEMO): requirements.txt pyproject.toml | .venv/.made
	@echo "Installing what glassnet needs (about a minute)..."
	@.venv/bin/python $(LOCKED) requirements.txt
	@.venv/bin/python $(PACKAGE)
	@touch $@

$(WEB): requirements-web.txt pyproject.toml | .venv/.made
	@echo "Installing glassnet and its web app (about a minute)..."
	@.venv/bin/python $(LOCKED) requirements-web.txt
	@.venv/bin/python $(PACKAGE)
	@touch $@

$(DEV): requirements-dev.txt pyproject.toml | .venv/.made
	@echo "Installing glassnet and its development tools (about a minute)..."
	@.venv/bin/python $(LOCKED) requirements-dev.txt
	@.venv/bin/python $(PACKAGE)
	@touch $@

$(PARITY): requirements-dev.txt requirements-parity.txt pyproject.toml | .venv-parity/.made
	@echo "Installing PyTorch beside glassnet, in .venv-parity (some minutes)..."
	@.venv-parity/bin/python $(LOCKED) requirements-dev.txt
	@.venv-parity/bin/python $(INSTALL) -r requirements-parity.txt
	@.venv-parity/bin/python $(PACKAGE)
	@touch $@

%/.made:
	@command -v $(PYTHON) >/dev/null || { \
		echo "glassnet needs Python 3.11 or newer, and there is no '$(PYTHON)' here." \
		     "Install one, or name it: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "glassnet needs Python 3.11 or newer, and '$(PYTHON)' is" \
		     "$$($(PYTHON) --version 2>&1). Name a newer one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' cannot make virtual environments. On Debian and Ubuntu:" \
		     "apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(@D)
	@touch $@
