# Every target makes .venv by itself; that is redone only when pyproject.toml has changed.

PYTHON ?= python3
VENV   := .venv
READY  := $(PYTHON) tools/bootstrap.py $(VENV)
RUN    := $(VENV)/bin/python -m
ARGS   ?=

.PHONY: help setup test check demo images bench docs pictures clean
.DEFAULT_GOAL := help

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: ## show srctl at work: a real desktop, in a container, through SSH, in your browser
	@$(READY) demo
	@$(RUN) compileall -q srctl tools
	@$(RUN) tools.demo $(ARGS)

test: ## run every test on real parts (on Debian, as root, it installs what it needs); ARGS="-k name"
	@$(READY) test
	@$(RUN) compileall -q srctl
	@$(RUN) pytest -n 2 --dist loadfile $(ARGS)

check: setup ## lint, types, and the borders between the layers
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

setup: ## make .venv, with srctl and what its development needs
	@$(READY) setup

images: ## build srctl/desktop and srctl/web into the engine that DOCKER_HOST names
	@$(READY) images
	@$(RUN) tools.images $(ARGS)

bench: ## measure srctl side by side with its rivals; ARGS="tunnel" the tunnel beside ssh -L
	@$(READY) test
	@$(RUN) compileall -q srctl
	@$(RUN) bench $(ARGS)

docs: setup ## rebuild the parts of docs/ that come from the code
	@$(RUN) tools.docs $(ARGS)

pictures: ## make the pictures of README and docs/ anew; ARGS="screen" those of srctl tui alone
	@$(READY) test
	@$(RUN) tools.pictures $(ARGS)

clean: ## remove .venv and the tools' caches in this folder
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
