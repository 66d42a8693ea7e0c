-- Parts for hidden.sh, which runs each three times in sessions of their own.

-- sequences
INSERT INTO t (v) SELECT 'x' FROM generate_series(1, :n + 1);
SELECT lastval(), currval('t_id_seq');
INSERT INTO t (v) VALUES ('y');
SELECT lastval() = max(id) FROM t;

-- random
SELECT setseed(:n / 10.0);
SELECT random();
SELECT random();

-- settings
SELECT remember('mine ' || :n);
SELECT current_setting('app.user_id', true);
SELECT set_config(name, '4' || :n || 's', false) FROM pg_settings WHERE name = 'statement_timeout';
SHOW statement_timeout;
UPDATE pg_settings SET setting = '7777' WHERE name = 'lock_timeout' AND :n % 2 = 0;
SHOW lock_timeout;

-- do-block
DO $$BEGIN EXECUTE 'SET app.user_id = ''do'''; SET work_mem = '7MB'; END$$;
SELECT current_setting('app.user_id', true), current_setting('work_mem');

-- procedure
CREATE OR REPLACE PROCEDURE sets() LANGUAGE plpgsql AS $$BEGIN SET TimeZone = 'Asia/Tokyo'; COMMIT; SET DateStyle = 'German'; END$$;
CALL sets();
SELECT '2024-06-01 12:00+00'::timestamptz;

-- temporary
SELECT scratch();
SELECT * FROM scratch;

-- advisory
SELECT locks();
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid();
SELECT pg_advisory_unlock(:n);

-- listen
SELECT listens();
SELECT pg_listening_channels();

-- process
SELECT pg_backend_pid() AS pid \gset
SELECT pg_sleep(0.01);
SELECT pg_backend_pid() = :pid;
SELECT count(*) FROM pg_stat_activity WHERE pid = :pid;
