# `make demo` and `make check` are the two commands of the README. Both work on a machine with Python, pip, git and make.

UV := $(shell command -v uv 2>/dev/null || echo $(CURDIR)/.tools/bin/uv)
RUN := $(UV) run --locked
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo check format lint types contracts test fuzz bench chaos coverage wheel clean system-packages

demo: .venv/ready
	@$(RUN) --no-sync tianting demo

check: system-packages lint types contracts test

lint: .venv/ready
	$(RUN) --no-sync ruff format --check .
	$(RUN) --no-sync ruff check .

format: .venv/ready
	$(RUN) --no-sync ruff format .
	$(RUN) --no-sync ruff check --fix .

types: .venv/ready
	$(RUN) --no-sync mypy

contracts: .venv/ready
	$(RUN) --no-sync lint-imports

test: .venv/ready
	$(RUN) --no-sync coverage erase
	$(RUN) --no-sync coverage run -m pytest -n auto -q
	$(RUN) --no-sync coverage combine -q
	$(RUN) --no-sync coverage report --fail-under=90

# The reader of what clients write, with 10,000 inputs instead of 200; the same ones each time.
fuzz: .venv/ready
	FUZZ_INPUTS=10000 $(RUN) --no-sync pytest tests/surfaces/stream_json/test_fuzz.py -q --timeout=1800 --hypothesis-seed=0

bench: .venv/ready
	$(RUN) --no-sync python -m benchmarks.run

# Windows at work while everything fails; ends with 1 where a promise was broken. The same seed is the same disaster.
SEED ?= 5
DURATION ?= 600
WINDOWS ?= 50
chaos: .venv/ready
	$(RUN) --no-sync python -m chaos.run --seed $(SEED) --duration $(DURATION) --windows $(WINDOWS)

wheel: .venv/ready
	$(UV) build --wheel

system-packages:
	@sh scripts/system-packages.sh

clean:
	rm -rf .venv .tools dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage .coverage.*

.venv/ready: pyproject.toml uv.lock $(if $(findstring .tools,$(UV)),.tools/bin/uv)
	$(UV) sync --locked --compile-bytecode
	@touch $@

# `--target` works where the system's Python is externally managed, and needs no venv module.
.tools/bin/uv:
	python3 -m pip install --quiet --target .tools uv
