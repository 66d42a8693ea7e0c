//! The texts of statements.

use super::settings::{setting, transaction};
use super::{Asker, Dice, Theme};

/// Texts that begin with a semicolon are of several statements, which only a Query may hold.
pub fn text(dice: &mut Dice, theme: Theme, asker: Asker) -> String {
    let (small, key) = (dice.below(9), dice.below(2));
    let Asker {
        client,
        unique,
        login,
        ..
    } = asker;
    let fixed = match theme {
        Theme::Read => match dice.below(17) {
            0 => "SELECT id, v, n FROM t ORDER BY id",
            1 => return format!("SELECT * FROM t WHERE id = {small}"),
            2 => "SELECT count(*), max(x) FROM u",
            3 => "SELECT t.id, u.id FROM t JOIN u ON u.t_id = t.id ORDER BY 1, 2",
            4 => return format!("SELECT g, g * 2, 'x' || g FROM generate_series(1, {small}) g"),
            5 => "SELECT NULL, true, 1.5, 'é ü', ''::text, 'it''s'",
            6 => "TABLE t ORDER BY 1",
            7 => "VALUES (1, 'a'), (2, NULL)",
            8 => "WITH w AS (SELECT id FROM t) SELECT count(*) FROM w",
            9 => "SELECT",
            10 => "SELECT id FROM t WHERE id < 3 ORDER BY id FOR UPDATE",
            11 => {
                "SELECT timestamptz '2024-01-02 03:04:05+00', date '2024-02-03', 1::float8 / 3, interval '1 day 2:03', '\\x01ff'::bytea"
            }
            12 if asker.log => "SELECT who, n FROM public.log ORDER BY n, who",
            13 => {
                return format!(
                    "/* a comment; */ SELECT v -- and one more\n FROM t WHERE id = {small}"
                );
            }
            14 => "SELECT repeat('long ', 2000), id FROM t ORDER BY id",
            15 => "SELECT v FROM vw ORDER BY id",
            16 => "SELECT $$dollar; quoted$$, U&'\\0041', E'a\\'b;'",
            _ => "",
        },
        Theme::Write => match dice.below(13) {
            0 => return format!("INSERT INTO t VALUES ({small}, 'new')"),
            1 => return format!("INSERT INTO t VALUES ({small}, 'new', 200)"),
            2 => return format!("UPDATE t SET n = n + 30 WHERE id = {small}"),
            3 => return format!("UPDATE t SET v = v || '!' WHERE id = {small} RETURNING *"),
            4 => return format!("DELETE FROM t WHERE id = {small}"),
            5 => return format!("INSERT INTO u (t_id) VALUES ({small}) RETURNING id"),
            6 => "DELETE FROM u",
            7 => {
                return format!("INSERT INTO t VALUES ({small}, 'up') ON CONFLICT (id) DO NOTHING");
            }
            8 => "INSERT INTO t (id, n) VALUES (6, NULL)",
            9 => {
                return format!(
                    "WITH d AS (DELETE FROM u WHERE id = {small} RETURNING id) SELECT * FROM d"
                );
            }
            10 => "UPDATE t SET n = 1",
            _ if asker.log => return format!("INSERT INTO public.log VALUES ({client}, {small})"),
            _ => {
                return format!(
                    "INSERT INTO u (t_id, x) SELECT g, 'many' FROM generate_series(1, {small}) g"
                );
            }
        },
        Theme::Transaction => return transaction(dice, asker),
        Theme::Savepoint => {
            let name = dice.pick(&["a", "b", "\"C d\""]);
            return match dice.below(6) {
                0 | 1 => format!("SAVEPOINT {name}"),
                2 => format!("ROLLBACK TO SAVEPOINT {name}"),
                3 => format!("ROLLBACK TO {name}"),
                4 => format!("RELEASE SAVEPOINT {name}"),
                _ => format!("RELEASE {name}"),
            };
        }
        Theme::Setting => return setting(dice, asker),
        Theme::Custom => {
            let name = format!("app.s{unique}_{key}");
            return match dice.below(9) {
                0 => format!("SET {name} = 'a{small}'"),
                1 => format!("SET LOCAL {name} TO local{small}"),
                2 => format!("RESET {name}"),
                3 => format!("SHOW {name}"),
                4 => format!("SELECT current_setting('{name}', true)"),
                5 => format!("SELECT current_setting('{name}')"),
                6 => format!("SET SESSION {name} TO DEFAULT"),
                7 => format!("SET \"app\".s{unique}_{key} = 1, 2"),
                _ => format!("SELECT set_config('{name}', NULL, false)"),
            };
        }
        Theme::Fault => match dice.below(12) {
            0 => "SELEC 1",
            1 => "SELECT 1/0",
            2 => "SELECT * FROM nowhere",
            3 => "SELECT nothing(1)",
            4 => "SELECT 'x'::int",
            5 => "SELECT id FROM t WHERE",
            6 => "INSERT INTO t (id, zzz) VALUES (1, 2)",
            7 => "SELECT 1 / (id - 3) FROM t ORDER BY id",
            8 => "SELECT (SELECT id FROM t)",
            9 => "DROP TABLE nowhere",
            10 => "SELECT 'unterminated",
            _ => "SELECT date '2024-13-45'",
        },
        Theme::Ddl => match dice.below(24) {
            0 | 20 | 21 => "ALTER TABLE t ADD COLUMN extra int",
            1 | 22 => "ALTER TABLE t DROP COLUMN IF EXISTS extra",
            2 => "ALTER TABLE t ALTER COLUMN v TYPE varchar(40)",
            3 => "ALTER TABLE t ALTER COLUMN v TYPE text",
            4 => "ALTER TABLE t RENAME COLUMN v TO w",
            5 => "ALTER TABLE t RENAME COLUMN w TO v",
            6 => "CREATE TABLE d1 (a int, b text)",
            7 => "CREATE TABLE IF NOT EXISTS d1 AS SELECT 1 AS a, 'x' AS b",
            8 => "DROP TABLE IF EXISTS d1",
            9 => "CREATE INDEX IF NOT EXISTS t_v ON t (v)",
            10 => "CREATE OR REPLACE VIEW vw AS SELECT id, v FROM t",
            11 => "DROP VIEW vw",
            12 => "TRUNCATE u",
            13 => "TRUNCATE t CASCADE",
            14 => "COMMENT ON TABLE t IS 'c'",
            15 => "VACUUM u",
            16 => "ANALYZE t",
            17 => "SELECT a, b FROM d1 ORDER BY 1",
            18 => "SELECT id AS i INTO d1 FROM t ORDER BY id",
            _ => "CREATE FUNCTION boom(int) RETURNS int LANGUAGE sql AS 'SELECT 1; SELECT 2'",
        },
        Theme::Copy => match dice.below(7) {
            0 => "COPY (SELECT id, v FROM t ORDER BY id) TO STDOUT",
            1 => {
                "COPY (SELECT 1 / (id - 3) FROM t ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER)"
            }
            2 => "COPY (SELECT g FROM generate_series(1, 3) g) TO STDOUT BINARY",
            3 => "COPY nowhere FROM STDIN",
            4 => "COPY u (t_id, x) FROM STDIN WITH (FORMAT csv)",
            _ => "COPY t (id, v) FROM STDIN",
        },
        Theme::Cursor => {
            let name = dice.pick(&["c1", "c1", "c2", "p1"]);
            return match dice.below(15) {
                12..14 => format!(
                    ";BEGIN; DECLARE {name} CURSOR FOR SELECT id, v FROM t ORDER BY id; FETCH 2 FROM {name}"
                ),
                0 | 1 | 9 => format!("DECLARE {name} CURSOR FOR SELECT id, v FROM t ORDER BY id"),
                2 | 10 => format!(
                    "DECLARE {name} SCROLL CURSOR FOR SELECT g FROM generate_series(1, 9) g"
                ),
                3 => format!("FETCH {small} FROM {name}"),
                4 => format!("FETCH NEXT {name}"),
                5 => format!("FETCH BACKWARD 2 IN {name}"),
                6 => format!("MOVE {small} IN {name}"),
                7 => format!("CLOSE {name}"),
                _ => "CLOSE ALL".to_owned(),
            };
        }
        Theme::HoldCursor => {
            let name = dice.pick(&["h1", "h2"]);
            return match dice.below(5) {
                0 | 1 => {
                    format!("DECLARE {name} CURSOR WITH HOLD FOR SELECT id, v FROM t ORDER BY id")
                }
                2 => format!("FETCH {small} FROM {name}"),
                3 => format!("CLOSE {name}"),
                _ => format!("FETCH ALL FROM {name}"),
            };
        }
        Theme::Discard => match dice.below(6) {
            0 => "DISCARD ALL",
            1 => "DISCARD PLANS",
            2 => "DISCARD TEMP",
            3 => "RESET ALL",
            4 => "DEALLOCATE ALL",
            _ => "DEALLOCATE s1",
        },
        Theme::Notify => return format!("NOTIFY ch_{unique}_{key}, 'load {small}'"),
        // What a session remembers of a sequence is asked for where it was made.
        Theme::Sequence => match dice.below(7) {
            0 => "SELECT nextval('sq')",
            1 => "SELECT nextval('sq'), currval('sq')",
            2 => "INSERT INTO u (t_id) VALUES (1) RETURNING id, lastval(), currval('u_id_seq')",
            // What the last value was before this transaction is the one thing that sessions which share connections may lose, see
            // docs/pooling.md.
            3 => "SELECT setval('sq', 40)",
            4 => "SELECT nextval('sq') + nextval('sq') - lastval()",
            5 => "SELECT setseed(0.25), random()",
            _ => "SELECT currval('no_such')",
        },
        Theme::Prepare => {
            let name = dice.pick(&["q1", "q1", "q1", "q2", "s1"]);
            return match dice.below(11) {
                9 | 10 => format!(
                    ";DEALLOCATE ALL; PREPARE {name} (int) AS SELECT $1 + 1; EXECUTE {name} ({small})"
                ),
                0 | 7 => {
                    format!("PREPARE {name} AS SELECT id, v FROM t WHERE id > {small} ORDER BY id")
                }
                1 | 8 => format!("PREPARE {name} (int) AS SELECT $1 + {small}"),
                2 => format!("EXECUTE {name}"),
                3 => format!("EXECUTE {name} ({small})"),
                4 => format!("DEALLOCATE {name}"),
                5 => format!("DEALLOCATE PREPARE {name}"),
                _ => format!("CREATE TABLE d1 AS EXECUTE {name}"),
            };
        }
        Theme::Temporary => match dice.below(13) {
            0 | 10 => "CREATE TEMP TABLE x1 (a int PRIMARY KEY)",
            1 => "CREATE TEMPORARY TABLE IF NOT EXISTS x1 (a int)",
            2 => {
                "CREATE TEMP TABLE x1 ON COMMIT DROP AS SELECT g AS a FROM generate_series(1, 3) g"
            }
            3 => "CREATE TEMP TABLE x1 (a int) ON COMMIT DELETE ROWS",
            4 => "SELECT 7 AS a INTO TEMP x1",
            5 => return format!("INSERT INTO x1 VALUES ({small})"),
            6 | 11 => "SELECT * FROM x1 ORDER BY 1",
            9 => {
                ";DROP TABLE IF EXISTS x1; CREATE TEMP TABLE x1 AS SELECT 1 AS a; INSERT INTO x1 VALUES (2)"
            }
            7 => "DROP TABLE x1",
            8 => "CREATE TEMP VIEW x1 AS SELECT 1 AS a",
            _ => "CREATE TEMP TABLE t (id int, v text, n int)",
        },
        Theme::Lock => {
            return match dice.below(8) {
                0 => format!("SELECT pg_advisory_lock({login}, {key})"),
                1 => format!("SELECT pg_try_advisory_lock({login}, {key})"),
                2 => format!("SELECT pg_advisory_unlock({login}, {key})"),
                3 => "SELECT pg_advisory_unlock_all()".to_owned(),
                4 => format!("SELECT pg_advisory_xact_lock({login}, {key})"),
                5 => format!("SELECT pg_advisory_lock_shared({login}, {key})"),
                6 => "LOCK TABLE t".to_owned(),
                _ => "SELECT mode, granted FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() ORDER BY 1".to_owned(),
            };
        }
        Theme::Listen => {
            return match dice.below(9) {
                7 | 8 => format!(";LISTEN ch_{unique}_{key}; NOTIFY ch_{unique}_{key}, 'now'"),
                0 | 1 | 6 => format!("LISTEN ch_{unique}_{key}"),
                2 => format!("NOTIFY ch_{unique}_{key}"),
                3 => format!("SELECT pg_notify('ch_{unique}_{key}', 'by function {small}')"),
                4 => "UNLISTEN *".to_owned(),
                _ => "SELECT * FROM pg_listening_channels() ORDER BY 1".to_owned(),
            };
        }
        Theme::Role => match dice.below(8) {
            0 => "SET ROLE plain",
            1 => "SET LOCAL ROLE plain",
            2 => "RESET ROLE",
            3 => "SET ROLE NONE",
            4 => "SET SESSION AUTHORIZATION plain",
            5 => "RESET SESSION AUTHORIZATION",
            6 => "SET ROLE no_such_role",
            _ => "SELECT current_user, session_user",
        },
        Theme::Code => match dice.below(9) {
            0 => "DO $$ BEGIN RAISE NOTICE 'do; it'; END $$",
            1 => "DO $$ BEGIN RAISE WARNING 'w'; PERFORM 1 / 0; END $$",
            2 => {
                "DO $$ BEGIN PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN INSERT INTO u (x) VALUES ('caught'); END $$"
            }
            3 => "DO $$ BEGIN PERFORM set_config('datestyle', 'German', false); END $$",
            4 => return format!("SELECT boom({})", small / 4),
            5 => return format!("CALL twice({small})"),
            6 => "DO $$ BEGIN INSERT INTO t VALUES (8, 'do'); COMMIT; END $$",
            7 => "DO LANGUAGE plpgsql 'BEGIN EXECUTE ''SET search_path = nowhere''; END'",
            _ => "SELECT boom(id) FROM t ORDER BY id",
        },
        Theme::Session => match dice.below(9) {
            0 => "SELECT set_config('TimeZone', 'Asia/Tokyo', false)",
            1 => "SELECT set_config('application_name', 'by function', true)",
            2 => {
                return format!(
                    "SELECT set_config('app.s{unique}_{key}', 'f{small}', {})",
                    small % 2 == 0
                );
            }
            3 => "UPDATE pg_settings SET setting = 'German, DMY' WHERE name = 'DateStyle'",
            4 => "SELECT set_config('search_path', 'nowhere', false)",
            5 => "SELECT set_config('extra_float_digits', '99', false)",
            6 => return format!("ALTER FUNCTION boom(int) SET search_path = s{client}"),
            7 => "SELECT set_config('default_transaction_isolation', 'repeatable read', false)",
            _ => "LOAD 'plpgsql'",
        },
        Theme::Analytic => match dice.below(8) {
            0 => return format!("SELECT id, qty, state FROM public.orders WHERE id = {small}"),
            1 => "SELECT state, sum(qty) FROM orders GROUP BY state ORDER BY state",
            2 => {
                "SELECT date '2024-03-04' + id, interval '1 day' * id FROM public.orders WHERE id < 3 ORDER BY id"
            }
            3 => {
                return format!(
                    "SELECT 1 / (id - {small}) FROM public.orders WHERE id < 6 ORDER BY id"
                );
            }
            4 => "SELECT nothing FROM public.orders",
            5 => {
                "SELECT g.id, o.state FROM public.orders o JOIN public.orders g ON g.id = o.customer WHERE o.id < 5 ORDER BY o.id"
            }
            6 => "COPY (SELECT id, state FROM public.orders WHERE id < 4 ORDER BY id) TO STDOUT",
            _ => "WITH o AS (SELECT * FROM public.orders) SELECT count(*) FROM o",
        },
    };
    fixed.to_owned()
}
