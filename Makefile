# make test    everything that must hold: format, lints, all tests
# make bench   CPU per call beside nginx and beside the relay without its meter, memory; CPU per
#              refusal beside a served call (minutes)
# make help    the rest

CARGO ?= cargo
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

.PHONY: help test lint unit oracle sdk api browser screenshots gallery vendor tools bench instructions redis-cpu deny demo fuzz prices

help:
	@sed -n 's/^# //p' Makefile

test: tools lint unit oracle sdk api browser

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings

unit:
	$(CARGO) test --locked

# make oracle  charges compared with those of genai-prices, from PyPI
oracle:
	CARGO="$(CARGO)" tests/oracle/run.sh

# make sdk     the real clients of every vendor against the built program
sdk:
	$(CARGO) build --locked
	tests/sdk/against.sh target/debug/farebox

# make browser the dashboard in Chromium, against the built program
browser: tools
	$(CARGO) build --locked
	tests/browser/run.sh target/debug/farebox

# make screenshots  the pictures of the dashboard in the README
screenshots: tools
	$(CARGO) build --locked
	tests/browser/run.sh target/debug/farebox --pictures

# make gallery  every page of the dashboard as pictures in target/gallery, to be looked at
gallery: tools
	$(CARGO) build --locked
	tests/browser/run.sh target/debug/farebox --gallery

# make vendor  the third-party modules of the dashboard, at the versions of the lock file
vendor:
	src/control/dashboard/vendor.sh

# Installs what the tests need and a fresh Debian lacks.
tools:
	@command -v redis-server >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq redis-server; }
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends postgresql; }
	@command -v chromium >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq chromium; }
	@command -v npm >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq nodejs npm; }

# make demo    everything on one machine, offline, for twenty seconds
demo:
	$(CARGO) run --locked --release -- demo --seconds 20

bench:
	@command -v nginx >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq nginx-light; }
	$(CARGO) build --locked --release --bins --examples
	benches/e2e/run.sh target/release/farebox
	benches/e2e/refusals.sh target/release/farebox

# make instructions   callgrind counts of the usage readers and the ledger
instructions:
	benches/instructions.sh

# make redis-cpu      what a hold and its post take of the CPU of Redis, beside a single write
redis-cpu: tools
	$(CARGO) bench --locked --bench ledger --profile dev -- redis 200

# make deny    licences, advisories and sources of every dependency
deny:
	$(CARGO) deny check

# make fuzz    every fuzz target for SECONDS (60) each, two at a time; docs/fuzzing.md
SECONDS ?= 60
fuzz:
	fuzz/run.sh $(SECONDS)

# make api     the life of users and keys by curl and by the command line; then every operation of
#              the admin API asked as its description allows, and otherwise
api:
	$(CARGO) build --locked
	tests/life/run.sh target/debug/farebox
	tests/schemathesis/run.sh target/debug/farebox

# make prices  the newest public price lists, brought into pricing.toml; ACCEPT is in per cent
ACCEPT ?= 20
prices:
	rm -rf target/prices && mkdir -p target/prices
	python3 -m pip download --quiet --no-deps --only-binary :all: --dest target/prices genai-prices litellm
	$(CARGO) build --locked
	target/debug/farebox pricing import --pricing pricing.toml \
		--from genai-prices target/prices/genai_prices-*.whl \
		--cross-check litellm target/prices/litellm-*.whl \
		--accept $(ACCEPT) --output pricing.toml
