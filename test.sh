#!/usr/bin/env bash
# Installs what the tests need and runs all of them: formatting, lints, documentation, each role's library alone, and every
# test. For Debian 12 as root, with the Rust toolchain in place. Nothing is skipped because a tool is missing.
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '\n== %s\n' "$*"; }

say "Debian packages"
packages=(gcc g++ libc6-dev binutils procps mono-mcs mono-runtime mono-devel postgresql)
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
    echo "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    # The tests start servers of their own; the one that the package would start is of no use.
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        mkdir -p /etc/postgresql-common
        echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
    fi
    apt-get update -o DPkg::Lock::Timeout=600 -qq
    apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=600 "${missing[@]}"
else
    echo "all there"
fi

say "formatting"
cargo fmt --check

say "lints"
cargo clippy --all-targets --locked -- -D warnings

say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked

say "each role's library alone"
# One folder for all of them, so that the shared crates are built once.
for features in "" client server master sqlite postgres client,server; do
    echo "features: ${features:-none}"
    cargo clippy --quiet --lib --locked --no-default-features --features "$features" -- -D warnings
done

say "tests"
# The programs of other languages link the library of this build.
cargo build --locked
cargo test --locked --no-fail-fast

say "simulation"
# Whole networks in virtual time, a minute of them, and then bugs that are planted and must be found.
cargo run --release --locked --example simulate -- --seconds 60
cargo run --release --locked --example simulate -- --planted all

say "all passed"
