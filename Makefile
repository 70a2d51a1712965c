# Needs python3 (3.11 or newer) and make; everything else is installed into .venv and node_modules, pinned by hash.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo up test check format lock record docs quality screenshots messages bench bench-votes bench-pages proof-crash proof-votes proof-money clean

help: ## Show what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/ready ## Play the sample cases on a fresh installation, and verify the proof
	$(BIN)/placet demo

up: .venv/ready ## Start Placet here, with a sample organisation, until Ctrl-C
	$(BIN)/placet up --demo

test: check .venv/browser ## Format check, lint, strict types, import contracts, all tests
	$(BIN)/python -m pytest -n $${WORKERS:-3} --dist loadfile

check: .venv/ready
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: .venv/ready ## Format the code, mend what the linter can mend
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

record: .venv/ready ## Record new workflow histories for the replay test
	$(BIN)/python tests/replay/record.py

docs: .venv/ready ## Generate the reference pages from the code
	$(BIN)/python -m placet.runtime.reference docs/reference
	$(BIN)/python tests/docs/rules_of_voting.py
	$(BIN)/python tests/docs/access_matrix.py

quality: .venv/browser ## Measure the pages in a real browser, and write docs/quality.md
	QUALITY=1 $(BIN)/python -m pytest tests/browser -q

screenshots: .venv/browser ## Photograph a sample installation for docs/screenshots
	cd tests && ../$(BIN)/python -m browser.screenshots ../docs/screenshots

messages: .venv/ready ## Bring the catalogues up to date with the texts for people; ADD=xx begins one
	$(BIN)/pybabel -q extract -F src/placet/web/locale/babel.cfg -k _n:1,2 -k later -k Said -k plural:1,2 \
		--sort-output --no-location --omit-header -o src/placet/web/locale/placet.pot src/placet
	test -z "$(ADD)" || test -e src/placet/web/locale/$(ADD)/LC_MESSAGES/placet.po || \
		$(BIN)/pybabel -q init -D placet -i src/placet/web/locale/placet.pot -d src/placet/web/locale -l $(ADD)
	for one in $(wildcard src/placet/web/locale/*/LC_MESSAGES/placet.po); do $(BIN)/pybabel -q update -D placet \
		-i src/placet/web/locale/placet.pot -d src/placet/web/locale -w 120 --no-fuzzy-matching \
		--ignore-obsolete --ignore-pot-creation-date \
		-l "$$(basename "$$(dirname "$$(dirname "$$one")")")"; done

proof-crash: .venv/ready ## Kill parts, KILLS times (500), on DATABASE (both), by SEED; RUN=folder goes on with a run
	env -u KILLS -u RUN DATABASE=sqlite $(BIN)/python -m pytest tests/proof/test_checker.py tests/proof/test_runs.py -q
	KILLS=$${KILLS:-500} RUN=$${RUN:-.proof/$$(date +%Y%m%d-%H%M%S)} $(BIN)/python -m pytest tests/proof/test_crash.py \
		-q -s --timeout 0

proof-votes: .venv/ready ## Kill parts while people vote, KILLS times (100), on DATABASE (sqlite), by SEED; RUN=folder
	KILLS=$${KILLS:-100} RUN=$${RUN:-.proof/votes-$$(date +%Y%m%d-%H%M%S)} \
		$(BIN)/python -m pytest tests/proof/test_voting_crash.py -q -s --timeout 0

proof-money: .venv/ready ## Cut, kill and forge around payments, ROUNDS times (10); writes docs/money.md
	ROUNDS=$${ROUNDS:-10} MONEY_REPORT=docs/money.md $(BIN)/python -m pytest tests/executor -q --timeout 0

bench: .venv/ready ## Measure against hand-written Temporal, and over HTTP
	$(BIN)/python -m bench

bench-votes: .venv/ready ## Measure votes against updates and signals by hand, and a ballot of a million
	$(BIN)/python -m bench.votes

bench-pages: .venv/ready ## Measure lists and pages with 100,000 cases and a million tasks; ARGS=--quick with few
	$(BIN)/python -m bench.pages $(ARGS)

lock: ## Resolve the dependencies anew (needs uv)
	uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --quiet -o requirements.lock

clean: ## Remove the environment and caches
	rm -rf .venv node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# Browser tests drive the Chromium of the system, else one that is installed here.
.venv/browser: .venv/ready
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null || test -n "$$PLACET_CHROMIUM" || \
		{ test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; } || \
		$(BIN)/playwright install chromium
	touch $@

.venv/ready: requirements.lock pyproject.toml package-lock.json
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Placet needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --silent --ignore-scripts --no-audit --no-fund
	rm -f $(BIN)/anvil
	cp node_modules/@foundry-rs/anvil-*/bin/anvil $(BIN)/anvil
	touch $@
