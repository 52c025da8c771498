# `make demo` shows the product at work, `make test` checks all of it, `make bench` measures it.
# Needs git, make, a C compiler with Python's headers, and Python 3.11, 3.12 or 3.13.

# The first that runs and fits: a command that is merely there (a version manager's shim) may not.
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python3.13; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
DEMO ?= demo

# durable_rules calls a function that Python 3.13 has dropped; this is its present name.
export CPPFLAGS := $(CPPFLAGS) -DPyEval_CallObject=PyObject_CallObject

.PHONY: demo test bench lock clean

demo: $(VENV)/.installed
	@$(BIN)/supervision demo --directory $(DEMO)

test: $(VENV)/.test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 2 --dist loadgroup

# Minutes to half an hour: SIZES="10000 100000" DATABASES=sqlite make bench is the short way.
bench: $(VENV)/.bench-installed
	$(BIN)/python -m pytest tests/benchmarks/bench_evaluation.py -q -o addopts= -p no:cacheprovider \
		--benchmark-columns=median,min,rounds --benchmark-group-by=param:ground \
		--benchmark-json=bench.json
	@$(BIN)/python -m tests.benchmarks.table bench.json

$(VENV)/.installed: requirements-build.lock requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed: install python3 and python3-venv, then run make again."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13: say which to use with make PYTHON=…"; exit 1; }
	@command -v cc >/dev/null || { echo "A C compiler is needed to build the rule engine: install gcc (Debian, Ubuntu: apt install gcc python3-dev), then run make again."; exit 1; }
	@$(PYTHON) -c 'import sysconfig, os, sys; sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' || { echo "Python's headers are needed to build the rule engine: apt install python3-dev, then run make again."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is needed: apt install python3-venv, then run make again."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (about half a minute) …"
	@$(PIP) --require-hashes --only-binary :all: -r requirements-build.lock
	@$(PIP) --require-hashes --no-build-isolation -r requirements.lock
	@# a wheel that pip once built and kept without the name above does not load: build it anew
	@$(BIN)/python -c 'import durable_rules_engine' 2>/dev/null || $(PIP) --no-cache-dir --force-reinstall --require-hashes --no-build-isolation -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.test-installed: $(VENV)/.installed requirements-test.lock
	@echo "Installing what the tests need …"
	@$(PIP) --require-hashes --no-build-isolation -r requirements-test.lock
	@touch $@

$(VENV)/.bench-installed: $(VENV)/.test-installed requirements-bench.lock
	@echo "Installing what the benchmarks compare with …"
	@$(PIP) --require-hashes --no-build-isolation -r requirements-bench.lock
	@touch $@

# Needs uv; writes the lock files anew, with hashes and without any index address.
LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
lock:
	echo 'setuptools>=80' | $(LOCK) -o requirements-build.lock -
	$(LOCK) -o requirements.lock pyproject.toml
	$(LOCK) -o requirements-test.lock --extra test -c requirements.lock pyproject.toml
	$(LOCK) -o requirements-bench.lock --extra test --extra bench -c requirements-test.lock pyproject.toml

clean:
	rm -rf $(VENV) $(DEMO) bench.json *.egg-info build .pytest_cache .mypy_cache .ruff_cache .hypothesis
