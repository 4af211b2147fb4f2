# Every target does its own set-up from a fresh clone; it needs make and Python 3.11 or newer, nothing else.
# Another interpreter: make test PYTHON=/path/to/python3.12   More workers: make test WORKERS=4   One test: make test ARGS="-k expiry"

VENV    ?= .venv
WORKERS ?= 2
ARGS    ?=

BIN   := $(VENV)/bin
RUN   := $(BIN)/python -m
STAMP := $(VENV)/.installed

# The first interpreter that starts, is new enough and can make a virtual environment.
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	if $$p -c '$(USABLE)' >/dev/null 2>&1; then command -v $$p; break; fi; done)

# An environment that was made for another folder (the clone was moved or copied) is made again.
HERE := $(CURDIR)
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(HERE))
.PHONY: $(STAMP)
endif

# Nothing from the caller's own Python may leak in.
unexport VIRTUAL_ENV
unexport PYTHONPATH
unexport PYTHONHOME
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo serve test soak faults bench bench-quick check lint types contracts house format coverage mutants requirements clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(STAMP) ## one program of each affiliate from registration to its highest tier, then stops
	$(BIN)/nqms demo $(ARGS)

serve: $(STAMP) ## the web server on 127.0.0.1:8000 with the demo's programs; stop with Ctrl-C
	$(BIN)/nqms serve --demo $(ARGS)

test: $(STAMP) ## all tests but the long ones
	$(RUN) pytest -n $(WORKERS) --dist loadfile $(ARGS)

soak: $(STAMP) ## the long tests; random lives: NQMS_WALKS=300000 or NQMS_WALK_MINUTES=60, from NQMS_FIRST_SEED=1000
	$(RUN) pytest -m soak $(ARGS)

faults: $(STAMP) ## breaks processes, connections and databases on purpose, at length; how much is said in docs/faults.md
	$(RUN) pytest -m faults $(ARGS)

bench: $(STAMP) ## every figure of docs/bench.md, ours beside others in one run; build/bench.json and a picture. Hours: ARGS="--full"
	$(RUN) tests.bench $(ARGS)

bench-quick: $(STAMP) ## the same on smaller histories with fewer rounds, in under ten minutes
	$(RUN) tests.bench --quick $(ARGS)

check: lint types contracts house ## everything that reads the code without running it

lint: $(STAMP) ## ruff: rules and format
	$(RUN) ruff check .
	$(RUN) ruff format --check .

types: $(STAMP) ## pyright, strict in the five packages
	$(RUN) pyright

contracts: $(STAMP) ## which package may import which
	$(BIN)/lint-imports --no-cache

house: $(STAMP) ## tree, sizes, names, decisions, README, compose file
	$(RUN) pytest tests/house

format: $(STAMP) ## rewrites the code in the house's format
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

coverage: $(STAMP) ## branch coverage of domain/ by its own tests; fails below 100%
	$(RUN) coverage run --source=domain -m pytest tests/domain tests/policies
	$(RUN) coverage report --fail-under=100

mutants: $(STAMP) ## changes one place of domain/ at a time: which changes does no test notice? Some minutes
	$(RUN) tests.house.mutants --workers $(WORKERS) $(ARGS)

requirements: $(STAMP) ## which requirement is shown by which test, and which by none
	$(RUN) tests.house.report

clean: ## removes the environment, caches and build products
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
	  echo "nqms needs Python 3.11 or newer with its venv module (on Debian and Ubuntu: apt install python3-venv)." >&2; \
	  echo "None was found as python3.13, python3.12, python3.11 or python3; or name one: make PYTHON=/path/to/python3" >&2; \
	  exit 1; fi
	@echo "Setting up $(VENV) with $(PYTHON) (once; takes about a minute) ..."
	@rm -f $@
	@[ "$$(cat $(VENV)/.made-for 2>/dev/null)" = "$(HERE)" ] && $(BIN)/python -c '$(USABLE)' 2>/dev/null \
	  || "$(PYTHON)" -m venv --clear $(VENV)
	@echo "$(HERE)" > $(VENV)/.made-for
	@$(RUN) pip install --quiet --require-hashes -r requirements.lock
	@$(RUN) pip install --quiet --no-deps --no-build-isolation --editable .
	@echo "$(HERE)" > $@
