"""psycopg 3: prepare_threshold=1, binary parameters and results, pipelines with errors, server cursors, COPY, NOTIFY,
nested transactions, two-phase commit, cancel, then the same connection mode with asyncio; session state."""
import asyncio
import logging
import threading
import uuid
from datetime import datetime, timezone
from decimal import Decimal

import psycopg
from psycopg import pq
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.enum import EnumInfo, register_enum
from psycopg.types.json import Jsonb

from common import ORDERS, STATE, alone, barrier, run, schema, settings

logging.disable()  # what it says of errors in pipelines depends on how replies were packed


def body(w):
    n = w.n
    conn = psycopg.connect("", autocommit=True, prepare_threshold=1, options=f"-c search_path=w{n},public -c TimeZone=Asia/Tokyo")
    rows = lambda sql, args=None, **more: (lambda cur: cur.fetchall() if cur.description else cur.statusmessage)(conn.execute(sql, args, **more))
    for sql in schema(n):
        rows(sql)
    rows(f"CREATE TABLE t{n} (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text UNIQUE, d numeric)")
    w.say("startup options", rows(STATE), conn.info.parameter_status("TimeZone"))

    # Settings; the same statements are prepared by all, and mean another table for each.
    for sql in settings(n):
        rows(sql)
    barrier.wait()
    for _ in range(5):
        w.say("settings", rows(STATE), conn.info.timezone, conn.info.parameter_status("application_name"))
        w.say("who", rows("SELECT * FROM who"), rows("SELECT * FROM who WHERE n > %s", [0], binary=True))
        w.say("orders", rows(ORDERS), rows("SELECT qty FROM orders WHERE orderid = %s", [5], binary=True))
    w.say("is superuser", conn.info.parameter_status("is_superuser"))
    barrier.wait()
    rows("RESET ROLE")
    rows("RESET ALL")
    w.say("reset all", rows(STATE), conn.info.parameter_status("TimeZone"))

    # Types.
    values = [n, 2**40, 1.5, Decimal("12345678901234567890.123"), True, None, f"text {n} ü", b"\x00\xff", [1, None, 3],
              uuid.UUID(int=n), Jsonb({"n": [n, None]}), datetime(2024, 6, 1, 12, tzinfo=timezone.utc)]
    for binary in (False, True):
        mark = "%b" if binary else "%t"
        cur = conn.cursor(binary=binary)
        for _ in range(3):
            cur.execute("SELECT " + ", ".join([mark] * len(values)), values)
        w.say("types", cur.fetchone())
    rows(f"CREATE TYPE mood{n} AS ENUM ('sad', 'ok')")
    rows(f"CREATE TYPE pair{n} AS (a int, b text)")
    register_enum(EnumInfo.fetch(conn, f"mood{n}"), conn)
    register_composite(CompositeInfo.fetch(conn, f"pair{n}"), conn)
    w.say("own types", rows(f"SELECT 'ok'::mood{n}, array['sad']::mood{n}[], row({n}, 'b')::pair{n}", binary=True))

    # Inserts and prepared statements while the table changes.
    cur = conn.cursor()
    cur.executemany(f"INSERT INTO t{n} (v, d) VALUES (%s, %s) RETURNING id", [(f"v{i}", Decimal(i) / 3) for i in range(50)], returning=True)
    w.say("executemany", cur.rowcount, cur.fetchone(), cur.nextset(), cur.fetchone())
    with conn.transaction():
        rows(f"INSERT INTO t{n} (v) VALUES ('last')")
        w.say("lastval", rows(f"SELECT lastval(), currval(pg_get_serial_sequence('t{n}', 'id'))"))
    for _ in range(3):
        rows(f"SELECT * FROM t{n} WHERE id = %s", [1])
    rows(f"ALTER TABLE t{n} ADD COLUMN extra int")
    with w.fails("changed result type"):
        w.say("after DDL", rows(f"SELECT * FROM t{n} WHERE id = %s", [1]))
    rows("DEALLOCATE ALL")
    w.say("after deallocate", rows(f"SELECT * FROM t{n} WHERE id = %s", [2]))
    rows("DISCARD ALL")

    # Transactions.
    with w.fails("unique"):
        with conn.transaction():
            rows(f"INSERT INTO t{n} (v) VALUES ('lost')")
            with w.fails("inner"):
                with conn.transaction():
                    rows(f"SET LOCAL application_name = 'inner {n}'")
                    rows("SELECT 1/0")
            w.say("between", rows(STATE))
            with conn.transaction(force_rollback=True):
                rows(f"INSERT INTO t{n} (v) VALUES ('undone')")
                w.say("orders in transaction", rows(ORDERS))
            rows(f"INSERT INTO t{n} (v) VALUES ('v1')")
    w.say("rows", rows(f"SELECT count(*) FROM t{n}"), conn.info.transaction_status)
    conn.autocommit = False
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    conn.read_only = True
    conn.deferrable = True
    w.say("isolation", rows("SHOW transaction_isolation"), rows("SHOW transaction_read_only"), rows("SHOW transaction_deferrable"))
    with w.fails("read only"):
        rows(f"DELETE FROM t{n}")
    with w.fails("aborted"):
        rows("SELECT 1")
    conn.rollback()
    conn.isolation_level = conn.read_only = conn.deferrable = None
    xid = conn.xid(1, f"psycopg {n}", "b")
    conn.tpc_begin(xid)
    rows(f"INSERT INTO t{n} (v) VALUES ('two-phase')")
    conn.tpc_prepare()
    conn.tpc_rollback()
    w.say("two-phase", rows(f"SELECT count(*) FROM t{n} WHERE v = 'two-phase'"))
    conn.commit()

    # Cursors on the server.
    with conn.cursor("same_name", binary=True) as cur:
        cur.execute(f"SELECT id, d FROM t{n} WHERE id < %s ORDER BY id", [9])
        cur.itersize = 3
        w.say("server cursor", list(cur)[-2:])
    with conn.cursor("same_name", scrollable=True, withhold=True) as cur:
        cur.execute(f"SELECT id FROM t{n} ORDER BY id")
        conn.commit()
        cur.scroll(10, "absolute")
        w.say("held cursor", cur.fetchmany(2))
        conn.commit()
        cur.scroll(-5)
        w.say("held cursor", cur.fetchone())
    conn.commit()
    conn.autocommit = True
    with psycopg.connect("", autocommit=True) as other:  # libpq stays in single-row mode when a pipeline follows
        w.say("stream", [row for row in other.cursor().stream("SELECT orderid FROM orders ORDER BY 1 LIMIT 3")])
        w.say("stream", [row for row in other.cursor().stream(f"SELECT id FROM w{n}.t{n} ORDER BY id LIMIT 30")][-1])
        with w.fails("stream with an error"):
            for row in other.cursor().stream("SELECT 10 / (3 - i) FROM generate_series(1, 9) i"):
                w.say("streamed", row)

    # Pipelines: implicit transactions, errors, skipped statements, several at once.
    with conn.pipeline() as pipe:
        one = conn.execute(f"INSERT INTO t{n} (v) VALUES ('pipe 1') RETURNING v")
        two = conn.execute("SELECT * FROM who")
        three = conn.execute(ORDERS)
        pipe.sync()
        w.say("pipeline", one.fetchall(), two.fetchall(), three.fetchall())
    with w.fails("pipeline with an error"):
        with conn.pipeline() as pipe:
            conn.execute(f"INSERT INTO t{n} (v) VALUES ('pipe lost')")
            conn.execute("SELECT 1/0")
            conn.execute(f"INSERT INTO t{n} (v) VALUES ('pipe skipped')")
            pipe.sync()
    with conn.pipeline(), conn.transaction():
        conn.execute(f"SET LOCAL app.user_id = 'pipe {n}'")
        state = conn.execute(STATE)
        cur = conn.cursor()
        cur.executemany(f"INSERT INTO t{n} (v) VALUES (%s)", [(f"pipe many {i}",) for i in range(300)])
    w.say("pipeline in transaction", state.fetchall(), rows(f"SELECT count(*) FROM t{n}"), rows(STATE))
    with conn.pipeline() as pipe:
        found = []
        for i in range(20):
            found.append(conn.execute("SELECT * FROM who"))
            if i % 6 == 0:
                pipe.sync()
    w.say("pipeline of many syncs", [cur.fetchall() for cur in found][::7])

    # COPY, text and binary.
    with conn.cursor() as cur:
        with cur.copy(f"COPY t{n} (v, d) FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(["text", "numeric"])
            for i in range(200):
                copy.write_row((f"copied {i}", Decimal(i)))
        w.say("copy in", cur.rowcount)
        with w.fails("copy given up"):
            with cur.copy(f"COPY t{n} (v) FROM STDIN") as copy:
                copy.write_row(("given up",))
                raise ValueError("no more")
        with cur.copy(f"COPY (SELECT v, d FROM t{n} WHERE v LIKE 'copied 19%%' ORDER BY id) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["text", "numeric"])
            w.say("copy out", list(copy.rows())[-2:])
        with cur.copy(f"COPY t{n} (v) TO STDOUT") as copy:
            w.say("copy out", sum(len(block) for block in copy))
    w.say("after copy", rows("SELECT 1"))

    # Temporary tables, advisory locks, SQL PREPARE.
    rows(f"CREATE TEMP TABLE scratch AS SELECT {n} AS v, {'now() AS t' if n % 2 else '1 AS u'}")
    for _ in range(3):
        w.say("temporary", rows("SELECT v FROM scratch"))
    rows("DROP TABLE scratch")
    w.say("lock", rows("SELECT pg_try_advisory_lock(%s)", [n]), rows("SELECT pg_advisory_unlock_all()"),
          rows("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"))
    rows(f"PREPARE p AS SELECT {n}")
    w.say("prepared", rows("EXECUTE p"), rows("EXECUTE p"))
    rows("DEALLOCATE p")

    # Notifications.
    rows(f"LISTEN ch{n}")
    conn.execute(f"SELECT pg_notify('ch{n}', 'self')")
    w.say("notified", [(note.channel, note.payload) for note in conn.notifies(timeout=20, stop_after=1)])
    rows("UNLISTEN *")
    with alone:
        rows(f"LISTEN ch{n}")
        with psycopg.connect("", autocommit=True) as other:
            other.execute(f"NOTIFY ch{n}, 'other'")
        w.say("notified while idle", [(note.channel, note.payload) for note in conn.notifies(timeout=20, stop_after=1)])
        rows("UNLISTEN *")

    # Cancel, errors with their fields, simple and multi-statement queries.
    with conn.transaction():
        rows("SELECT 1")
        timer = threading.Timer(0.2, conn.cancel_safe)
        timer.start()
        with w.fails("cancel"):
            with conn.transaction():
                rows("SELECT pg_sleep(30)")
        timer.join()
        w.say("after cancel", rows("SELECT 1"))
    try:
        rows(f"INSERT INTO t{n} (v) VALUES ('v1')")
    except psycopg.Error as error:
        w.say("fields", error.diag.severity, error.diag.constraint_name, error.diag.table_name, error.diag.message_detail)
    cur = conn.execute(f"SELECT 1; INSERT INTO t{n} (v) VALUES ('multi'); SELECT * FROM who")
    w.say("several", [(result.statusmessage, result.fetchall() if result.description else None) for result in cur.results()])
    with w.fails("several with an error"):
        rows(f"INSERT INTO t{n} (v) VALUES ('undone'); SELECT 1/0; SELECT 2")
    w.say("undone", rows(f"SELECT count(*) FROM t{n} WHERE v = 'undone'"))
    result = conn.pgconn.exec_params(b"", [])
    w.say("empty", pq.ExecStatus(result.status).name)
    conn.close()

    asyncio.run(with_asyncio(w))


async def with_asyncio(w):
    n = w.n
    async with await psycopg.AsyncConnection.connect("", autocommit=True, prepare_threshold=1, options=f"-c search_path=w{n}") as conn:
        for i in range(4):
            cur = await conn.execute("SELECT *, %s::int FROM who", [i])
            w.say("async", await cur.fetchall())
        async with conn.pipeline():
            first = await conn.execute("SELECT * FROM who")
            async with conn.transaction():
                await conn.execute(f"INSERT INTO t{n} (v) VALUES ('async')")
                second = await conn.execute(f"SELECT v, lastval() - currval('t{n}_id_seq') FROM t{n} WHERE v = 'async'")
        w.say("async pipeline", await first.fetchall(), await second.fetchall())
        async with conn.transaction(), conn.cursor("same_name") as cur:
            await cur.execute(f"SELECT id FROM t{n} ORDER BY id")
            w.say("async cursor", await cur.fetchmany(2), await cur.fetchmany(2))
        async with conn.transaction():
            await conn.execute("SELECT 1")
            sleep = asyncio.create_task(conn.execute("SELECT pg_sleep(30)"))
            await asyncio.sleep(0.2)
            await conn.cancel_safe(timeout=10)
            with w.fails("async cancel"):
                await sleep
            with w.fails("async aborted"):
                await conn.execute("SELECT 1")
            raise psycopg.Rollback()


run(body)
