# Everything one does with this project. `make help` lists it. Python 3.11 or later is all that has to be there, but for
# `make contracts`, which wants a JDK, 17 or later, and Maven, 3.8 or later (`make tools` says whether they are), and for what
# tests of machines want (`make test`, `make faults`): root and a C compiler.

PYTHON ?= python3
PORT ?= 8000
CLIENTS ?= 100
TIMES ?= 1
SEEDS ?= 1 2 3 4
KUTY := .venv/bin/kuty
# The tests start hundreds of processes: what was compiled once is not compiled again, whatever the caller's environment says.
PYTEST := env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help env run run-kafka test faults tools contracts lint types licences sbom advisories bench docs clean clean-env

help:            ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: .venv/.ready ## .venv with everything pinned by version and hash, and the kuty command in it

.venv/.ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch .venv/.ready

run: env         ## embedded: demo data and the API on 127.0.0.1, in one process (PORT=8000 CLIENTS=100)
	KUTY_PORT=$(PORT) $(KUTY) serve --demo $(CLIENTS)

run-kafka: env   ## the same on real PostgreSQL and Kafka, every role as its own process
	KUTY_PORT=$(PORT) $(KUTY) up --demo $(CLIENTS)

test: env        ## everything, on real PostgreSQL and Kafka (it says which)
	$(PYTEST)

faults: env      ## every fault, and by each seed (SEEDS="1 2 3 4") what a seed changes, TIMES=3 over; as root, with a C compiler
	@failed=0; for time in $$(seq $(TIMES)); do what=1; for seed in $(SEEDS); do \
	  echo "faults: seed $$seed, $$time of $(TIMES)"; \
	  KUTY_FAULT_SEED=$$seed KUTY_FAULT_CAMPAIGN=$$what $(PYTEST) tests/faults || failed=1; \
	  what=seeded; \
	done; done; exit $$failed

tools: env       ## whether what `make contracts` wants is at hand (a JDK 17, Maven); fetches the rest from registries
	@PYTHONPATH=tests .venv/bin/python -m clients.tools

contracts: tools ## other people's tools on what we publish: clients generated, compiled, called (CLI=1 fetches a large one, too)
	KUTY_TEST_CONTRACTS=1 KUTY_TEST_ASYNCAPI_CLI=$(CLI) env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m pytest -q tests/clients

lint: env        ## ruff
	.venv/bin/ruff check .

types: env       ## mypy, strict
	.venv/bin/mypy

licences: env    ## every package with its licence; fails where one that runs is under the GPL, or any under nobody knows what
	.venv/bin/python -m deploy.packages licences

sbom: env        ## the bill of materials, CycloneDX, to build/sbom.cdx.json
	.venv/bin/python -m deploy.packages sbom

advisories: env  ## whether an advisory is known of a package; fails, too, where nobody could be asked
	.venv/bin/python -m deploy.packages advisories

bench: env       ## the figures, side by side with the libraries they are measured against; writes build/bench.json
	$(KUTY) bench

docs: env        ## the generated references: docs/reference, and build/ for what the API serves
	$(KUTY) describe all

clean:           ## remove what the project made here, var and build: ledgers of this folder, references (not .venv)
	rm -rf var build

clean-env:       ## remove .venv, which `make env` makes again
	rm -rf .venv
