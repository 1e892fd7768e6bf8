#!/bin/sh
# Searches for inputs that break what reads bytes, with libFuzzer, from the seeds, the committed corpus and what earlier
# searches reached on. Prints a line for each target; fails if one has a finding.
#
#   MINUTES=n    for each target (10)               JOBS=n   targets at a time (1)
#   TARGET=name  only this one                      MERGE=1  search nothing; make the committed corpus anew
#
# A finding goes into the committed corpus as found-WHAT-IT-WAS.
set -eu

minutes=${MINUTES:-10}
case $minutes in 0 | *[!0-9]*) echo "MINUTES is a whole number above 0" >&2; exit 2 ;; esac
root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/shared/fuzz
out=${CARGO_TARGET_DIR:-$root/target}/fuzz
# With a target named, what runs while building is not instrumented.
host=$(rustc -vV | sed -n 's/^host: //p')
targets=${TARGET:-$(ls "$here/fuzz_targets" | sed 's/\.rs$//')}
# The flags of cargo-fuzz that every rustc knows: which edges were taken, and what was compared with what.
passes="-Cpasses=sancov-module"
for flag in level=4 inline-8bit-counters pc-table trace-compares; do
    passes="$passes -Cllvm-args=-sanitizer-coverage-$flag"
done
# A merge keeps so many of a target, none larger; a search goes somewhat beyond.
kept=30
kept_bytes_max=1500
bytes_max=6000

build() {
    RUSTFLAGS="$passes" cargo build --release --locked --features search --manifest-path "$here/Cargo.toml" \
        --target-dir "$out" --target "$host"
}

# What the last of a log's status lines that says it has behind a word: cov, ft.
said() {
    sed -n "s/.* $2: \([0-9]*\) .*/\1/p" "$1" | tail -n 1
}

# The folders a program starts from; it writes its seeds itself.
folders() {
    mkdir -p "$out/seeds/$1" "$out/corpus/$1" "$out/findings/$1" "$here/corpus/$1"
    export IMGCALC_FUZZ_SEEDS="$out/seeds/$1"
}

# Few inputs that take most edges, instead of what is committed; but what was once found stays.
merge() {
    folders "$1"
    fewest=$out/fewest/$1
    rm -rf "$fewest"
    mkdir -p "$fewest"
    "$programs/$1" -set_cover_merge=1 -use_counters=0 -max_len=$kept_bytes_max \
        -artifact_prefix="$out/findings/$1/" "$fewest" "$out/corpus/$1" "$here/corpus/$1" \
        2>"$out/$1.log" || { tail -n 20 "$out/$1.log" >&2; return 1; }
    find "$here/corpus/$1" -type f ! -name 'found-*' -delete
    # They were chosen in this order, each for how many edges it adds.
    ls -tr "$fewest" | head -n $kept | while read -r name; do cp "$fewest/$name" "$here/corpus/$1"; done
    echo "$1: $(ls "$here/corpus/$1" | wc -l) inputs of $(cat "$here/corpus/$1"/* | wc -c) bytes"
}

search() {
    folders "$1"
    log=$out/$1.log
    state=ok
    # A Rust panic is an abort here. What is allocated the target counts; the limit is for what it does not count.
    "$programs/$1" -max_total_time=$((minutes * 60)) -max_len=$bytes_max -timeout=10 -rss_limit_mb=1024 \
        -use_value_profile=1 -entropic_scale_per_exec_time=1 -print_final_stats=1 -artifact_prefix="$out/findings/$1/" \
        "$out/corpus/$1" "$here/corpus/$1" "$out/seeds/$1" >"$log" 2>&1 || state=FINDING
    runs=$(sed -n 's/^#\([0-9][0-9]*\).*/\1/p' "$log" | tail -n 1)
    rate=$(sed -n 's/.* exec\/s: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    printf '%-10s %12s %9s %7s %9s  %s\n' "$1" "${runs:-0}" "${rate:-0}" "$(said "$log" cov)" "$(said "$log" ft)" "$state"
    [ $state = ok ] && return 0
    grep -hE -A 1 "panicked at|ERROR: libFuzzer|Test unit written" "$log" | head -n 8
    return 1
}

programs=$out/$host/release
case ${1:-} in search | merge) "$@"; exit ;; esac

build
verb=search
[ -z "${MERGE:-}" ] || verb=merge
[ $verb = merge ] || printf '%-10s %12s %9s %7s %9s  %s\n' target executions "a second" edges features result
printf '%s\n' $targets | xargs -P "${JOBS:-1}" -I{} "$here/fuzz.sh" $verb {} && exit 0
echo "logs, findings and what reaches on are in $out; a program of $programs with a file's path replays it" >&2
exit 1
