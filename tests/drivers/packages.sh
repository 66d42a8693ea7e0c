# What the drivers' scripts need, installed and built into target/drivers once. Sourced, with the repository as working
# directory, by run and analytic/run.
# shellcheck shell=bash
here=$PWD/tests/drivers
cache=$PWD/target/drivers; mkdir -p "$cache"
jar=/usr/share/java/postgresql.jar

# once NAME FILE COMMAND...: runs the command unless it was run for this very file
once() {
  local done=$cache/$1.installed file=$2; shift 2
  cmp -s "$file" "$done" || { echo "installing what $file lists" >&2; "$@" >&2; cp "$file" "$done"; }
}
python_packages() { python3 -m venv "$cache/venv" && "$cache/venv/bin/pip" install -q -r "$here/requirements.txt"; }
node_packages() { cp "$here"/node/package*.json "$cache/node/" && (cd "$cache/node" && npm ci --silent --no-audit --no-fund); }
rust_programs() { (cd "$here/rust" && CARGO_TARGET_DIR=$cache/rust nice cargo build --quiet --locked -j "${JOBS:-1}"); }

prepare() { # NAME
  case $1 in
    psycopg2 | psycopg | asyncpg | sqlalchemy | django) once venv "$here/requirements.txt" python_packages ;;
    node-postgres | postgres.js)
      scripts/install.sh node
      mkdir -p "$cache/node/analytic"; once node "$here/node/package-lock.json" node_packages
      cp "$here"/node/*.mjs "$cache/node/"; cp "$here"/analytic/node/*.mjs "$cache/node/analytic/" ;; # beside their packages
    tokio-postgres | sqlx) rust_programs ;;
    jdbc)
      scripts/install.sh java
      java_programs ;;
  esac
}

java_programs() {
  local sources=("$here"/jdbc/*.java "$here"/analytic/jdbc/*.java)
  mkdir -p "$cache/jdbc"
  cat "${sources[@]}" >"$cache/jdbc.sources"
  once jdbc "$cache/jdbc.sources" javac -nowarn -cp "$jar" -d "$cache/jdbc" "${sources[@]}"
}
