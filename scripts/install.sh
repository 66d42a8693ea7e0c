#!/usr/bin/env bash
# Installs what the repository's commands need and this machine lacks, and says what that is.
#
#   scripts/install.sh THING…       rust, compiler, libclang, make, postgres, psql, pgbouncer, pgpool, openssl, python, node, java, valgrind
#
# With Debian's and Ubuntu's packages, as root or through sudo. Nothing is touched where nothing is missing. Rust itself is
# not installed: rustup wants to be asked.
set -euo pipefail

packages=() # to be installed
reasons=()  # for what

say() { printf '%s\n' "$*" >&2; }

lacks() { # package, what it is for
    packages+=("$1")
    reasons+=("$1 ($2)")
}

need_rust() {
    if ! command -v cargo >/dev/null; then
        say "cargo is missing. Install Rust first: https://rustup.rs"
        exit 1
    fi
}

need_compiler() {
    command -v cc >/dev/null || lacks build-essential "a C compiler, which Rust links with"
}

# bindgen, which tests/oracle needs for libpg_query, loads it.
need_libclang() {
    local found
    for found in /usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*/libclang*.so*; do
        if [[ -e $found ]]; then return; fi
    done
    lacks libclang-dev "libclang, with which the bindings of libpg_query are made"
}

need_valgrind() {
    command -v valgrind >/dev/null || lacks valgrind "callgrind, which counts instructions"
}

need_make() {
    command -v make >/dev/null || lacks make "runs the Makefile"
}

# The same places as in src/cli/demo/postgres.rs.
need_postgres() {
    local folder folders
    IFS=: read -ra folders <<<"$PATH"
    for folder in "${folders[@]}" "$(pg_config --bindir 2>/dev/null || true)" /usr/lib/postgresql/*/bin; do
        if [[ -x $folder/initdb && -x $folder/pg_ctl && -x $folder/postgres ]]; then return; fi
    done
    lacks postgresql "the server programs; as always with Debian, its service starts on port 5432 where that is free"
}

need_psql() {
    command -v psql >/dev/null || lacks postgresql-client "psql"
}

need_pgbouncer() {
    command -v pgbouncer >/dev/null || lacks pgbouncer "to compare with"
}

need_pgpool() {
    command -v pgpool >/dev/null || lacks pgpool2 "to compare with"
}

need_openssl() {
    command -v openssl >/dev/null || lacks openssl "makes a certificate"
}

need_python() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || lacks python3-venv "the Django example"
}

need_node() {
    command -v npm >/dev/null || lacks npm "the drivers of node"
}

need_java() {
    command -v javac >/dev/null || lacks default-jdk-headless "a compiler of Java, for JDBC"
    [[ -e /usr/share/java/postgresql.jar ]] || lacks libpostgresql-jdbc-java "pgjdbc"
}

as_root() {
    if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

install_packages() {
    ((${#packages[@]})) || return 0
    local reason
    say "Missing here:"
    for reason in "${reasons[@]}"; do say "  $reason"; done
    if ! command -v apt-get >/dev/null; then
        say "There is no apt-get to install them with (with Homebrew: brew install postgresql@17). Please install them and try again."
        exit 1
    fi
    if ((EUID)) && ! command -v sudo >/dev/null; then
        say "Please run as root: apt-get install ${packages[*]}"
        exit 1
    fi
    say "Installing ${packages[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" </dev/null >&2
}

for thing in "$@"; do
    if ! declare -F "need_$thing" >/dev/null; then
        say "scripts/install.sh: unknown thing: $thing"
        exit 2
    fi
    "need_$thing"
done
install_packages
