# `make` or `make help` lists the targets: each line is the text behind ## of one rule.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help install demo test e2e check format chaos soak load fuzz bench train docs lock audit clean

# The first Python between 3.11 and 3.14 that runs here; name another with `make install PYTHON=...`.
SUITS := -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	"$$p" $(SUITS) && echo "$$p" && break; done)
# torch is pinned by version alone: which build of it fits is the machine's affair (CPU, CUDA, macOS), and
# a hash would bind one of them. Everything else comes from requirements.lock, checked by hash, and comes
# first, so that what torch needs is there already and nothing unpinned is fetched with it.
TORCH := torch==2.13.0

VENV := .venv
PY := $(VENV)/bin/python
# One checksum of what an install depends on, the folder included: an environment knows where it lives.
STAMP := $(VENV)/.installed-$(shell { cat requirements.lock pyproject.toml; echo "$(TORCH) $(CURDIR)"; } | cksum | cut -d' ' -f1)

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

install: $(STAMP) ## make .venv with everything pinned, and the vigilbot command in it

$(STAMP):
	@test -n "$(PYTHON)" && "$(PYTHON)" $(SUITS) || { \
		echo "VigilBot needs Python 3.11 to 3.14; '$(or $(PYTHON),python3)' is $$($(or $(PYTHON),python3) -V 2>/dev/null || echo missing)." >&2; \
		echo "Install one with your package manager (apt install python3 python3-venv, brew install python@3.12)" >&2; \
		echo "or name it: make install PYTHON=/path/to/python3.12" >&2; exit 2; }
	@{ $(PY) $(SUITS) && $(PY) -m pip --version >/dev/null 2>&1; } || { \
		echo "Making $(VENV) with $$("$(PYTHON)" -V)"; \
		"$(PYTHON)" -m venv --clear $(VENV) || { rm -rf $(VENV); \
			echo "No virtual environment can be made. On Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }; }
	@echo "Installing pinned packages: a few minutes the first time, under a second from then on"
	@$(PY) -m pip install --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(PY) -m pip install --disable-pip-version-check "$(TORCH)"
	@$(PY) -m pip install --disable-pip-version-check --no-deps --no-build-isolation --quiet --editable .
	@rm -f $(VENV)/.installed-*
	@touch $@

demo: install ## try the bot in a browser, until Ctrl-C; ARGS=--headless tells the story in the terminal
	@$(VENV)/bin/vigilbot demo $(ARGS)

test: install ## run all tests
	@$(PY) -m pytest -n 4 --dist worksteal

e2e: install ## try the demo's page in a real browser (Chromium); E2E_SHOTS=folder keeps pictures
	@$(PY) -m pytest tests/e2e -m e2e

check: install ## format, lint, types, then all tests (architecture and documents included)
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy vigilbot
	@$(PY) -m pytest -n 4 --dist worksteal

format: install ## put the code into the project's format and mend what the linter can
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

chaos: install ## kill the bot a thousand times and count what is lost; SEED, KILLS, EVENTS, KEEP=folder
	@nice $(PY) -m tests.chaos --seed $(or $(SEED),1) --kills $(or $(KILLS),1000) \
		--events $(or $(EVENTS),5000) --keep "$(KEEP)"

soak: install ## use the bot for half an hour in a bad world and look for leaks; MINUTES, SEED, KEEP=folder
	@nice $(PY) -m tests.chaos.soak --minutes $(or $(MINUTES),30) --seed $(or $(SEED),1) --keep "$(KEEP)"

load: install ## 10,000 messages over 1,000 on-calls with a slow model: order, memory, event loop
	@$(PY) -m tests.chaos.load

fuzz: install ## the long attacks: 100,000 texts, 100 tenants, every injected order; minutes
	@$(PY) -m pytest tests/security tests/unit/engines/test_model_faults.py -m "fuzz or not fuzz" -n 4 --dist worksteal

bench: install ## measure everything and write BENCHMARKS.md's tables; VIGILBOT_DATA=folder for judgement
	@$(VENV)/bin/vigilbot bench --write BENCHMARKS.md

train: install ## train the extractive engine's classifiers on the data folder VIGILBOT_DATA names
	@$(VENV)/bin/vigilbot train

docs: install ## write config/vigilbot.yaml and the tables that come from the code
	@$(PY) -m vigilbot.settings.documents

lock: install ## resolve requirements.lock again after pyproject.toml changed
	@printf '%s\n' '# Every package but torch, with the hashes of all files of its release.' \
		'# Written by `make lock`, read by `make install`. Do not edit.' > $(VENV)/lock.head
	@cp requirements.lock $(VENV)/lock.body
	@$(PY) -m piptools compile --quiet --generate-hashes --strip-extras --extra dev --all-build-deps \
		--unsafe-package torch --unsafe-package pip --annotation-style line --no-header --no-emit-options \
		--output-file $(VENV)/lock.body pyproject.toml
	@# what follows the first empty line warns of torch and pip, which are left out on purpose
	@{ cat $(VENV)/lock.head; sed '/^$$/,$$d' $(VENV)/lock.body; } > requirements.lock

audit: install ## online: is anything known against a locked package? Sends their names and versions to osv.dev
	@$(PY) -m tests.audit

clean: ## remove caches and built files; .venv and data stay
	@rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find vigilbot tests -type d -name __pycache__ -prune -exec rm -rf {} +
