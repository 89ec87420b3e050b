# 安澜 Anlan.  `make run` shows it, `make test` proves it; both need Python 3.11 and nothing else.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$p && break; \
	done)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	--require-hashes --only-binary :all: -r

DRILL ?= drills/flood-2026.yaml
SPEED ?= 600
DATA ?= .anlan
# Processes that run tests side by side.  The tests start real servers: at most one per core.
WORKERS ?= 2
PYTEST ?=
SOURCES := services tests deploy proto/build.py
# The protos may only grow: they are held against the commit where this branch left main.
AGAINST ?= $(shell git merge-base HEAD origin/main 2>/dev/null || git merge-base HEAD main 2>/dev/null)

# What is installed is found through the virtual environment alone.
unexport PYTHONPATH
.NOTPARALLEL:
.PHONY: help run test test-long bench check protos lint types rooms proto lock clean

help:  ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: $(VENV)/.runtime  ## start the suite, play the flood drill live; ONCE=1 ends with the drill
	@$(call play)

test: check  ## everything that a change must pass
	$(BIN)/pytest -q -n $(WORKERS) --dist loadfile $(PYTEST)

test-long: check  ## the same, with the tests that take minutes
	$(BIN)/pytest -q -n $(WORKERS) --dist loadfile -m "long or not long" $(PYTEST)

bench: $(VENV)/.development  ## measure the goals of the design, each beside its own floor; ONLY=name
	$(BIN)/python -m tests.bench $(ONLY)

check: protos lint types rooms  ## all that needs no running

protos: $(VENV)/.development  ## stubs are what the protos say; protos are lint-free and only grow
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && cp -R proto "$$copy" && \
	$(BIN)/python "$$copy/proto/build.py" gen && \
	{ diff -r -x __pycache__ proto/gen "$$copy/proto/gen" && diff docs/api.md "$$copy/docs/api.md" || \
	{ echo 'proto/gen or docs/api.md is stale: run `make proto`' >&2; exit 1; }; }
	$(BIN)/python proto/build.py check $(AGAINST)

lint: $(VENV)/.development  ## ruff
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)

types: $(VENV)/.development  ## mypy
	$(BIN)/mypy

rooms: $(VENV)/.development  ## who may import whom
	$(BIN)/lint-imports

proto: $(VENV)/.development  ## write proto/gen anew
	$(BIN)/python proto/build.py gen

# Versions that are in the lock files stay; `make lock UPGRADE=--upgrade` takes new ones.
lock:  ## pin what pyproject.toml asks for (needs uv)
	uv pip compile --quiet $(UPGRADE) $(LOCKING) -o requirements.lock pyproject.toml
	uv pip compile --quiet $(UPGRADE) $(LOCKING) -o requirements-dev.lock -c requirements.lock \
		--group dev pyproject.toml
LOCKING := --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

clean:  ## remove what make has made, and the suite's data
	rm -rf $(VENV) $(DATA) .bench .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/.development: requirements-dev.lock | $(VENV)/.runtime
	@$(INSTALL) $<
	@touch $@

$(VENV)/.runtime: requirements.lock | $(BIN)/python
	@echo 'Installing what requirements.lock pins into $(VENV) (once; a minute or so)'
	@$(INSTALL) $<
	@printf '../../../..\n../../../../proto/gen\n' > $(VENV)/lib/python3.11/site-packages/anlan.pth
	@printf '#!/bin/sh\nexec "$$(dirname "$$0")/python" -P -m services.cli.main "$$@"\n' > $(BIN)/anlan
	@chmod +x $(BIN)/anlan
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo 'Python 3.11 is needed: install it, or name it with make PYTHON=…' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) has no ensurepip; on Debian and Ubuntu: apt install python3.11-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# Ctrl-C reaches the suite by itself, for the terminal tells every process; a second one kills it.
define play
mkdir -p $(DATA) && rm -f $(DATA)/up.log || exit; \
$(BIN)/anlan up --data $(DATA) > $(DATA)/up.log & suite=$$!; \
trap 'wait $$suite; exit 130' INT; \
trap 'kill $$suite; wait $$suite; exit 143' TERM; \
until grep -qsx ready $(DATA)/up.log; do \
	kill -0 $$suite 2>/dev/null || { cat $(DATA)/up.log; wait $$suite; exit; }; \
	sleep 0.1; \
done; \
cat $(DATA)/up.log; \
$(BIN)/anlan drill play $(DRILL) --data $(DATA) --speed $(SPEED); code=$$?; \
$(BIN)/anlan timeline flood-2026 --data $(DATA); \
if [ -n "$(ONCE)" ]; then kill $$suite; wait $$suite; exit $$code; fi; \
echo 'The suite is up; Ctrl-C stops it.'; \
wait $$suite
endef
