# Everything a newcomer needs: `make demo` makes a picture, `make test` proves the rest.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup lock demo up test lint chaos chaos-long chaos-baseline chaos-overhead simulate mutations bench-jobs bench-lists bench-start bench-engine bench-quality bench-eta gpu-check compose-check openapi fuzz contract bench-api house clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile

setup: .venv/.installed-dev ## install everything, with the development tools

lock: setup ## write requirements/*.lock from pyproject.toml; ARGS="--upgrade" for newer releases
	@$(BIN)/python -m requirements.lock $(ARGS)

demo: .venv/.installed ## paint a sample picture on its own farm, into demo/
	@$(BIN)/impasto weights fetch
	@$(BIN)/impasto demo demo

up: .venv/.installed ## run the farm on this machine until Ctrl-C
	@$(BIN)/impasto weights fetch
	@$(BIN)/impasto up

# Most tests wait for a process; threads of torch that share cores wait for each other.
test: setup ## run the tests, three at a time
	@$(BIN)/impasto weights fetch
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 3 --dist worksteal

lint: setup ## check style, types, layers and that the lock files are up to date
	$(BIN)/python -m requirements.lock --check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

openapi: setup ## write docs/openapi.json from the code
	@$(BIN)/python -m docs.scripts.openapi

fuzz: setup ## send hostile requests to real servers; COUNT=100000 SEED=7
	@$(BIN)/python -m tests.fuzz $(or $(COUNT),10000) $(or $(SEED),1) $(FAMILY)

contract: setup ## compare the API with its OpenAPI document: schemathesis, all checks
	@$(BIN)/python -m tests.fuzz.contract

simulate: setup ## simulate a farm on virtual time with 500 seeds; ARGS="--replay 7", "--database postgresql"
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.simulation $(ARGS)

mutations: setup ## remove each condition of the fence and each part that keeps jobs moving; ARGS="--simulation --seeds 60 NAME"
	$(BIN)/python -m bench.mutations $(ARGS)

chaos: setup ## cause faults in a farm for two minutes, and check its promises
	@$(BIN)/impasto weights fetch
	$(BIN)/python -m chaos $(ARGS)

chaos-long: setup ## the same for half an hour, then failovers; ARGS="--seconds 600 --seeds 4 --seed 9"
	@$(BIN)/impasto weights fetch
	$(BIN)/python -m chaos --seconds 1800 --seeds 12 $(ARGS)
	$(BIN)/python -m chaos --failover --seconds 300 --seeds 4 --json .chaos/failover.json

chaos-baseline: setup ## the same faults with plain Celery
	$(BIN)/python -m chaos.baseline $(ARGS)

chaos-overhead: setup ## measure the cost of safety for an undisturbed job
	@$(BIN)/impasto weights fetch
	$(BIN)/python -m chaos.overhead $(ARGS)

bench-jobs: setup ## time claims with 1,000 rows and with many; SIZES="1000:1000 100000:10000", finished:queued
	$(BIN)/python -m bench.claims $(SIZES)

bench-lists: setup ## time the list of 1,000 and of 1,000,000 jobs; SIZES="1000 100000"
	$(BIN)/python -m bench.job_listing $(SIZES)

bench-start: setup ## time the start of the command line
	$(BIN)/python -m bench.cli_startup

bench-api: setup ## time polls, the start of a job, and many watching clients
	$(BIN)/python -m bench.polls
	OMP_NUM_THREADS=1 $(BIN)/python -m bench.start_latency
	$(BIN)/python -m bench.watcher_cost

bench-engine: setup ## compare the engine with others: bench/README.md
	@$(BIN)/impasto weights fetch
	$(BIN)/python -m bench.engine $(ARGS)

bench-quality: setup ## paint pairs of pictures, and score them: bench/README.md
	@$(BIN)/impasto weights fetch
	$(BIN)/python -m bench.quality $(ARGS)

bench-eta: setup ## compare estimates with the durations of real jobs
	@$(BIN)/impasto weights fetch
	$(BIN)/python -m bench.eta_accuracy

house: setup ## count lines, modules, and the code that four requests use
	@$(BIN)/impasto weights fetch
	@$(BIN)/python -m bench.house

gpu-check: setup ## check and time the engine on this machine's GPU (CUDA, or MPS)
	@$(BIN)/python -m bench.gpu_check --is-there
	@$(BIN)/impasto weights fetch
	@CUBLAS_WORKSPACE_CONFIG=:4096:8 PYTORCH_ENABLE_MPS_FALLBACK=1 $(BIN)/python -m bench.gpu_check

compose-check: setup ## build and run docker-compose.yml, kill its worker during a job, and continue
	$(BIN)/python -m deploy.compose_check

clean: ## remove built files; data of farms is elsewhere
	rm -rf .venv demo dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check

# The stamps say for which pyproject.toml and lock files the packages were installed.
.venv/.installed: pyproject.toml requirements/worker.lock
	@test -x $(BIN)/python || { echo "making .venv with $(PYTHON)"; $(PYTHON) -m venv .venv; }
	@echo "installing the server and the engine (minutes, the first time: torch is large)"
	@$(INSTALL) --require-hashes -r requirements/worker.lock
	@$(INSTALL) --no-deps -e .
	@touch $@

.venv/.installed-dev: .venv/.installed requirements/dev.lock
	@echo "installing the tools for development"
	@$(INSTALL) --require-hashes -r requirements/dev.lock
	@touch $@
