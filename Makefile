# On a fresh Debian or Ubuntu the first two install all they need, the Python packages into .venv:
#   make startup         record how a QEMU starts a KVM guest, and write the report into out/startup
#   make test            lint, the documentation, and all tests
#   make unit            tests that need neither gdb nor QEMU
#   make lint            ruff, mypy and the import contracts
#   make docs            build the documentation into out/docs, and check its links
#   make chaos           end 50 recordings at random moments with signals; nothing may be left (SEED=N, COUNT=N)
#   make load            record a million hits of a breakpoint: bounded memory, visible progress; some ten minutes
#   make bench           measure time and memory beside gdb alone, perf and others; store the figures in tests/bench/results
#   make matrix          build and record three releases of QEMU; rewrite reports/gallery and tests/recorded
#   make pictures        take the pictures of the documentation from the pages in reports/gallery
#   make fuzz            change inputs at random, guided by coverage, and look for crashes (FUZZ_TARGET="…", FUZZ_SECONDS=N)
#   make test-minimum    unit tests with the lowest versions of all dependencies that pyproject.toml allows
#   make dist            build the wheel and the list of its dependencies (SBOM, CycloneDX) into dist
#   make lock            renew .ci/locks: versions and hashes of all that is installed from the Python package index
#   make venv            make .venv with analyze and the tools of the tests
#   make web             bundle the script and the style of the report page from reports/web/src
#   make consumers       install the programs of npm that read exports, for the tests in tests/export
#   make packages-run    install the system packages that a recording needs
#   make packages-test   install those of the tests, too
#   make packages-bench  install those of the benchmark
#   make clean           remove .venv, out, dist and caches
#   make help            print this text
# Variables:
#   QEMU=PATH            a qemu-system-x86_64 with debug information (default: built once from the distribution's source)
#   OUT=DIR              output folder of make startup (default: out/startup)
#   BENCH="GROUP ..."    groups of make bench: startup bulk-a bulk-b recordings import (default: all)
#   ROUNDS=N             rounds of make bench (default: 5; 3 for bulk-b; fewer for large recordings)
#   STORE=no             make bench prints the figures, and stores nothing
#   FUZZ_SECONDS=N       seconds that make fuzz spends on each target (default: 600)
#   FUZZ_TARGET="…"      targets of make fuzz, folders of tests/fuzz/corpus (default: all)
#   PARALLEL=            run the tests one after the other (default: a worker for each processor)
#   PYTHON=COMMAND       the Python for .venv, 3.10 or later (default: python3)
#   SYSTEM_PACKAGES=no   install no system packages

SHELL := /bin/sh
PYTHON ?= python3
SYSTEM_PACKAGES ?= yes
OUT ?= out/startup
COUNT ?= 50
VENV := .venv
BIN := $(VENV)/bin
CONSUMERS := tests/export
WEB := reports/web
LOCKS := .ci/locks
FUZZ_SECONDS ?= 600
FUZZ_TARGET ?=
# A package is installed only in a version, and with a content, that a lock file names.
INSTALL := python -m pip install --quiet --disable-pip-version-check
INSTALL_LOCKED := $(INSTALL) --require-hashes --requirement
# One worker for each processor; tests that record QEMU or the kernel share one worker (tests/conftest.py).
# Tests that record QEMU or the kernel take the whole machine.
ALONE := tests/qemu tests/kernel
PARALLEL ?= -n auto
BENCH ?=
ROUNDS ?=
STORE ?= yes
GROUPS_FOR_QEMU := $(if $(QEMU),,qemu)
# The QEMU to record: the user's, else the distribution's, which is built from source once and cached.
FIND_QEMU = $(if $(QEMU),echo "$(QEMU)",$(BIN)/analyze build distribution)

.PHONY: help web startup test unit lint docs bench chaos matrix pictures venv consumers packages-run packages-test packages-bench clean load fuzz test-minimum dist lock

help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

packages-run:
	@test "$(SYSTEM_PACKAGES)" = no || sh analyzer/build/packages.sh run $(GROUPS_FOR_QEMU)

packages-test:
	@test "$(SYSTEM_PACKAGES)" = no || sh analyzer/build/packages.sh run test $(GROUPS_FOR_QEMU)

packages-bench:
	@test "$(SYSTEM_PACKAGES)" = no || sh analyzer/build/packages.sh run bench $(GROUPS_FOR_QEMU)

$(VENV)/installed: pyproject.toml $(LOCKS)/test.txt
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.10 or later is needed" if sys.version_info < (3, 10) else 0)'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/$(INSTALL_LOCKED) $(LOCKS)/test.txt
	@$(BIN)/$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/%-installed: $(LOCKS)/%.txt $(VENV)/installed
	@$(BIN)/$(INSTALL_LOCKED) $<
	@touch $@

venv: $(VENV)/installed

# Only what the lock file names; no script of a package runs.
$(CONSUMERS)/node_modules/.package-lock.json: $(CONSUMERS)/package-lock.json
	@npm ci --silent --ignore-scripts --prefix $(CONSUMERS)
	@touch $@

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	@npm ci --silent --ignore-scripts --prefix $(WEB)
	@touch $@

web: $(WEB)/node_modules/.package-lock.json
	@node $(WEB)/bundle.mjs

consumers: $(CONSUMERS)/node_modules/.package-lock.json

# --force: an earlier recording in $(OUT) is replaced.
startup: packages-run venv
	@qemu=$$($(FIND_QEMU)) && $(BIN)/analyze startup --qemu "$$qemu" --out "$(OUT)" --force

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

unit: venv
	$(BIN)/pytest $(PARALLEL) tests/unit

# --strict: a broken link is an error.
docs: $(VENV)/docs-installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

test: packages-test venv consumers web lint docs
	qemu=$$($(FIND_QEMU)) && export QEMU="$$qemu" && \
		$(BIN)/pytest $(PARALLEL) $(addprefix --ignore=,$(ALONE)) && $(BIN)/pytest $(ALONE)

fuzz: $(VENV)/fuzz-installed
	$(BIN)/python -m tests.fuzz $(FUZZ_TARGET) --seconds $(FUZZ_SECONDS)

# In a virtual environment of its own; the type checker and others that judge the code are those of `make lint`.
test-minimum: out/minimum/installed
	out/minimum/bin/pytest $(PARALLEL) tests/unit

out/minimum/installed: pyproject.toml $(LOCKS)/minimum.txt
	@$(PYTHON) -m venv --clear out/minimum
	@out/minimum/bin/$(INSTALL_LOCKED) $(LOCKS)/minimum.txt
	@out/minimum/bin/$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

# The same sources give the same bytes: the time in the wheel is that of the last commit.
dist: $(VENV)/dist-installed
	sh .ci/dist $(BIN) dist

lock: $(VENV)/lock-installed
	sh .ci/lock $(BIN)/uv

# A seed is printed for each run; SEED=N COUNT=1 repeats it.
chaos: packages-run venv
	qemu=$$($(FIND_QEMU)) && QEMU="$$qemu" $(BIN)/python -m tests.support.chaos --count $(COUNT) $(if $(SEED),--seed $(SEED))

load: packages-test venv
	CALLCHAIN_HITS=1000000 $(BIN)/pytest tests/compare/test_load.py tests/gdb/test_load.py

# Figures of different QEMUs cannot be compared: without QEMU= it is always this one.
bench: packages-bench $(VENV)/bench-installed
	qemu=$$(if [ -n "$(QEMU)" ]; then echo "$(QEMU)"; else $(BIN)/analyze build debian:7.2 --profile release; fi) && \
		$(BIN)/python -m tests.bench --qemu "$$qemu" $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(filter no,$(STORE)),--print-only) $(BENCH)

# QEMU 5.2, 7.2 and 10.0 in both profiles, 7.2 with options of distributions; an hour when nothing is cached.
matrix: venv
	@test "$(SYSTEM_PACKAGES)" = no || sh analyzer/build/packages.sh run qemu test
	$(BIN)/python -m tests.bench.matrix

pictures: venv
	$(BIN)/python -m tests.bench.pictures

clean:
	rm -rf $(VENV) $(CONSUMERS)/node_modules $(WEB)/node_modules out dist .mypy_cache .ruff_cache .pytest_cache
