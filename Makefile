# The five commands of the project. Each makes the environment it needs; the second time it is there already.
#
#   make serve   the sample on http://127.0.0.1:8998
#   make test    the tests
#   make check   formatting, lint, types, generated pages, links
#   make bench   the load tests
#   make clean   removes the environment and what tools left behind

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --no-input --quiet

.PHONY: help serve test check bench reference screenshot sidecar format clean packages
.DEFAULT_GOAL := help

help:
	@sed -n 's/^#   //p' Makefile

serve: $(VENV)/.serve
	@$(BIN)/python samples/run.py $(ARGS)

test: $(VENV)/.test packages
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tools samples/run.py samples/upstream samples/callout
	$(BIN)/python tools/reference.py --check
	$(BIN)/python tools/tracked.py
	$(BIN)/python tools/sidecar.py --check

bench: $(VENV)/.test packages
	$(BIN)/python -m bench $(ARGS)

# Writes the generated pages and the table in the README anew.
reference: $(VENV)/.check
	$(BIN)/python tools/reference.py --write

# Takes the picture of the trace page for the documentation anew.
screenshot: $(VENV)/.test packages
	APIPROXY_SCREENSHOT=1 $(BIN)/python -m pytest tests/browser -k picture

# Compiles the jar that runs Java callouts, and the sample's callout; needs a JDK.
sidecar: $(VENV)/.python
	$(BIN)/python tools/sidecar.py --write

format: $(VENV)/.check
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# redis-server, nginx, wrk, slapd, Chromium, node, npm and a JDK, where they are missing and may be installed.
packages:
	@tools/packages.sh

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .apiproxy dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Creating $(VENV)"
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "The venv module is missing (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@touch $@

# One stamp for each extra: installed again only when pyproject.toml changes.
$(VENV)/.serve: EXTRA = all
$(VENV)/.test:  EXTRA = test
$(VENV)/.check: EXTRA = check
$(VENV)/.serve $(VENV)/.test $(VENV)/.check: pyproject.toml | $(VENV)/.python
	@echo "Installing apiproxy-runtime[$(EXTRA)] into $(VENV)"
	@$(PIP) install --editable '.[$(EXTRA)]'
	@touch $@
