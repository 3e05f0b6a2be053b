# Two commands do everything: `make demo` shows the bot in a browser, `make check` runs what CI runs.
# Both need Python 3.11 or newer and nothing else.

PYTHON ?= python3
UV ?= uv
VENV := .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
PINS := requirements-dev.txt
AUDIT := .venv-audit
MUTATE := .venv-mutate
BENCH := .venv-bench
BASE := python:3.13-slim
# The demo needs half of what development needs. A first look gets an environment of its own, ready in seconds.
ifeq ($(MAKECMDGOALS)$(wildcard $(READY)),demo)
VENV := .venv-demo
PINS := requirements-demo.txt
endif
# One file for every platform and Python version, each package with its hashes and none with an address.
LOCK := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)
WORDS := $(patsubst %.po,%.mo,$(wildcard bot/locale/*/LC_MESSAGES/*.po))

# Compiling the tests again for every worker takes longer than most of them.
unexport PYTHONDONTWRITEBYTECODE

PYTEST = $(BIN)/python -m pytest --numprocesses auto --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow fuzz simulate torture takeover soak bench mutate check lint types lock audit dist pin-image clean

help:  ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(READY) $(WORDS)  ## show the bot in a browser, without any account
	$(BIN)/python -m demo $(ARGS)

test: $(READY) $(WORDS)  ## run the tests, or those that ARGS="…" names; the slow ones are in test-slow
	$(PYTEST) -m "not slow" $(ARGS)

test-slow: $(READY) $(WORDS)  ## run the tests that take long: a browser, kills, simulated days, many seeds
	$(PYTEST) -m slow $(ARGS)

fuzz: $(READY) $(WORDS)  ## invent texts for whatever meets text from outside, for MINUTES=10; SEED=… begins elsewhere
	PYTHONPATH=.:tests $(BIN)/python -m fuzzing --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

simulate: $(READY) $(WORDS)  ## live through SEEDS=100 simulated worlds; SEED=… replays one, WITHOUT=history lets it fail; STORE=postgres, BOTS=2
	PYTHONPATH=.:tests $(BIN)/python -m simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),100)) \
		$(if $(FIRST),--first $(FIRST)) $(if $(WITHOUT),--without $(WITHOUT)) $(if $(STORE),--store $(STORE)) \
		$(if $(BOTS),--bots $(BOTS))

torture: $(READY) $(WORDS)  ## kill the real process with -9, KILLS=200 times, and count results lost and doubled, and lines left behind; STORE=postgres, BOTS=2
	PYTHONPATH=.:tests $(BIN)/python -m wire.torture$(if $(BOTS),_fleet --bots $(BOTS)) --kills $(or $(KILLS),200) \
		$(if $(SEED),--seed $(SEED)) $(if $(STORE),$(if $(BOTS),,--store $(STORE)))

takeover: $(READY) $(WORDS)  ## kill and pause one of two processes, TIMES=20 each, and measure how soon the other posts the result
	PYTHONPATH=.:tests $(BIN)/python -m wire.takeover --times $(or $(TIMES),20)

soak: $(READY) $(WORDS)  ## let 2,000 watches live through DAYS=7 simulated days and list what the bot keeps
	PYTHONPATH=.:tests $(BIN)/python -m wire.soak --days $(or $(DAYS),7) --watches $(or $(WATCHES),2000)

bench: $(BENCH)/.ready $(WORDS)  ## measure what people notice, under ten minutes, and write bench/README.md; LONG=1 for all, ARGS="growth …" for rows
	PYTHONPATH=.:tests $(BENCH)/bin/python -m bench $(if $(LONG),--long) $(ARGS)

mutate: $(MUTATE)/bin/mutmut $(WORDS)  ## change the law, the decoder and the log in 1,600 places; list what no test notices
	rm -rf mutants
	$(MUTATE)/bin/mutmut run
	$(MUTATE)/bin/mutmut results

check: lint types test test-slow  ## lint, types and all tests

lint: $(READY)  ## check style, format and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(READY)  ## check types
	$(BIN)/mypy

lock:  ## pin what pyproject.toml asks for; UPGRADE=1 takes the newest versions (needs uv)
	$(LOCK) pyproject.toml --extra postgres --output-file requirements.txt
	$(LOCK) pyproject.toml --extra dev --extra postgres --group build --group demo --output-file requirements-dev.txt
	$(LOCK) pyproject.toml --group demo --constraint requirements-dev.txt --output-file requirements-demo.txt
	$(LOCK) pyproject.toml --extra dev --extra postgres --group build --group demo --group bench --output-file requirements-bench.txt
	$(LOCK) --group build --output-file requirements-build.txt

audit: $(AUDIT)/.ready  ## look up known vulnerabilities of what is pinned (needs pypi.org)
	$(AUDIT)/bin/pip-audit --strict --require-hashes --disable-pip --requirement requirements.txt --requirement requirements-dev.txt

dist: $(READY) $(AUDIT)/.ready  ## build the wheel, the sdist and their SBOM into dist, with the pinned tools
	rm -rf dist
	$(BIN)/python -m hatchling build
	$(AUDIT)/bin/cyclonedx-py requirements requirements.txt --pyproject pyproject.toml --output-reproducible \
		--output-file dist/sbom.cdx.json

# The digest of the index, which holds for every platform. Dependabot renews it.
pin-image:  ## pin the Dockerfile's base image to what its tag means today (needs docker buildx)
	digest=$$(docker buildx imagetools inspect $(BASE) --format '{{.Manifest.Digest}}') && \
		sed -E -i.bak "s|^FROM $(BASE)(@[a-z0-9:]+)?|FROM $(BASE)@$$digest|" Dockerfile && rm Dockerfile.bak
	@grep '^FROM' Dockerfile

clean:  ## remove the virtual environments
	rm -rf dist $(VENV) .venv-demo $(AUDIT) $(MUTATE) $(BENCH) mutants

# The names of the packages show that it moves; what pip warns of goes to stderr.
$(READY): $(PINS)
	@echo "Setting up $(VENV) (once; under a minute)…"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.13 …")'
	@$(PYTHON) -m venv $(VENV)
	@{ $(BIN)/python -m pip install --disable-pip-version-check --no-compile --no-deps --require-hashes -r $(PINS) || \
		echo FAILED; } | while read -r step package _; do case $$step in \
			Collecting) printf ' %s' "$${package%%=*}" ;; Installing) printf '\nInstalling them…\n' ;; FAILED) exit 1 ;; \
		esac; done
	@touch $@

$(BENCH)/.ready: requirements-bench.txt
	@echo "Setting up $(BENCH) (once; about a minute)…"
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt
	@touch $@

$(AUDIT)/.ready:
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check 'pip-audit>=2.10,<3' 'cyclonedx-bom>=7.5,<8'
	@touch $@

$(MUTATE)/bin/mutmut: requirements-dev.txt
	$(PYTHON) -m venv $(MUTATE)
	$(MUTATE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(MUTATE)/bin/python -m pip install --quiet --disable-pip-version-check 'mutmut>=3.8.1,<4'

%.mo: %.po | $(READY)
	@$(BIN)/pybabel --quiet compile --input-file $< --output-file $@
