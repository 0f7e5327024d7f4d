# handgrad: every target makes .venv itself and installs only what it needs, once.
#   make demo       the main job on real data, with pictures          make check      format, lint, types, catalogues, fast tests
#   make test       all tests; oracles not installed are left out     make test-full  all tests with all oracles (PyTorch, …)
#   make bench      speed next to PyTorch and textbook NumPy          make docs       write docs/reference, run every example
#   make messages   bring the translated catalogues up to date        make clean      remove .venv and all caches

PYTHON ?=
PY := .venv/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-input

.PHONY: demo test test-full check bench docs messages clean
.DEFAULT_GOAL := test

demo: .venv/.installed-demo
	$(PY) -m handgrad demo all

test: .venv/.installed-test
	$(PY) -m pytest -q

test-full: .venv/.installed-oracles
	HANDGRAD_FULL=1 $(PY) -m pytest -q

check: .venv/.installed-dev
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) tools/catalogues.py check
	$(PY) -m pytest -q -n 2 -m "not slow and not full"

bench: .venv/.installed-oracles
	@set -e; for script in bench process memory eager; do echo "== $$script"; $(PY) benchmarks/$$script.py; done

docs: .venv/.installed-dev
	$(PY) tools/reference.py
	$(PY) -m pytest -q tests/test_docs.py

messages: .venv/.installed-dev
	$(PY) tools/catalogues.py update

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist

# A stamp per extra. A larger set holds the smaller ones, so its install sets their stamps too.
.venv/.made:
	@python=$$(sh tools/find_python.sh $(PYTHON)) && $$python -m venv .venv && touch $@

.venv/.installed-demo: .venv/.made pyproject.toml
	$(PIP) -e '.[plot,sklearn]'
	@touch $@

.venv/.installed-test: .venv/.made pyproject.toml
	$(PIP) -e '.[test]'
	@touch $@ .venv/.installed-demo

.venv/.installed-dev: .venv/.made pyproject.toml
	$(PIP) -e '.[dev]'
	@touch $@ .venv/.installed-test .venv/.installed-demo

.venv/.installed-oracles: .venv/.made pyproject.toml
	$(PIP) -e '.[oracles]'
	@touch $@ .venv/.installed-dev .venv/.installed-test .venv/.installed-demo
