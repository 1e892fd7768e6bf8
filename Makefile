# Every command of the project. `make demo` runs the main job, `make test` passes the tests; each sets up what it needs.

DEMO := target/demo

# Rounds of `make faults`, about a minute each.
ROUNDS := 10

.PHONY: help setup setup-test build demo test faults fuzz lint bench-accuracy bench-search bench-segments bench-ledger bench-storage bench-engine clean-demo simulate simulate-days

help:
	@echo "make demo            set up, build and run the main job on Fashion-MNIST in $(DEMO)"
	@echo "make test            set up and run every test"
	@echo "make faults          kill, freeze, cut off and starve a real group; ROUNDS=n, IMGCALC_TEST_SEED=s replays"
	@echo "make fuzz            search for bytes that break what reads them; MINUTES=n a target, TARGET=name JOBS=n, MERGE=1"
	@echo "make lint            format and lint checks"
	@echo "make simulate        a group on simulated disks, network and time, by seed; FROM=n SEEDS=n"
	@echo "make simulate-days   days of network stalls, by seed; FROM=n DAYS=n"
	@echo "make bench-segments  what cutting a chain into segments costs in accuracy (about five minutes)"
	@echo "make bench-ledger    what coordinators cost, beside etcd (about ten minutes); ROUNDS=n KILLS=n SECTIONS='commits ...'"
	@echo "make bench-storage   bytes, speed and reads of columns, beside peers (about ten minutes); PHOTOS=folder, QUICK=1 two minutes"
	@echo "                     SECTIONS='bytes decode import reads cold'"
	@echo "make bench-engine    training speed, reads and memory beside PyTorch (about fifteen minutes, installs 4.7 GB); PHOTOS=folder"
	@echo "                     NETS='resnet18 ...'|all THREADS=n QUICK=1 (two minutes) SECTIONS='epochs shared augment memory'"
	@echo "make bench-accuracy  hold the performance model against brute force (about half an hour)"
	@echo "make bench-search    hold the searches against brute force, which it shares with bench-accuracy, and against Optuna (about an hour)"
	@echo "                     SECTIONS='formats nets hyper idle' QUICK=1 (one seed of what is trained) SEEDS=n (searches of hyper)"
	@echo "                     RECORD=1 (trains the grid of hyper anew)"

setup:
	@worker/setup/libtorch.sh
	@coordinator/setup/protoc.sh

setup-test: setup
	@tests/setup/python.sh python
	@tests/setup/python-package.sh
	@tests/setup/fashion-mnist.sh

build: setup
	cargo build --release --bins

demo: build
	@tests/setup/fashion-mnist.sh
	target/release/imgcalc data import .deps/fashion-mnist --base file://$(CURDIR)/$(DEMO)/base --name fashion-mnist --size 32 \
		--classes t-shirt,trouser,pullover,dress,coat,sandal,shirt,sneaker,bag,ankle-boot
	target/release/imgcalc --data-dir $(DEMO) build coordinator/examples/fashion-mnist.toml --report $(DEMO)/report.html

# What passes once passes again: other seeds are for `make faults` and `make simulate`.
test: export IMGCALC_TEST_SEED := $(or $(IMGCALC_TEST_SEED),2)
test: setup-test
# Of packages with integration tests the programs are built too, before any test runs.
	cargo test --workspace --no-fail-fast

faults: setup-test
	cargo build --bins
	IMGCALC_FAULT_ROUNDS=$(ROUNDS) cargo test -p imgcalc-tests --test faults -- --nocapture

fuzz:
	@MINUTES="$(or $(MINUTES),10)" TARGET="$(TARGET)" JOBS="$(or $(JOBS),1)" MERGE="$(MERGE)" shared/fuzz/fuzz.sh

lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo fmt --manifest-path shared/python/Cargo.toml --check
	cargo clippy --manifest-path shared/python/Cargo.toml --target-dir target/python --locked -- -D warnings
	cargo fmt --manifest-path shared/fuzz/Cargo.toml --check

bench-accuracy: build
	@tests/setup/fashion-mnist.sh
	cargo run --release -p imgcalc-tests --bin bench-accuracy

bench-search: build
	@tests/setup/fashion-mnist.sh
	@tests/setup/python.sh optuna
	QUICK="$(QUICK)" cargo run --release -p imgcalc-tests --bin bench-search -- $(SECTIONS)

bench-segments: build
	@tests/setup/fashion-mnist.sh
	cargo run --release -p imgcalc-tests --bin bench-accuracy -- segments

bench-ledger: build
	@tests/setup/fashion-mnist.sh
	@tests/setup/etcd.sh
	cargo run --release -p imgcalc-tests --bin bench-ledger -- $(SECTIONS)

# Memory that was freed is used again, by ours and by the peers, so that speeds are not those of the kernel's page faults.
bench-storage: KEEP_MEMORY := MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=68719476736
bench-storage: build
	@tests/setup/python.sh python
	@tests/setup/python.sh peers
	@$(if $(PHOTOS),:,tests/setup/photos.sh)
	$(KEEP_MEMORY) PHOTOS="$(PHOTOS)" QUICK="$(QUICK)" cargo run --release -p imgcalc-tests --bin bench-storage -- $(SECTIONS)

bench-engine: setup
	@tests/setup/python.sh pytorch
	@$(if $(PHOTOS),:,tests/setup/photos.sh)
	PHOTOS="$(abspath $(PHOTOS))" NETS="$(NETS)" THREADS="$(THREADS)" QUICK="$(QUICK)" \
		cargo bench --workspace --bench engine -- $(SECTIONS)

clean-demo:
	rm -rf $(DEMO)

simulate:
	IMGCALC_SIMULATE_FROM=$(or $(FROM),1) IMGCALC_SIMULATE_SEEDS=$(or $(SEEDS),500) \
		cargo test -p imgcalc-coordinator --lib simulation::tests::whatever_goes_wrong -- --nocapture

simulate-days:
	IMGCALC_SIMULATE_FROM=$(or $(FROM),1) IMGCALC_SIMULATE_DAYS=$(or $(DAYS),10) \
		cargo test -p imgcalc-coordinator --lib simulation::tests::day -- --nocapture
