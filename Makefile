# Each target sets up what it needs, from nothing but python3 (3.11 or newer) and make.
#   make demo            the sixty seconds, then the console   (ARGS=--no-serve stops after the show)
#   make demo-matrix     the same against a real Matrix homeserver on this machine
#   make test            all tests                             (ARGS="tests/nets -x" for some of them)
#   make test-long       what takes minutes each: every kill point, a failover, deep calls from the OpenAPI document
#   make check           lint, types, import contract, known holes in what is pinned
#   make mutants         do the tests notice a change?   (ARGS="nets judge" for one file; docs/mutants.md)
#   make bench           the benchmark tables                  (bench-report writes docs/benchmarks.md)
#                          (ARGS="--soak 30 --peers --cases 10000000 --events 10000000": what takes hours)
#   make serve           run it for real on this machine
#   make lock            renew requirements.lock
#   make clean           remove what the targets above made

PYTHON ?= python3
# One more than two cores have: a test waits for a disk, a browser or a homeserver half of its time.
JOBS ?= 3
ARGS ?=
# What is compiled is kept, whatever this shell says: else each of the processes that tests start compiles all of it anew.
export PYTHONDONTWRITEBYTECODE :=

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCK := requirements.lock

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-matrix test test-long check bench bench-report mutants serve lock clean chromium

help:
	@sed -n 's/^#   //p' Makefile

setup: $(READY)

$(READY): $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Gardefou needs Python 3.11 or newer as $(PYTHON); found: $$($(PYTHON) --version 2>&1 || true)." \
	    "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments; install your system's package for it" \
	    "(Debian, Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Setting up $(VENV) (once; a minute or two) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@# The lock is whole: nothing is resolved here.
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes --requirement $(LOCK)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)
	@$(BIN)/gardefou demo $(ARGS)

demo-matrix: $(READY)
	@$(BIN)/python -m gardefou.cli.demo_matrix $(ARGS)

serve: $(READY)
	@$(BIN)/gardefou serve $(ARGS)

bench: $(READY)
	@$(BIN)/gardefou bench $(ARGS)

bench-report: $(READY)
	@$(BIN)/gardefou bench --report docs/benchmarks.md $(ARGS)

test: $(READY) chromium
	@$(BIN)/python -m pytest -n $(JOBS) $(ARGS)

test-long: $(READY) chromium
	@$(BIN)/python -m pytest -m long -n $(JOBS) -o timeout=3600 $(ARGS)

# The browser tests need Chromium: from Debian's packages where we may, else we say which one.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Chromium for the browser tests (once) ..."; \
	    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } >/dev/null \
	      || echo "Could not install the package 'chromium'; the browser tests will fail." >&2; \
	  else \
	    echo "Chromium is missing: install your system's package 'chromium'; the browser tests will fail without it." >&2; \
	  fi; }

# Hours for everything; ARGS names a set and files of it, or `nets --again` for what was alive last time.
mutants: $(READY)
	@if [ -n "$(ARGS)" ]; then $(BIN)/python -m tools.mutants $(ARGS); else \
	  for set in domain nets ledger flow; do $(BIN)/python -m tools.mutants $$set || exit 1; done; fi

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/python tools/check_addresses.py
	$(BIN)/python tools/audit_dependencies.py

# Hashes and versions only. Settings of pip and uv on this machine stay out of the file.
lock: $(READY)
	@env -u PIP_FIND_LINKS -u UV_FIND_LINKS UV_CUSTOM_COMPILE_COMMAND="make lock" \
	  $(BIN)/uv pip compile pyproject.toml --group dev --extra postgres --extra prove --extra backtest --output-file $(LOCK) \
	  --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  --quiet $(ARGS)
	@$(BIN)/python tools/check_addresses.py $(LOCK)

clean:
	rm -rf $(VENV) .lab .mutants build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis src/*.egg-info
	find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
