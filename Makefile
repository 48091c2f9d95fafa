# The verbs of this project. Each does its own set-up; `make help` lists them.

PYTHON ?= python3
BIN := .venv/bin
TESTS ?= tests
JOBS ?= $(shell expr $$(nproc) + 2)

.DEFAULT_GOAL := help
.PHONY: help setup env demo demo-down test e2e check lint types imports schema sdk sdk-all conformance fuzz faults bench sbom audit dist local-up local-down lock clean

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Python environment and tools (Pulumi CLI, etcd, kube-apiserver ...), found or made
	@$(PYTHON) scripts/setup.py

env: # only the Python environment
	@$(PYTHON) scripts/setup.py --no-tools

demo: setup ## Start a local Harvester and bring up examples/01-first-vm in it
	@$(BIN)/pulumi-harvester demo up

demo-down: env ## Destroy the demo's stack and stop its local Harvester
	@$(BIN)/pulumi-harvester demo down

test: setup ## All tests: units, the local Harvester, and every example end to end
	@$(BIN)/pytest -n $(JOBS) --dist worksteal $(TESTS)

e2e: setup ## The end-to-end cases on any cluster: make e2e KUBECONFIG=... HARVESTER_ENDPOINT=... [HARVESTER_ENDPOINT_CA=...]
	@$(BIN)/pytest -n $(JOBS) --dist loadgroup tests/e2e --kubeconfig $(or $(KUBECONFIG),$(error KUBECONFIG is not set: make e2e KUBECONFIG=/path/to/kubeconfig HARVESTER_ENDPOINT=https://VIP)) --endpoint '$(HARVESTER_ENDPOINT)' --endpoint-ca '$(HARVESTER_ENDPOINT_CA)'

conformance: setup ## The end-to-end cases on Harvester's own control plane, where it is at hand
	@$(BIN)/python -m tests.conformance

check: env lint types imports ## Format, lint, types, imports, and whether schema and SDK are fresh
	@$(BIN)/python -m harvester_provider.schema --check
	@$(BIN)/python -m harvester_provider.sdkgen --check

lint: env ## Format and lint, without changing anything
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .

types: env ## mypy, strict
	@$(BIN)/mypy

imports: env # the direction of imports
	@$(BIN)/lint-imports

schema: env ## Write schema.json from the models, and docs/effects.md from the table of effects
	@$(BIN)/python -m harvester_provider.schema

sdk: schema ## Write the Python SDK from the models
	@$(BIN)/python -m harvester_provider.sdkgen

fuzz: env ## Random and hand-made bad inputs for every kind: EXAMPLES=2000 each; prints what became of them
	@EXAMPLES=$(or $(EXAMPLES),2000) $(BIN)/pytest --hypothesis-profile=fuzz tests/fuzz

faults: setup ## Every fault at every step of every kind: prints what became of them, and writes docs/faults.md
	@$(BIN)/pytest -v --all-faults --write-faults -n $(JOBS) --dist worksteal tests/e2e/test_fault_matrix.py tests/e2e/test_fault_kills.py tests/e2e/test_plain_faults.py tests/e2e/test_faults.py tests/e2e/test_interruption.py

sbom: env ## Write dist/sbom.cdx.json: every package with version and hashes, in CycloneDX
	@$(BIN)/python scripts/sbom.py

audit: env ## Ask PyPI's advisories about every locked package; fails where one cannot be asked
	@$(BIN)/uv tool run pip-audit --requirement requirements.lock --require-hashes --disable-pip --strict --progress-spinner off

dist: sbom ## Packages, SBOM and checksums into dist/, the same bytes for the same commit
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m hatchling build -d dist
	@cd dist && sha256sum *.whl *.tar.gz sbom.cdx.json > SHA256SUMS && cat SHA256SUMS

sdk-all: env ## SDKs of other languages: where their Pulumi hosts are on PATH, and where Go can build the generator
	@$(BIN)/python scripts/sdks.py

bench: setup ## Measure, as ratios in one run
	@$(BIN)/python -m tests.bench

local-up: setup ## Start a local Harvester (stays until local-down)
	@$(BIN)/pulumi-harvester local up

local-down: env ## Stop it
	@$(BIN)/pulumi-harvester local down

lock: env # resolve pyproject.toml anew
	@$(BIN)/uv pip compile pyproject.toml --extra local --group dev --universal --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links -p 3.11 -o requirements.lock -q

clean: ## Remove what was made here (the tool cache and local clusters elsewhere stay)
	@rm -rf .venv .local .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
