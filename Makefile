# Two commands do everything on a fresh Debian or Ubuntu:
#   make startup     record how a QEMU starts a KVM guest and write the report
#   make test        all tests
# With a QEMU of your own: make startup QEMU=/path/to/qemu-system-x86_64

SHELL := /bin/sh
PYTHON ?= python3
SYSTEM_PACKAGES ?= yes
OUT ?= out/startup
VENV := .venv
BIN := $(VENV)/bin
GROUPS_FOR_QEMU := $(if $(QEMU),,qemu)
# The QEMU to use: the user's, else the distribution's, built from source once and cached.
FIND_QEMU = $(if $(QEMU),echo "$(QEMU)",$(BIN)/analyze build distribution)

.PHONY: startup test unit docs bench matrix lint venv clean help packages-run packages-test

help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

packages-run:
	@test "$(SYSTEM_PACKAGES)" = no || sh analyzer/build/packages.sh run $(GROUPS_FOR_QEMU)

packages-test:
	@test "$(SYSTEM_PACKAGES)" = no || sh analyzer/build/packages.sh run test $(GROUPS_FOR_QEMU)

$(VENV)/installed: pyproject.toml
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.10 or later is needed" if sys.version_info < (3, 10) else 0)'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

$(VENV)/docs-installed: $(VENV)/installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

venv: $(VENV)/installed

# A report made by `make startup` before is replaced; `analyze startup` itself replaces only when told to.
startup: packages-run venv
	@qemu=$$($(FIND_QEMU)) && $(BIN)/analyze startup --qemu "$$qemu" --out "$(OUT)" --force

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

unit: venv
	$(BIN)/pytest tests/unit

# The documentation, into out/docs; a link that leads nowhere is an error. Asks no network.
docs: $(VENV)/docs-installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

test: packages-test venv lint docs
	qemu=$$($(FIND_QEMU)) && QEMU="$$qemu" $(BIN)/pytest

bench: packages-run venv
	qemu=$$($(FIND_QEMU)) && QEMU="$$qemu" $(BIN)/python tests/bench/startup.py

# Long: builds QEMU 5.2, 7.2 and 10.0 in both profiles, records each, rewrites reports/gallery.
matrix: venv
	@test "$(SYSTEM_PACKAGES)" = no || sh analyzer/build/packages.sh run qemu
	$(BIN)/python -m tests.bench.matrix

clean:
	rm -rf $(VENV) out dist .mypy_cache .ruff_cache .pytest_cache
