# Bookstore. `make` alone lists what can be made.

.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
RUN := .venv/bin/

.PHONY: help
help: ## List these targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/.installed: pyproject.toml poetry.lock scripts/install.py .venv/bin/python
	@$(PYTHON) scripts/install.py
	@touch $@

# Where it is gone, everything is installed anew.
.venv/bin/python: ;

.PHONY: install
install: .venv/.installed ## Install everything into .venv

.PHONY: run
run: install ## Open a stocked shop: database, worker, admin account, address
	@$(RUN)bookstore demo

.PHONY: serve
serve: install ## Serve the shop with the settings of .env, without demo data
	@$(RUN)bookstore serve

.PHONY: test
test: install ## Run every check that CI runs
	@$(RUN)python scripts/check.py

.PHONY: coverage
coverage: install ## Run the tests and tell which lines none of them runs; takes half as long again
	@$(RUN)python scripts/check.py --coverage

.PHONY: browser
browser: install ## Install Chromium for the browser tests, where there is none
	@$(RUN)python scripts/browser.py

.PHONY: lint
lint: install ## Look for faults without running the code
	@$(RUN)python scripts/check.py --static

.PHONY: format
format: install ## Put the code into the house style
	@$(RUN)ruff check --fix .
	@$(RUN)ruff format .

.PHONY: words
words: install ## Write what templates say into the files of translations
	@$(RUN)python scripts/words.py

.PHONY: bench
bench: install ## Measure, and print the figures beside PostgreSQL's own
	@$(RUN)python -m bench

.PHONY: matrix
matrix: install ## Print who may do what: every endpoint, asked as everybody
	@ACCESS_MATRIX=1 $(RUN)pytest -q tests/access/test_matrix.py

.PHONY: soak
soak: install ## Run races, guesses, gateways' messages, killed workers, imports and damaged ONIX much longer than `make test`
	@RACE_ROUNDS=20 $(RUN)pytest tests/orders/test_last_copies_race.py
	@KEY_BASKETS=200 $(RUN)pytest tests/orders/test_one_key_many_posts.py
	@BUYING_FACTOR=20 $(RUN)pytest tests/orders/test_buying_for_real.py
	@ROUNDING_CARTS=200000 $(RUN)pytest tests/orders/test_totals.py
	@WEBHOOK_SEQUENCES=20000 $(RUN)pytest -q tests/orders/test_webhook_sequences.py
	@RACE_ROUNDS=200 $(RUN)pytest tests/promotions/test_races.py
	@DISCOUNT_BASKETS=10000 $(RUN)pytest -q tests/promotions/test_discounts.py
	@MACHINE_RUNS=5000 $(RUN)pytest -q tests/promotions/test_machine.py tests/orders/test_machine.py tests/users/test_machine.py
	@KILLS=300 $(RUN)pytest -q tests/orders/test_kills.py
	@REFUND_RACES=5000 REFUND_LIVE_ORDERS=200 $(RUN)pytest -q tests/orders/fulfilment/test_refund_races.py
	@ORDER_SEQUENCES=5000 $(RUN)pytest -q tests/orders/fulfilment/test_states.py
	@ONIX_MUTATIONS=20000 $(RUN)pytest -q tests/books/onix/test_mutations.py
	@HOSTILE_TEXTS=2000 $(RUN)pytest -q tests/books/test_search.py -k hostile
	@TAX_CARTS=200000 $(RUN)pytest -q tests/tax/test_working_out.py
	@IMPORT_KILLS=10 $(RUN)pytest -q tests/books/imports/test_journey.py -k killed
	@REFRESH_ROUNDS=100 GUESSES=2000 $(RUN)pytest -q tests/users/test_over_sockets.py
	@RESTOCK_ROUNDS=2000 $(RUN)pytest -q tests/prebooks/test_restock_race.py
	@MAILS=10000 $(RUN)pytest -q tests/jobs/test_killed_mail_worker.py
	@$(RUN)python -m bench equal-times --timings 1000
	@for round in 1 2 3 4 5 6 7 8 9 10; do $(RUN)pytest -q tests/jobs/test_worker_processes.py || exit 1; done

.PHONY: clean
clean: ## Remove the environments and everything that a local shop kept
	@if [ -x $(RUN)bookstore ]; then $(RUN)bookstore db down >/dev/null 2>&1 || true; fi
	rm -rf .venv .tools var .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis htmlcov .coverage .coverage.*
