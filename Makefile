# make demo   sets up, then runs the example corpus from raw video to trained network
# make test   sets up, then runs linters, type checks, layer contracts and all tests
# make lint   the checks without the tests
# make setup  the environment alone

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
UV_VERSION := 0.13.8
DEMO ?= build/demo

# Every `sdme run` starts processes that import torch: without .pyc files each compiles it anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test lint clean

setup: $(READY)

# uv, not pip: it resolves the CUDA build of torch, which also runs without a GPU and fits its companions.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one with make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python --constraint constraints.txt --editable '.[all,dev]'
	touch $(READY)

demo: setup
	rm -rf $(DEMO)
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" bash examples/quickstart.sh $(DEMO)

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

test: lint
	$(VENV)/bin/python -m pytest

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
