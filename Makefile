# da_zoo: set up and run with Python >= 3.11, pip and make, nothing else.
#
#   make bench [ARGS="--methods dann,deep_coral --seeds 3"]   the benchmark
#   make test  [ARGS="tests/losses -k coral"]                 the test suite
#   make browser                                          the report in Chromium
#   make ray                                              a Ray cluster of this machine
#   make docs                                             pages and tables of methods
#   make lint | types | clean
#   make peers [ARGS="--works W3 --pairs 5"]                  side by side with torch
#
# Each creates .venv and installs into it if need be, and again whenever
# pyproject.toml or constraints.txt change. PYTHON=... chooses the interpreter,
# WORKERS=... the number of test processes.

SHELL := /bin/sh
.DEFAULT_GOAL := help
ARGS ?=
WORKERS ?= 2
PYTHON ?= $(shell for candidate in python3.11 python3.12 python3.13 python3.14 \
	python3 python; do \
	"$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	>/dev/null 2>&1 && { echo "$$candidate"; break; }; done)

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install -qq -c constraints.txt
REQUIREMENTS := pyproject.toml constraints.txt
# Stamps, because an installation has no file of its own to compare times with.
CREATED := $(VENV)/.stamp-created
FOR_RUN := $(VENV)/.stamp-run
FOR_TEST := $(VENV)/.stamp-test
FOR_BROWSER := $(VENV)/.stamp-browser
FOR_RAY := $(VENV)/.stamp-ray
PEERS := .venv-peers

.PHONY: help bench test browser ray docs lint types peers clean

help:
	@sed -n 's/^#   //p' Makefile

bench: $(FOR_RUN)
	@$(BIN)/da-zoo bench $(ARGS)

test: $(FOR_TEST)
	@$(BIN)/python -m pytest -n $(WORKERS) -m "not slow and not browser and not ray" \
		$(ARGS)

# Skips, and says why, where there is no chromium on the PATH.
browser: $(FOR_BROWSER)
	@$(BIN)/python -m pytest -m browser tests/browser $(ARGS)

ray: $(FOR_RAY)
	@$(BIN)/python -m pytest -m ray tests/bench $(ARGS)

# From the registries; a test compares them.
docs: $(FOR_RUN)
	@$(BIN)/python -m da_zoo.catalogue --write docs/methods --readme README.md

lint: $(FOR_TEST)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(FOR_TEST)
	@$(BIN)/mypy da_zoo

# The peers live in an environment of their own, so that nobody else needs torch.
peers: $(FOR_RUN) $(PEERS)/.stamp
	@$(BIN)/python benchmarks/peers/run.py --peer-python $(PEERS)/bin/python $(ARGS)

$(PEERS)/.stamp: benchmarks/peers/requirements.txt
	@echo "Installing torch, pytorch-adapt and skada into $(PEERS) ..."
	@"$(PYTHON)" -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip --disable-pip-version-check install -qq -r $<
	@touch $@

# `venv` wants ensurepip, which some distributions package apart: the second try
# lets the system's pip put a pip into an environment made without one.
$(CREATED):
	@test -n "$(PYTHON)" || { \
		echo "da_zoo needs Python 3.11 or newer, and found none on the PATH;" \
			"install one, or name it: make PYTHON=/path/to/python3.11" >&2; \
		exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "da_zoo needs Python 3.11 or newer: PYTHON=$(PYTHON) is older," \
			"or no Python" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 \
		|| "$(PYTHON)" -m venv $(VENV) >/dev/null 2>&1 \
		|| { "$(PYTHON)" -m venv --clear --without-pip $(VENV) \
			&& "$(PYTHON)" -m pip --python $(BIN)/python install -qq pip; } \
		|| { echo "could not create $(VENV) with $(PYTHON): install its venv" \
			"module (Debian, Ubuntu: apt install python3-venv) and call make" \
			"again" >&2; exit 1; }
	@touch $@

$(FOR_RUN): $(REQUIREMENTS) | $(CREATED)
	@echo "Installing da_zoo into $(VENV): a few minutes, this once ..."
	@$(INSTALL) -e .
	@touch $@

$(FOR_TEST): $(REQUIREMENTS) | $(CREATED)
	@echo "Installing da_zoo and its test tools into $(VENV):" \
		"a few minutes, this once ..."
	@$(INSTALL) -e '.[test,lint]'
	@touch $(FOR_RUN) $@

$(FOR_BROWSER): $(FOR_TEST)
	@echo "Installing Playwright into $(VENV), without its browsers ..."
	@$(INSTALL) -e '.[browser]'
	@touch $@

$(FOR_RAY): $(FOR_TEST)
	@echo "Installing Ray into $(VENV) ..."
	@$(INSTALL) -e '.[ray]'
	@touch $@

clean:
	rm -rf $(VENV) $(PEERS) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
