# Needs make and Python 3.11 or later, nothing else: every target makes .venv from uv.lock first.

# Compile the packages of .venv once and not at every start, whatever the machine prefers.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
INSTALLED := .venv/.installed
EXAMPLES ?= 1000
MINUTES ?= 5
.DEFAULT_GOAL := help
.PHONY: help install demo test lint types format properties fuzz faults chaos fairness collect kills memory bench screenshots clean

help:  ## Say what can be made
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

install: $(INSTALLED)  ## Make or renew .venv from uv.lock

$(INSTALLED): uv.lock pyproject.toml
	@.ci/install
	@touch $@

demo: $(INSTALLED)  ## Load sample traffic into data/demo and run the site, its worker and two receivers
	@exec $(BIN)/python manage.py demo

test: $(INSTALLED)  ## Run every check and all tests, on SQLite and on PostgreSQL
	@.ci/test

lint: $(INSTALLED)  ## Check style and the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(INSTALLED)  ## Check types
	$(BIN)/mypy

format: $(INSTALLED)  ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

properties: $(INSTALLED)  ## Compare both engines with the reference evaluator on many more histories, and record it
	@.ci/install --group bench
	$(BIN)/python -m benchmarks.properties --examples $(EXAMPLES)

faults: $(INSTALLED)  ## Drive the site by random events, edits, crashes and clocks for much longer
	FAULT_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/faults/test_state_machine.py -q

chaos: $(INSTALLED)  ## Kill processes at random for MINUTES on both databases, then look whether the promises held
	$(BIN)/python -m tests.faults.chaos --database sqlite --minutes $(MINUTES)
	$(BIN)/python -m tests.faults.chaos --database postgresql --minutes $(MINUTES)

fairness: $(INSTALLED)  ## Measure whether a destination that hangs holds up nine others
	$(BIN)/python -m benchmarks.fairness --database sqlite
	$(BIN)/python -m benchmarks.fairness --database postgresql

collect: $(INSTALLED)  ## Measure how fast the collector accepts events, beside raw COPY (five minutes)
	$(BIN)/python -m benchmarks.collector.speed --database postgresql
	$(BIN)/python -m benchmarks.collector.speed --database sqlite

kills: $(INSTALLED)  ## Kill the site's processes while events are sent: is any lost? (eight minutes)
	$(BIN)/python -m benchmarks.collector.kills --database postgresql
	$(BIN)/python -m benchmarks.collector.kills --database sqlite

memory: $(INSTALLED)  ## Measure the memory of the site's processes under hostile load (25 minutes)
	$(BIN)/python -m benchmarks.collector.memory --database postgresql
	$(BIN)/python -m benchmarks.collector.memory --database sqlite

fuzz: $(INSTALLED)  ## Send the collector much more hostile input than the tests do
	FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/ingest/test_fuzz.py -q

bench: $(INSTALLED)  ## Measure import and cycles against ClickHouse and DuckDB (takes a while)
	@.ci/install --group bench
	$(BIN)/python -m benchmarks.run

screenshots: $(INSTALLED)  ## Take a picture of every page, light and dark, wide and narrow, into screenshots/
	$(BIN)/python -m tests.e2e.take_screenshots
	$(BIN)/python -m tests.e2e.take_leaves

clean:  ## Delete .venv, caches and the demo's data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis data/demo
