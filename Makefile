# Every target works as the first command after a clone: it needs Python >= 3.11 and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LOCK := requirements/dev.lock

.PHONY: install install-servers flink prism prism-where-go test-flink demo test lint types imports dependencies check lock clean

install: $(VENV)/.installed

# A pip older than 23.3, as Python 3.11 brings one, looks for the newest of a package whose extra a library asks for, and
# stops where that is not the one in the lock. So the environments get the pip that is locked first.
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

$(VENV)/.installed: pyproject.toml $(LOCK) requirements/pip.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "wirebeam needs Python 3.11 or 3.12: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP_INSTALL) --require-hashes -r requirements/pip.lock
	$(BIN)/python $(PIP_INSTALL) --require-hashes -r $(LOCK)
	$(BIN)/python $(PIP_INSTALL) --no-build-isolation --no-deps -e .
	@touch $@

# What tests start and the project's own environment cannot hold: BigQuery's emulator needs an older DuckDB, and Beam's
# Google extra, which the image of deploy/ has, other versions of its libraries.
install-servers: .servers/bigquery/.installed .servers/image/.installed

.servers/image/.installed: requirements/cluster.lock requirements/pip.lock
	$(PYTHON) -m venv .servers/image
	.servers/image/bin/python $(PIP_INSTALL) --require-hashes -r requirements/pip.lock
	.servers/image/bin/python $(PIP_INSTALL) --require-hashes -r $<
	@touch $@

.servers/bigquery/.installed:
	$(PYTHON) -m venv .servers/bigquery
	.servers/bigquery/bin/python $(PIP_INSTALL) \
	  bqemulator==1.4.0 duckdb==1.5.5 duckdb-extension-spatial==1.5.5 numpy pyarrow
	@touch $@

# A Flink cluster for the tests that need one. Not a part of install-servers: it needs Java and Maven, and 280 MB.
flink: .servers/flink/.installed

.servers/flink/.installed: $(wildcard deploy/flink/*.xml deploy/flink/*.sha256) deploy/flink/setup.sh deploy/flink/merge_jars.py
	deploy/flink/setup.sh .servers/flink
	@touch $@

# Beam's small streaming runner, built by Go: for the streaming tests.
prism: .servers/prism/prism

.servers/prism/prism:
	@command -v go > /dev/null || { echo "make prism needs Go 1.26 or later: install it and try again"; exit 1; }
	GOBIN=$(CURDIR)/.servers/prism go install github.com/apache/beam/sdks/v2/go/cmd/prism@v2.77.0

prism-where-go:
	@if command -v go > /dev/null; then $(MAKE) prism; else echo "no Go toolchain: the tests on Prism are skipped"; fi

test-flink: install flink
	$(BIN)/python -m pytest -m flink

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

check: lint types imports dependencies prism-where-go test

# Maintainers: pin all dependencies anew (needs uv). The locks name no index and hold hashes for Python 3.11 and
# 3.12; cluster and build are of the image in deploy/.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --extra dev pyproject.toml -o requirements/dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --constraint requirements/dev.lock pyproject.toml -o requirements/runtime.lock
	cp requirements/dev.lock requirements/cluster.lock # uv keeps its versions where Beam's Google extra allows them
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --extra gcp --extra postgres pyproject.toml -o requirements/cluster.lock
	echo 'hatchling==1.33.0' | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate --constraint requirements/dev.lock - -o requirements/build.lock
	echo 'pip==26.3' | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-header --no-annotate - -o requirements/pip.lock

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
