# The suites: where each comes from, and how it runs. Sourced by `run`.
#
# For each NAME: prepare_NAME fetches and builds, source_NAME prints the folder that is copied for each run, database_NAME
# makes what its database needs, suite_NAME runs it in that folder with what PGHOST and the like say, and leaves $RESULTS.
# $ONLY selects tests, in the words of the suite's own runner.
# shellcheck shell=bash disable=SC2034,SC2154

all=(psycopg2 asyncpg sqlalchemy_psycopg2 sqlalchemy_psycopg sqlalchemy_asyncpg django dbd_pg pgx libpq_go tokio_postgres php)
cache=$(realpath -m "${CARGO_TARGET_DIR:-target}")/suites
export cache here ONLY=${ONLY:-}

sdist() { # name version: from PyPI, once
    python_packages
    [[ ! -d $cache/src/$1-$2 ]] || return 0
    say "Downloading $1 $2" >&2
    mkdir -p "$cache/dl" "$cache/src"
    "$cache/venv/bin/pip" download -q --no-deps --no-binary "$1" -d "$cache/dl" "$1==$2"
    tar -xzf "$cache/dl/$1-$2.tar.gz" -C "$cache/src"
}

python_packages() {
    mkdir -p "$cache"
    [[ ! -f $cache/venv.installed ]] || ! cmp -s "$here/requirements.txt" "$cache/venv.installed" || return 0
    say "Installing $here/requirements.txt" >&2
    python3 -m venv "$cache/venv"
    "$cache/venv/bin/pip" install -q -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$cache/venv.installed"
}

debian_packages() { # names
    dpkg -s "$@" >/dev/null 2>&1 || apt-get install -qq -y --no-install-recommends "$@" >/dev/null
}

# Unpacks the sources as their authors made them, without Debian's changes.
debian_source() { # package version
    [[ ! -e $cache/$1-$2.unpacked ]] || return 0
    say "Downloading $1's source package" >&2
    mkdir -p "$cache/src"
    (
        private_apt bookworm trixie
        cd "$work" && mkdir -p "$1" && cd "$1" || exit
        apt-get source -qq --tar-only --download-only "$1=$2"
        for archive in *.orig*.tar.*; do tar -xf "$archive" -C "$cache/src"; done
    ) >&2
    touch "$cache/$1-$2.unpacked"
}

# apt with lists of its own, for sources only.
private_apt() { # releases
    local apt=$work/apt key=/usr/share/keyrings/debian-archive-keyring.gpg release
    export APT_CONFIG=$apt/apt.conf
    [[ ! -d $apt ]] || return 0
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    for release; do echo "deb-src [signed-by=$key] http://deb.debian.org/debian $release main"; done >"$apt/sources.list"
    cat >"$APT_CONFIG" <<CONF
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$apt/lists";
Dir::State::status "/dev/null";
APT::Sandbox::User "root";
Dir::Cache "$apt/cache";
CONF
    apt-get update -qq
}

# ---------------------------------------------------------------- psycopg2

prepare_psycopg2() { debian_packages libpq-dev && sdist psycopg2 2.9.13; } # pip asks for pg_config even to download it
source_psycopg2() { say "$cache/src/psycopg2-2.9.13/tests"; }
database_psycopg2() { sql "$1" psycopg2 -c 'CREATE EXTENSION hstore'; }
suite_psycopg2() {
    export PSYCOPG2_TESTDB=psycopg2 PSYCOPG2_TEST_REPL_DSN=
    cd .. && mkdir "$SIDE.top" && mv "$SIDE" "$SIDE.top/tests" && cd "$SIDE.top" || exit
    # shellcheck disable=SC2086
    "$cache/venv/bin/python" -m pytest -q -p results_plugin -p no:cacheprovider tests ${ONLY:+-k "$ONLY"}
}

# ---------------------------------------------------------------- asyncpg

prepare_asyncpg() { sdist asyncpg 0.32.0; }
source_asyncpg() { say "$cache/src/asyncpg-0.32.0/tests"; }
suite_asyncpg() {
    export PGDATABASE=postgres # as some of the tests take for granted
    cd .. && mkdir "$SIDE.top" && mv "$SIDE" "$SIDE.top/tests" && cd "$SIDE.top" || exit
    "$cache/venv/bin/python" -m pytest -q -p results_plugin -p no:cacheprovider tests ${ONLY:+-k "$ONLY"}
}

# ---------------------------------------------------------------- SQLAlchemy, with three drivers

sqlalchemy_suite() { # driver
    local parts='test/dialect/postgresql test/dialect/test_suite.py test/engine test/sql'
    # --maxfail: theirs ends at 250. The two schemas are those that their README wants.
    # shellcheck disable=SC2086
    "$cache/venv/bin/python" -m pytest -q --tb=short --maxfail=100000 -p results_plugin -p no:cacheprovider \
        --dburi "postgresql+$1://postgres:postgres@127.0.0.1:$PGPORT/$PGDATABASE" ${ONLY:-$parts}
}
export -f sqlalchemy_suite
prepare_sqlalchemy_psycopg2() { sdist sqlalchemy 2.1.9; }
prepare_sqlalchemy_psycopg() { prepare_sqlalchemy_psycopg2; }
prepare_sqlalchemy_asyncpg() { prepare_sqlalchemy_psycopg2; }
source_sqlalchemy_psycopg2() { say "$cache/src/sqlalchemy-2.1.9"; }
source_sqlalchemy_psycopg() { source_sqlalchemy_psycopg2; }
source_sqlalchemy_asyncpg() { source_sqlalchemy_psycopg2; }
sqlalchemy_database() { # cluster database
    sql "$1" "$2" -c 'CREATE SCHEMA test_schema' -c 'CREATE SCHEMA test_schema_2' -c 'CREATE EXTENSION hstore' -c 'CREATE EXTENSION citext' \
        -c "ALTER DATABASE $2 SET default_text_search_config = 'pg_catalog.english'"
}
database_sqlalchemy_psycopg2() { sqlalchemy_database "$1" sqlalchemy_psycopg2; }
database_sqlalchemy_psycopg() { sqlalchemy_database "$1" sqlalchemy_psycopg; }
database_sqlalchemy_asyncpg() { sqlalchemy_database "$1" sqlalchemy_asyncpg; }
suite_sqlalchemy_psycopg2() { sqlalchemy_suite psycopg2; }
suite_sqlalchemy_psycopg() { sqlalchemy_suite psycopg; }
suite_sqlalchemy_asyncpg() { sqlalchemy_suite asyncpg; }

# ---------------------------------------------------------------- Django

django_labels='aggregation aggregation_regress annotations async backends basic bulk_create composite_pk constraints
    custom_pk datatypes dates datetimes db_functions delete distinct_on_fields expressions expressions_case expressions_window
    extra_regress field_defaults fixtures foreign_object get_or_create indexes inspectdb introspection known_related_objects lookup
    m2m_through many_to_many many_to_one migrations model_fields model_inheritance multiple_database nested_foreign_keys ordering
    postgres_tests prefetch_related queries raw_query save_delete_hooks schema select_for_update select_related serializers sessions_tests
    test_runner test_utils.tests timezones transaction_hooks transactions update'
export django_labels
prepare_django() { sdist django 5.2.19; }
source_django() { say "$cache/src/django-5.2.19/tests"; }
suite_django() {
    # shellcheck disable=SC2086
    "$cache/venv/bin/python" runtests.py --settings=django_settings --parallel=1 --noinput ${ONLY:-$django_labels}
}

# ---------------------------------------------------------------- DBD::Pg

prepare_dbd_pg() {
    debian_packages libpq-dev libdbi-perl make gcc
    debian_source libdbd-pg-perl 3.18.0-1
    # Built: the Perl modules of Debian's packages are not of the version whose tests these are.
    [[ -e $cache/src/DBD-Pg-3.18.0/blib/arch/auto/DBD/Pg/Pg.so ]] ||
        (cd "$cache/src/DBD-Pg-3.18.0" && perl Makefile.PL </dev/null && make -s) >&2
}
source_dbd_pg() { say "$cache/src/DBD-Pg-3.18.0"; }
suite_dbd_pg() {
    export DBI_DSN="dbi:Pg:dbname=dbd_pg;host=127.0.0.1;port=$PGPORT" DBI_USER=postgres DBI_PASS=postgres DBDPG_TEST_ALWAYS_ENV=1
    export PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0 # the order of tests comes from hashes
    for test in ${ONLY:-t/0[1-9]*.t t/[1-8]*.t t/99cleanup.t}; do
        perl -Mblib "$test" 2>&1 | python3 "$here/read_results.py" tap "$(basename "$test") "
    done
}

# ---------------------------------------------------------------- Go: pgx with pgconn, lib/pq

go_packages='jackc/pgx/v4 jackc/pgx/v4/pgxpool jackc/pgx/v4/stdlib jackc/pgconn jackc/pgconn/stmtcache'
prepare_pgx() {
    debian_packages golang-go golang-github-jackc-pgx-v4-dev golang-github-masterminds-semver-dev golang-github-jackc-pgmock-dev
    # shellcheck disable=SC2086
    go_tests $go_packages
}
prepare_libpq_go() { debian_packages golang-go golang-github-lib-pq-dev && go_tests lib/pq lib/pq/hstore; }
go_tests() { # packages of github.com: into one program each
    local package
    export GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS=-mod=mod GOCACHE=$cache/go
    for package; do
        [[ -x $cache/go_tests/$package/test ]] ||
            (mkdir -p "$cache/go_tests/$package" && cd "/usr/share/gocode/src/github.com/$package" &&
                GOFLAGS='' go test -c -o "$cache/go_tests/$package/test" .)
    done
}
go_suite() { # packages
    local package
    for package; do
        mkdir -p "run/$package"
        (
            cd "/usr/share/gocode/src/github.com/$package" || exit
            "$cache/go_tests/$package/test" -test.v -test.timeout 600s ${ONLY:+-test.run "$ONLY"} 2>&1 | go tool test2json |
                python3 "$here/read_results.py" go "$package "
        )
    done
}
export -f go_suite
export go_packages
source_pgx() { mkdir -p "$cache/empty" && say "$cache/empty"; }
source_libpq_go() { source_pgx; }
database_pgx() { sql "$1" pgx -c 'CREATE EXTENSION hstore' -c 'CREATE EXTENSION ltree' -c 'CREATE DOMAIN uint64 AS numeric(20,0)'; }
database_libpq_go() { sql "$1" libpq_go -c 'CREATE EXTENSION hstore' -c 'CREATE DATABASE pqgotest' -c "CREATE ROLE pqgotest LOGIN SUPERUSER"; }
suite_pgx() {
    export PGX_TEST_DATABASE="host=127.0.0.1 port=$PGPORT user=postgres password=postgres database=pgx"
    export PGX_TEST_CONN_STRING=$PGX_TEST_DATABASE PGX_TEST_TCP_CONN_STRING=$PGX_TEST_DATABASE
    export PGX_TEST_PLAIN_PASSWORD_CONN_STRING=$PGX_TEST_DATABASE
    unset PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGSSLMODE # its tests of connection strings set their own
    # shellcheck disable=SC2086
    go_suite $go_packages
}
suite_libpq_go() {
    export PGUSER=pqgotest PGDATABASE=pqgotest
    go_suite lib/pq lib/pq/hstore
}

# ---------------------------------------------------------------- tokio-postgres

tokio_postgres_features=--features=with-uuid-1,with-serde_json-1,with-time-0_3,with-bit-vec-0_6,with-eui48-1
prepare_tokio_postgres() {
    local crate=$cache/src/tokio-postgres-0.7.18
    if [[ ! -d $crate ]]; then
        mkdir -p "$cache/src"
        (cd tests/drivers/rust && cargo fetch -q --locked)
        cp -r "$(find "${CARGO_HOME:-$HOME/.cargo}/registry/src" -maxdepth 2 -name tokio-postgres-0.7.18 | head -n 1)" "$crate"
        # The port is written into the tests.
        sed -i 's/TcpStream::connect("127.0.0.1:5433")/TcpStream::connect(format!("127.0.0.1:{}", std::env::var("PGPORT").unwrap()))/' \
            "$crate"/tests/test/*.rs
        sed -i 's/tokio_postgres::connect(s, NoTls)/tokio_postgres::connect(\&s.replace("5433", \&std::env::var("PGPORT").unwrap()), NoTls)/' \
            "$crate"/tests/test/*.rs
        sed -i -E 's/^( +)("[^"]*port=5433[^"]*"),$/\1\&\2.replace("5433", \&std::env::var("PGPORT").unwrap()),/' "$crate"/tests/test/runtime.rs
    fi
    (cd "$crate" && CARGO_TARGET_DIR=$cache/rust nice cargo test -q --no-run -j "${JOBS:-1}" --test test "$tokio_postgres_features")
}
source_tokio_postgres() { source_pgx; }
database_tokio_postgres() {
    sql "$1" tokio_postgres -c "CREATE ROLE pass_user PASSWORD 'password' LOGIN" -c "CREATE ROLE scram_user PASSWORD 'password' LOGIN" \
        -c "SET password_encryption = md5" -c "CREATE ROLE md5_user PASSWORD 'password' LOGIN" \
        -c 'CREATE EXTENSION hstore' -c 'CREATE EXTENSION citext' -c 'CREATE EXTENSION ltree'
    sql "$1" postgres -c 'CREATE EXTENSION hstore' -c 'CREATE EXTENSION citext' -c 'CREATE EXTENSION ltree'
}
suite_tokio_postgres() {
    local program
    program=$(find "$cache/rust/debug/deps" -name 'test-*' -executable -type f -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2)
    # shellcheck disable=SC2086
    "$program" --test-threads "${WORKERS:-4}" ${ONLY:-} 2>&1 | python3 "$here/read_results.py" cargo
}

# ---------------------------------------------------------------- PHP: pgsql and pdo_pgsql

prepare_php() {
    debian_packages php8.2-cli php8.2-pgsql
    debian_source php8.2 8.2.32-1~deb12u1
}
source_php() { say "$cache/src/php-8.2.32"; }
suite_php() {
    export PGSQL_TEST_CONNSTR="host=127.0.0.1 dbname=php port=$PGPORT user=postgres password=postgres"
    export PDO_PGSQL_TEST_DSN="pgsql:host=127.0.0.1 port=$PGPORT dbname=php user=postgres password=postgres"
    export TEST_PHP_EXECUTABLE=/usr/bin/php8.2 NO_INTERACTION=1
    # shellcheck disable=SC2086
    php8.2 run-tests.php -q -g PASS,FAIL,SKIP,XFAIL,BORK --set-timeout 60 ${ONLY:-ext/pgsql ext/pdo_pgsql} 2>&1 |
        python3 "$here/read_results.py" php
}
