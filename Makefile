# Every target works as the first command after a clone: it needs Python >= 3.11 and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LOCK := requirements/dev.lock

.PHONY: install install-servers demo test lint types imports dependencies check lock clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml $(LOCK)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "wirebeam needs Python 3.11 or 3.12: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

# Servers that tests start and that the project's own environment cannot hold: BigQuery's emulator needs an older DuckDB.
install-servers: .servers/bigquery/.installed

.servers/bigquery/.installed:
	$(PYTHON) -m venv .servers/bigquery
	.servers/bigquery/bin/python -m pip install --quiet --disable-pip-version-check \
	  bqemulator==1.4.0 duckdb==1.5.5 duckdb-extension-spatial==1.5.5 numpy pyarrow
	@touch $@

demo: install
	@$(BIN)/wirebeam demo

test: install
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

imports: install
	$(BIN)/lint-imports

dependencies: install
	$(BIN)/deptry .

check: lint types imports dependencies test

# Maintainers: pin all dependencies anew (needs uv). The lock names no index and holds hashes for Python 3.11 and 3.12.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --extra dev pyproject.toml -o requirements/dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --constraint requirements/dev.lock pyproject.toml -o requirements/runtime.lock

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
