# Two commands on a fresh machine: `make run` and `make test`. Everything lives in .venv.

PYTHON ?= python3
BIN := .venv/bin
PG ?= 18
WORKERS ?= $(shell expr $$(nproc 2> /dev/null || echo 1) + 1)

.PHONY: setup run demo town chromium pgbouncer test soak mutants mutants-pure check bench snapshot docs lock clean clean-data

setup: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11: name another with make PYTHON=…" >&2; exit 1; }
	@echo "Setting up .venv; this takes half a minute the first time."
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

run: setup
	$(BIN)/catalog serve

# The life of one item, told and checked in seconds, amid a year of a small town.
demo: setup
	$(BIN)/catalog demo

# That year to look at in the browser, in a folder of its own.
town: setup
	$(BIN)/catalog --data-dir .catalog-demo serve --demo

# The page is tested in the system's Chromium, which only root can install; without it those tests say so and are skipped.
chromium:
	@for name in chromium chromium-browser google-chrome; do command -v $$name > /dev/null && exit 0; done; \
		[ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null || exit 0; \
		echo "Installing Chromium for the tests of the page."; \
		apt-get update -qq && apt-get install -y -qq chromium > /dev/null \
			|| echo "Chromium cannot be installed: the tests of the page will be skipped." >&2

# The tests behind a pooler take the system's PgBouncer; without it they say so and are skipped.
pgbouncer:
	@PATH="$$PATH:/usr/sbin" command -v pgbouncer > /dev/null && exit 0; \
		[ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null || exit 0; \
		echo "Installing PgBouncer for the tests behind a pooler."; \
		apt-get update -qq && apt-get install -y -qq pgbouncer > /dev/null \
			|| echo "PgBouncer cannot be installed: the tests behind a pooler will be skipped." >&2

# Without this, each of the many processes compiles every module anew.
unexport PYTHONDONTWRITEBYTECODE

# Most tests run on a worker for each core and one more, since tests also wait, and each worker has a server of its own.
# Then those run that need the machine to themselves. ARGS="-k words" selects tests: pytest ends with 5 where none was
# selected, which is right for one of the two parts, and wrong for both.
# PG=15 takes the server binaries of an installed PostgreSQL 15 instead of the embedded 18.
PYTEST := CATALOG_TEST_PG=$(PG) $(BIN)/pytest
test: setup chromium pgbouncer
	@$(PYTEST) --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder -m "not alone and not soak" $(ARGS); most=$$?; \
	[ $$most = 0 ] || [ $$most = 1 ] || [ $$most = 5 ] || exit $$most; \
	$(PYTEST) -m "alone and not soak" $(ARGS); alone=$$?; \
	case $$most,$$alone in 0,0 | 0,5 | 5,0) ;; *) echo "Not all tests have passed." >&2; exit 1 ;; esac

# Minutes of load on the background: killed projectors, rebuilds under fire. Not part of `make test`.
soak: setup
	CATALOG_TEST_PG=$(PG) $(BIN)/pytest -s -m soak tests/soak

# Plants the faults of tests/mutants/patches in a copy, one at a time, and runs the tests that must find them.
# Half an hour; ARGS="gate-* snapshot-*" tries some. Not part of `make test`.
mutants: setup chromium pgbouncer
	CATALOG_TEST_PG=$(PG) $(BIN)/python -m tests.mutants $(ARGS)

# Changes each operator of the modules without input and output: see tests/mutants/pure.py. ARGS="instants" takes some modules.
COSMIC_RAY := .venv/cosmic-ray
mutants-pure: setup $(COSMIC_RAY)/installed
	$(BIN)/python -m tests.mutants.pure $(COSMIC_RAY)/bin $(ARGS)

# In an environment of its own: nothing else needs it.
$(COSMIC_RAY)/installed: tests/mutants/requirements.txt
	$(PYTHON) -m venv $(COSMIC_RAY)
	$(COSMIC_RAY)/bin/pip install --quiet --disable-pip-version-check --no-deps -r $<
	touch $@

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# Some twenty-five minutes; with SCALE=small under three, with SCALE=large a log of five million events too.
BENCHES := replay rebuild append import_ history http as_of lag mixed page results
bench: setup
	@for bench in $(BENCHES); do $(BIN)/python -m bench.$$bench || { \
		echo "bench.$$bench failed: nothing after it was measured, and RESULTS.md was not made anew." >&2; exit 1; }; done

# After a changed rule: its SQL as the tests have reviewed it.
snapshot: setup
	$(BIN)/catalog schema --compiled > tests/database/compiled.sql

# After a change of a setting, a command or their texts: the pages that are made of them.
docs: setup
	$(BIN)/python -m docs.generate

# After a change of the dependencies in pyproject.toml; needs uv. The image has the same versions without our tools.
COMPILE := uv pip compile --quiet --universal --generate-hashes --no-header
lock:
	$(COMPILE) --extra otel --group dev -o requirements.lock pyproject.toml
	$(COMPILE) --constraints requirements.lock --extra otel -o deploy/run.lock pyproject.toml
	$(COMPILE) --constraints requirements.lock --group build -o deploy/build.lock

# A service runs programs of .venv as long as it lasts.
CATALOGS := .catalog-data .catalog-demo
NOT_IN_USE := for folder in $(CATALOGS); do \
		[ ! -e $$folder/in-use ] || flock --nonblock $$folder/in-use true || \
			{ echo "$$folder is in use: stop its service first." >&2; exit 1; }; \
	done

# What can be made anew. The catalogs stay.
clean:
	@$(NOT_IN_USE)
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis

# The catalogs of `make run` and `make town`. Asks first; YES=1 is the answer where nobody can be asked.
clean-data:
	@$(NOT_IN_USE); \
	found=; for folder in $(CATALOGS); do [ ! -e $$folder ] || found="$$found $$folder"; done; \
	[ -n "$$found" ] || { echo "There are no catalogs here to delete."; exit 0; }; \
	if [ "$(YES)" != 1 ]; then \
		[ -t 0 ] || { echo "Not deleted:$$found. Say so with make clean-data YES=1." >&2; exit 1; }; \
		printf 'Delete%s with all their items and history, for good? [y/N] ' "$$found"; \
		read answer; case "$$answer" in [Yy] | [Yy][Ee][Ss]) ;; *) echo "Not deleted."; exit 1 ;; esac; \
	fi; \
	rm -rf $$found && echo "Deleted:$$found."
