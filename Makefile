# The commands of this repository. Each installs what it lacks, and says so (scripts/install.sh).
#
#   make demo                 both databases, the router, a guided tour; stays up until Ctrl-C
#   make demo ARGS=--once     …and ends after the tour
#   make test                 everything that CI runs
#   make test-risingwave      what needs an analytic side, against the server at $RISINGWAVE_URL
#   make conformance          PostgreSQL's own regression and isolation suites through the router
#   make oracle               what we know of statements, next to what PostgreSQL's own grammar says
#   make fuzz                 random statements and files against what must hold for all of them
#   make drivers              client drivers through the router, eight clients over two connections
#   make drivers ARGS=psql    …and only one of them
#   make drivers-analytic     …and reading what lives on the analytic side, as in make test
#   make suites               the drivers' own test suites through the router (half an hour and more)
#   make bench                speed next to PgBouncer's and Pgpool-II's, twenty minutes
#   make bench ARGS=--quick   …in two minutes, to see that it works
#   make bench-count          instructions by callgrind, next to the baseline

CARGO ?= cargo
ARGS ?=

export PATH := $(PATH):$(HOME)/.cargo/bin

FUZZ_SECONDS ?= 1200

.PHONY: help demo test test-risingwave conformance oracle fuzz drivers drivers-analytic suites lint bench bench-count docs clean

help: ## List these commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-16s %s\n", $$1, $$2 }'

# A debug build: little more than a minute on two cores, where a release build takes four.
demo: ## Show what Tidegate does, on two real databases
	@scripts/install.sh rust compiler postgres psql
	@$(CARGO) build --locked --bin tidegate
	@$(CARGO) run --quiet --locked --bin tidegate -- demo $(ARGS)

test: ## Run all tests: Rust, the demo, the Django example, drivers over the analytic side
	@scripts/install.sh rust compiler postgres psql python node java
	$(CARGO) test --locked
	tests/demo.sh
	tests/django.sh
	tests/migrate.sh
	tests/drivers/analytic/run
	bench/count/run --check

# The same tests run in `make test` against the double (tests/it/risingwave/double).
test-risingwave: ## Run the tests of the analytic side against the RisingWave at $RISINGWAVE_URL
	@test -n "$$RISINGWAVE_URL" || { echo "RISINGWAVE_URL is not set: give the url of a RisingWave that tests may write to, such as postgres://root@127.0.0.1:4566/dev" >&2; exit 2; }
	@scripts/install.sh rust compiler postgres
	$(CARGO) test --locked --test it -- risingwave::facts:: risingwave::through

conformance: ## Run PostgreSQL's own suites directly and through Tidegate, in both pooling modes, and compare
	@scripts/install.sh rust compiler postgres psql python
	$(CARGO) build --locked --release --bin tidegate
	tests/conformance/run

oracle: ## Compare what we know of statements with what PostgreSQL's own grammar says (libpg_query)
	@scripts/install.sh rust compiler libclang postgres
	tests/oracle/run

fuzz: ## Run each fuzz target for FUZZ_SECONDS (1200), on stable Rust
	@scripts/install.sh rust compiler
	fuzz/run $(FUZZ_SECONDS)

# A debug build: it finds more, and its speed does not matter here.
drivers: ## Run client drivers directly and through Tidegate with two connections, and compare
	@scripts/install.sh rust compiler postgres psql python
	$(CARGO) build --locked --bin tidegate
	tests/drivers/run $(ARGS)

drivers-analytic: ## Run client drivers and BI tools' sequences over relations on the analytic side, and compare
	@scripts/install.sh rust compiler postgres psql python node java
	tests/drivers/analytic/run $(ARGS)

suites: ## Run the drivers' own test suites directly and through Tidegate, and compare
	@scripts/install.sh rust compiler postgres psql python
	$(CARGO) build --locked --bin tidegate
	tests/drivers/suites/run $(ARGS)

lint: ## Check format, lints, and (where cargo-deny is installed) dependencies
	@scripts/install.sh rust compiler
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny --locked check; else echo "cargo-deny is not installed, dependencies are not checked"; fi

bench: ## Measure a hop next to other proxies', see bench/README.md
	bench/run $(ARGS)

bench-count: ## Count the instructions of decisions and statements; ARGS=--accept makes them the baseline
	bench/count/run $(ARGS)

docs: ## Write docs/config.md and docs/router.schema.json again
	@scripts/install.sh rust compiler
	@$(CARGO) build --quiet --locked --bin tidegate
	@$(CARGO) run --quiet --locked --bin tidegate -- config-docs > docs/config.md
	@$(CARGO) run --quiet --locked --bin tidegate -- schema > docs/router.schema.json
	@git status --short docs/config.md docs/router.schema.json

clean: ## Remove what was built
	$(CARGO) clean
	rm -rf examples/django/.venv
