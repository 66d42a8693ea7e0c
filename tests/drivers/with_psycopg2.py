"""psycopg2: implicit BEGIN, named and held cursors, executemany, COPY, NOTIFY, SQL PREPARE, savepoints, cancel,
two-phase commit, large objects, and session state of eight clients."""
import io
import select
import threading

import psycopg2
import psycopg2.extensions
from psycopg2.extras import execute_values

from common import ORDERS, STATE, alone, barrier, run, schema, settings


def body(w):
    n = w.n
    conn = psycopg2.connect("", options=f"-c search_path=w{n},public -c app.user_id=start{n}", application_name=f"start {n}")
    cur = conn.cursor()

    def rows(sql, args=None, cursor=None):
        cursor = cursor or cur
        cursor.execute(sql, args)
        return cursor.fetchall() if cursor.description else cursor.statusmessage

    conn.autocommit = True
    for sql in schema(n):
        rows(sql)
    rows(f"CREATE TABLE t{n} (id serial PRIMARY KEY, v text UNIQUE)")
    w.say("startup options", rows(STATE))

    # Settings, while seven others set theirs.
    for sql in settings(n):
        rows(sql)
    barrier.wait()
    for _ in range(4):
        w.say("settings", rows(STATE), conn.get_parameter_status("TimeZone"))
        w.say("who", rows("SELECT * FROM who"))
        w.say("orders", rows(ORDERS))
    barrier.wait()
    rows("RESET ROLE")
    rows("RESET TIME ZONE")
    w.say("reset zone", rows(STATE))
    conn.reset()  # RESET ALL; SET SESSION AUTHORIZATION DEFAULT
    conn.autocommit = True
    w.say("reset all", rows(STATE))
    rows("DISCARD ALL")
    w.say("discard all", rows(STATE))

    # Implicit BEGIN: SET, SET LOCAL and their end.
    conn.autocommit = False
    rows(f"SET LOCAL application_name = 'local {n}'")
    rows(f"SET app.user_id = 'undone {n}'")
    w.say("in transaction", rows(STATE), conn.status)
    w.say("orders in transaction", rows(ORDERS))
    conn.rollback()
    w.say("after rollback", rows(STATE))
    rows(f"SET app.user_id = 'kept {n}'")
    conn.commit()
    w.say("after commit", rows(STATE))
    conn.commit()

    # Inserts, lastval and currval of this client's own sequence.
    cur.executemany(f"INSERT INTO t{n} (v) VALUES (%s)", [(f"many {i}",) for i in range(10)])
    w.say("executemany", rows(f"SELECT count(*), lastval(), currval('t{n}_id_seq') FROM t{n}"))
    execute_values(cur, f"INSERT INTO t{n} (v) VALUES %s RETURNING id", [(f"values {i}",) for i in range(90)])
    w.say("execute_values", len(cur.fetchall()))
    conn.commit()

    # Errors within a transaction.
    rows(f"INSERT INTO t{n} (v) VALUES ('lost')")
    with w.fails("unique"):
        rows(f"INSERT INTO t{n} (v) VALUES ('many 1')")
    w.say("status", conn.get_transaction_status())
    with w.fails("aborted"):
        rows("SELECT 1")
    conn.rollback()
    w.say("lost", rows(f"SELECT count(*) FROM t{n}"))
    rows("SAVEPOINT a")
    with w.fails("division"):
        rows("SELECT 1/0")
    rows("ROLLBACK TO SAVEPOINT a")
    rows(f"INSERT INTO t{n} (v) VALUES ('saved')")
    rows("RELEASE SAVEPOINT a")
    conn.commit()

    # Cursors.
    named = conn.cursor("same_name")
    named.itersize = 7
    named.execute(f"SELECT id FROM t{n} ORDER BY id")
    w.say("named cursor", [row[0] for row in named][-3:])
    conn.commit()
    scroll = conn.cursor("same_name", scrollable=True)
    scroll.execute(f"SELECT v FROM t{n} ORDER BY id")
    scroll.scroll(5)
    first = scroll.fetchone()
    scroll.scroll(-3)
    w.say("scroll", first, scroll.fetchone())
    conn.commit()
    held = conn.cursor("same_name", withhold=True)
    held.execute(f"SELECT v FROM t{n} ORDER BY id")
    w.say("held cursor", held.fetchmany(2))
    conn.commit()
    w.say("held cursor after commit", held.fetchmany(2))
    held.close()
    conn.commit()
    with w.fails("cursor is gone"):
        rows("FETCH 1 FROM same_name")
    conn.rollback()

    # COPY.
    text = "".join(f"{1000 + i}\tcopied {i}\n" for i in range(500))
    cur.copy_expert(f"COPY t{n} FROM STDIN", io.StringIO(text))
    w.say("copy in", cur.rowcount)
    with w.fails("copy with an error"):
        cur.copy_expert(f"COPY t{n} FROM STDIN", io.StringIO("x\ty\n"))
    conn.rollback()
    cur.copy_expert(f"COPY t{n} FROM STDIN", io.StringIO(text))
    conn.commit()
    out = io.StringIO()
    cur.copy_expert(f"COPY (SELECT v FROM t{n} WHERE id >= 1490 ORDER BY id) TO STDOUT", out)
    w.say("copy out", out.getvalue().split())
    conn.commit()

    # SQL PREPARE: the same name, another text in each worker.
    conn.autocommit = True
    rows(f"PREPARE p (int) AS SELECT $1 * {n}, {'v' if n % 2 else 'id'} FROM t{n} WHERE id = 5")
    w.say("prepared", rows("EXECUTE p (10)"), rows("SELECT name, parameter_types::text FROM pg_prepared_statements"))
    rows("DEALLOCATE p")
    with w.fails("deallocated"):
        rows("EXECUTE p (10)")

    # Temporary tables of one name.
    rows("CREATE TEMP TABLE scratch (v text)")
    rows("INSERT INTO scratch VALUES (%s)", (f"mine {n}",))
    w.say("temporary", rows("SELECT * FROM scratch"))
    rows("DROP TABLE scratch")
    with w.fails("temporary is gone"):
        rows("SELECT * FROM scratch")
    conn.autocommit = False
    rows(f"CREATE TEMP TABLE scratch ON COMMIT DROP AS SELECT {n} AS v")
    w.say("temporary in transaction", rows("SELECT * FROM scratch"))
    conn.commit()

    # Advisory locks.
    conn.autocommit = True
    held_locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    rows(f"SELECT pg_advisory_lock({n})")
    w.say("advisory", rows(held_locks), rows(f"SELECT pg_advisory_unlock({n})"), rows(held_locks), rows(f"SELECT pg_advisory_unlock({n})"))
    conn.autocommit = False
    rows(f"SELECT pg_advisory_xact_lock({n})")
    w.say("advisory in transaction", rows(held_locks))
    conn.commit()
    w.say("advisory after transaction", rows(held_locks))
    conn.commit()

    # NOTIFY to oneself, then to a listener that idles.
    conn.autocommit = True
    rows(f"LISTEN ch{n}")
    rows(f"NOTIFY ch{n}, 'self'")
    conn.poll()
    w.say("notified", [(note.channel, note.payload) for note in conn.notifies])
    rows(f"UNLISTEN ch{n}")
    conn.notifies.clear()
    rows(f"NOTIFY ch{n}, 'nobody'")
    conn.poll()
    w.say("not notified", conn.notifies)
    with alone:
        other = psycopg2.connect("")
        other.autocommit = True
        rows(f"LISTEN ch{n}")
        rows(f"NOTIFY ch{n}, 'from the other'", cursor=other.cursor())
        other.close()
        while not conn.notifies:
            assert select.select([conn], [], [], 20)[0], "no notification"
            conn.poll()
        w.say("notified while idle", [(note.channel, note.payload) for note in conn.notifies])
        rows("UNLISTEN *")

    # Cancel.
    conn.autocommit = False
    rows("SELECT 1")
    timer = threading.Timer(0.2, conn.cancel)
    timer.start()
    with w.fails("cancel"):
        rows("SELECT pg_sleep(30)")
    timer.join()
    conn.rollback()
    rows("SET LOCAL statement_timeout = '50ms'")
    with w.fails("timeout"):
        rows("SELECT pg_sleep(30)")
    conn.rollback()
    w.say("after cancel", rows("SELECT 1"))
    conn.commit()

    # Isolation, read only, two-phase commit, large objects, notices.
    conn.set_session(isolation_level="SERIALIZABLE", readonly=True)
    w.say("serializable", rows("SHOW transaction_isolation"), rows("SHOW transaction_read_only"))
    with w.fails("read only"):
        rows(f"DELETE FROM t{n}")
    conn.rollback()
    conn.set_session(isolation_level="DEFAULT", readonly="DEFAULT")
    conn.tpc_begin(conn.xid(1, f"gtrid {n}", "bqual"))
    rows(f"INSERT INTO t{n} (v) VALUES ('two-phase')")
    conn.tpc_prepare()
    conn.tpc_commit()
    w.say("two-phase", rows(f"SELECT count(*) FROM t{n} WHERE v = 'two-phase'"))
    conn.commit()
    large = conn.lobject(0, "w")
    large.write(f"large {n}" * 1000)
    oid = large.oid
    conn.commit()
    large = conn.lobject(oid, "r")
    large.seek(6999)
    w.say("large object", large.read(7))
    large.unlink()
    conn.commit()
    del conn.notices[:]
    rows(f"DO $$BEGIN FOR i IN 1..3 LOOP RAISE NOTICE 'notice % of {n}', i; END LOOP; END$$")
    w.say("notices", [notice.strip() for notice in conn.notices])
    conn.commit()

    # Left open on purpose: a transaction and a setting that nobody else may see.
    rows(f"SET app.user_id = 'left {n}'")
    rows(f"INSERT INTO t{n} (v) VALUES ('left open')")
    conn.close()
    conn = psycopg2.connect("")
    cur = conn.cursor()
    w.say("a new connection", rows(STATE), rows(f"SELECT count(*) FROM w{n}.t{n} WHERE v = 'left open'"))
    conn.close()


run(body)
