"""psycopg 3 over analytic relations: every read in text and binary, by simple and extended protocol and prepared; parameters
of every type; server cursors, stream(), pipelines, COPY, transactions, cancel; then the same with asyncio and a pool."""
import asyncio
import logging
import threading
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import psycopg
from psycopg import pq
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from shared import ERRORS, READS, alone, fails, fails_async, run

logging.disable()  # what it says of errors in pipelines depends on how replies were packed

# Minutes, on any of the servers.
SLOW = "SELECT count(*) FROM events a, events b, events c, events d WHERE a.reading + b.reading + c.reading + d.reading < 0"

PARAMETERS = [
    ("small int", "id = {}", 77), ("int", "id * 1000 = {}", 77000), ("bigint", "id * 1000000000 = {}", 77000000000), ("float", "reading = {}", 2.125),
    ("numeric", "price = {}", Decimal("4.50")), ("bool", "ok = {} AND id < 9", True), ("text", "kind = {} AND id < 9", "kind 1"), ("date", "day = {} AND id < 15", date(2026, 1, 2)),
    ("timestamp", "at < {}", datetime(2026, 1, 1, 5)), ("timestamptz", "seen < {}", datetime(2026, 1, 1, 5, tzinfo=timezone.utc)), ("time", "hour = {}", time(0, 8)),
    ("interval", "span < {}", timedelta(minutes=5)), ("bytes", "raw = {} AND id < 4", b"\x00\xff'"), ("array", "id = ANY({})", [3, 1, 499]),
    ("array of texts", "kind = ANY({}) AND id < 5", ["kind 1", "kind 3"]), ("array of numerics", "price = ANY({})", [Decimal("1.5"), Decimal("3.00")]),
    ("empty array", "id = ANY({}::bigint[])", []), ("json", "doc -> 'tags' = {} AND id < 9", Jsonb(["a", 1])), ("quotes", "kind <> {} AND id = 1", "it's \\ \"so\""),
    ("NULL", "device = {}", None), ("cast", "id = {}::bigint", "12"), ("limit", "id > 0 ORDER BY id LIMIT {} OFFSET 3 --", 2), ("offset", "id > 495 ORDER BY id OFFSET {} --", 2),
]


def body(w):
    conn = psycopg.connect("", autocommit=True, prepare_threshold=3, application_name=f"worker {w.n}")
    rows = lambda sql, args=None, **more: conn.execute(sql, args, **more).fetchall()

    for name, sql in READS:
        cur = conn.execute(sql)
        w.say(name, cur.rowcount, cur.statusmessage, [column.name for column in cur.description], cur.fetchall())
        for prepare in (False, True):
            w.say(f"{name}, binary", rows(sql.replace("%", "%%"), [], binary=True, prepare=prepare))
        w.say(f"{name}, simple", psycopg.ClientCursor(conn).execute(sql).fetchall())
    for mark in ("%s", "%b", "%t"):
        for name, condition, value in PARAMETERS:
            if mark == "%b" and name == "NULL":
                continue
            condition = condition if " ORDER BY " in condition else condition + " ORDER BY id"
            sql = f"SELECT id, ref FROM events WHERE {condition.format(mark)}"
            w.say(f"parameter {name} {mark}", [rows(sql, [value], binary=mark == "%b") for _ in range(4)][-1])
    w.say("several parameters", rows("SELECT id, %(text)s || kind, %(n)s::int + small FROM events WHERE id BETWEEN %(n)s AND %(m)s ORDER BY id", {"text": "a ", "n": 3, "m": 5}))
    with conn.cursor(row_factory=dict_row) as cur:
        w.say("as dictionaries", cur.execute("SELECT id, kind FROM events WHERE id < 3 ORDER BY id").fetchall())
    for _ in range(6):
        w.say("prepared", rows("SELECT name FROM devices WHERE id = %s", [w.n], prepare=True))
    rows("SELECT 1")
    conn.execute("DEALLOCATE ALL")
    w.say("after deallocate", rows("SELECT name FROM devices WHERE id = %s", [w.n], prepare=True))
    cur = conn.execute("SELECT count(*) FROM events; SELECT name FROM devices WHERE id = 1; SELECT 7")
    w.say("several", [result.fetchall() for result in cur.results()])

    for name, sql in ERRORS:
        for args in (None, []):
            fails(w, name, lambda: rows(sql, args, prepare=args is not None))
    result = conn.pgconn.exec_params(b"SELECT name FROM devices WHERE id = $1 AND name = $2", [b"1"])
    w.say("too few parameters", pq.ExecStatus(result.status).name, result.error_field(pq.DiagnosticField.SQLSTATE))
    result = conn.pgconn.exec_params(b"SELECT name FROM devices WHERE id = $1", [b"one"])
    w.say("no number", pq.ExecStatus(result.status).name)

    cursors(w, conn, rows)
    pipelines(w, conn)
    transactions(w, conn, rows)
    conn.close()
    asyncio.run(with_asyncio(w))


def cursors(w, conn, rows):
    with conn.transaction(), conn.cursor("named", binary=w.n % 2 == 1) as cur:
        cur.execute("SELECT id, price, day, marks FROM events WHERE id > %s ORDER BY id", [100])
        w.say("server cursor", cur.fetchone(), cur.fetchmany(2))
        cur.itersize = 60
        w.say("server cursor, on", sum(row[0] for row in cur))
    with conn.transaction(), conn.cursor("named", scrollable=False) as cur:
        cur.execute("SELECT id FROM events ORDER BY id")
        cur.scroll(20)
        w.say("scrolled", cur.fetchmany(2), rows("SELECT count(*) FROM daily"))
    with alone, conn.cursor("held", withhold=True) as cur:  # it has an analytic connection of its own
        cur.execute("SELECT id FROM events ORDER BY id")
        w.say("held cursor", cur.fetchmany(3), rows("SELECT 1"), cur.fetchmany(2))
    w.say("stream", [row for row in conn.cursor().stream("SELECT id, kind FROM events WHERE id < %s ORDER BY id", [50])][-2:])
    with psycopg.connect("", autocommit=True) as other:  # libpq stays in single-row mode when something follows
        fails(w, "stream with an error", lambda: list(other.cursor().stream("SELECT nothing FROM events")))
    for options in ("", "(FORMAT csv, HEADER)", "(FORMAT binary)"):
        doc = "" if "binary" in options else ", doc"  # RisingWave's has no spaces there
        with conn.cursor() as cur, cur.copy(f"COPY (SELECT id, kind, device, price, ok, seen{doc} FROM events WHERE id < 11 ORDER BY id) TO STDOUT {options}") as copy:
            w.say(f"copy {options}", b"".join(copy))
    with conn.cursor() as cur, cur.copy("COPY (SELECT id, kind, price FROM events WHERE id > %s ORDER BY id) TO STDOUT (FORMAT binary)", [495]) as copy:
        copy.set_types(["int8", "varchar", "numeric"])
        w.say("copied rows", list(copy.rows()))


def pipelines(w, conn):
    with conn.pipeline() as pipe:
        found = [conn.execute("SELECT name, %s::int FROM devices WHERE id = %s", [i, i % 10]) for i in range(30)]
        found.append(conn.execute("SELECT 1"))
        found.append(conn.execute("SELECT count(*) FROM daily"))
        pipe.sync()
        w.say("pipeline", [cur.fetchall() for cur in found])

    def broken():
        with conn.pipeline() as pipe:
            conn.execute("SELECT count(*) FROM events")
            conn.execute("SELECT nothing FROM events")
            conn.execute("SELECT count(*) FROM devices")
            pipe.sync()

    fails(w, "pipeline with an error", broken)
    with conn.pipeline(), conn.transaction():
        found = [conn.execute("SELECT max(id) FROM events"), conn.execute("SELECT 2"), conn.execute("SELECT name FROM devices ORDER BY id LIMIT %s", [2])]
    w.say("pipeline in a transaction", [cur.fetchall() for cur in found], conn.info.transaction_status)


def transactions(w, conn, rows):
    def within():
        with conn.transaction():
            rows("SELECT count(*) FROM events")
            with conn.transaction():
                rows("SELECT nothing FROM events")

    fails(w, "nested", within)
    with conn.transaction():
        def inner():
            with conn.transaction():
                rows("SELECT 1 / (id - id) FROM events")

        fails(w, "inner", inner)
        w.say("healed", rows("SELECT count(*) FROM events"), conn.info.transaction_status)
    conn.autocommit = False
    for level in (psycopg.IsolationLevel.READ_COMMITTED, psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE):
        for read_only in (True, False):
            conn.isolation_level, conn.read_only = level, read_only
            w.say(f"{level.name} {read_only}", rows("SELECT count(*) FROM events"), rows("SELECT max(total) FROM daily"), rows("SHOW transaction_isolation"))
            fails(w, "an error", lambda: rows("SELECT nothing FROM events"))
            fails(w, "aborted", lambda: rows("SELECT count(*) FROM events"))
            conn.rollback()
    conn.isolation_level = conn.read_only = None
    conn.autocommit = True
    conn.execute("SET statement_timeout = 200")
    fails(w, "timeout", lambda: rows(SLOW))
    conn.execute("RESET statement_timeout")
    timer = threading.Timer(1, conn.cancel_safe)
    timer.start()
    fails(w, "cancel", lambda: rows(SLOW))
    timer.join()
    w.say("zone", zone(conn))
    w.say("afterwards", rows("SELECT count(*) FROM events"), conn.info.transaction_status)


def zone(conn):
    conn.execute("SET TIME ZONE 'Asia/Tokyo'")
    found = conn.execute("SELECT seen, seen::date, seen::varchar FROM events WHERE id = 3").fetchall()
    conn.execute("RESET TIME ZONE")
    return found


async def with_asyncio(w):
    async with await psycopg.AsyncConnection.connect("", autocommit=True, prepare_threshold=1) as conn:
        for i in range(3):
            cur = await conn.execute("SELECT id, kind, seen FROM events WHERE id = ANY(%s) ORDER BY id", [[i, i + 5]])
            w.say("async", await cur.fetchall())
        async with conn.pipeline():
            found = [await conn.execute("SELECT name FROM devices WHERE id = %s", [i]) for i in range(5)]
        w.say("async pipeline", [await cur.fetchall() for cur in found])
        async with conn.transaction(), conn.cursor("named") as cur:
            await cur.execute("SELECT id FROM events ORDER BY id")
            w.say("async cursor", await cur.fetchmany(2), await cur.fetchmany(2))
        slow = asyncio.create_task(conn.execute(SLOW))
        await asyncio.sleep(1)
        await conn.cancel_safe(timeout=10)
        await fails_async(w, "async cancel", slow)

    async def use(i):
        async with await psycopg.AsyncConnection.connect("") as mine:
            cur = await mine.execute("SELECT count(*), %s::int FROM events WHERE id <= %s", [i, i])
            return await cur.fetchone()

    w.say("many clients", await asyncio.gather(*(use(i) for i in range(8))))


run(body)
