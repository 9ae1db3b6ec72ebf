# Everything runs in .venv, which comes first on PATH: `python` in dvc.yaml is the one with the packages.
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
SHELL := bash
.SHELLFLAGS := -euo pipefail -c

.PHONY: help repro test lint docs docs-serve drive clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-10s%s\n", $$1, $$2}'

repro: .venv/installed ## set up, then run the pipeline: prepare, hpo, train, evaluate
	dvc repro

test: .venv/installed-dev ## set up, then lint, check types and layers, and run all tests
	$(MAKE) --no-print-directory lint
	pytest -n 2

lint: .venv/installed-dev ## ruff, mypy, import-linter
	ruff check .
	ruff format --check .
	mypy
	lint-imports

docs: .venv/installed-dev ## build the site of docs/ into site/
	NO_MKDOCS_2_WARNING=1 python -m mkdocs build --strict --quiet

docs-serve: .venv/installed-dev ## show the site in a browser while you write
	NO_MKDOCS_2_WARNING=1 python -m mkdocs serve

drive: .venv/installed ## make Google Drive the default remote: make drive FOLDER=<id> CREDENTIALS=<file>
	@python -m src drive --folder "$${FOLDER-}" --credentials "$${CREDENTIALS-}" \
		--client-id "$${CLIENT_ID-}" --client-secret "$${CLIENT_SECRET-}"

clean: ## remove .venv and the caches of tools; data, models and metrics stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: requirements.txt | .venv/bin/python
	pip install --quiet --disable-pip-version-check "$$(grep '^torch==' requirements.txt)"
	pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/installed-dev: requirements-dev.txt requirements-docs.txt .venv/installed
	pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@
