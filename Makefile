# What people run. Each target is one script; every cache is inside the checkout (target/, .cache/), so that a fresh
# machine and an old one do the same.

.PHONY: demo test check bench clean

# The freeze story, from nothing: installs what is missing, builds, runs `hearth demo`.
demo:
	@scripts/packages demo
	cargo build --release --locked --package hearth-cli --bin hearth
	HEARTH_RUNTIMES="$(CURDIR)/.cache/runtimes" target/release/hearth demo

# Everything: formatting to the suites with real runtimes and clients. STAGES="unit sdk" runs some only.
test:
	@scripts/packages test
	@scripts/test $(STAGES)

# What every commit must pass; a minute or two.
check:
	@scripts/check

# Latency, cold starts, density, each beside this machine's own baseline.
bench:
	@scripts/packages demo
	@bench/run

clean:
	rm -rf target .cache bench/results
