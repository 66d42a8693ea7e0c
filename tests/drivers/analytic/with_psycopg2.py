"""psycopg2 over analytic relations: client-side parameters of every type, named and held cursors, itersize, COPY, implicit
transactions, isolation, savepoints around reads, errors, cancel and timeout."""
import io
import threading
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import psycopg2
import psycopg2.extensions
from psycopg2.extras import Json, NamedTupleCursor, RealDictCursor

from shared import ERRORS, READS, alone, fails, run


def body(w):
    conn = psycopg2.connect("", application_name=f"worker {w.n}")
    conn.autocommit = True
    cur = conn.cursor()

    def rows(sql, args=None, cursor=None):
        cursor = cursor or cur
        cursor.execute(sql, args)
        return [tuple(bytes(value) if isinstance(value, memoryview) else value for value in row) for row in cursor]

    for name, sql in READS:
        found = rows(sql)
        w.say(name, cur.rowcount, cur.statusmessage, [column.name for column in cur.description], found)

    # Parameters: the driver writes them into the text.
    for name, sql, value in [
        ("int", "id = %s", 77), ("bigint", "id * 1000000000 = %s", 77000000000), ("float", "reading = %s", 2.125), ("numeric", "price = %s", Decimal("4.50")),
        ("bool", "ok = %s AND id < 9", True), ("text", "kind = %s AND id < 9", "kind 1"), ("date", "day = %s AND id < 15", date(2026, 1, 2)),
        ("timestamp", "at < %s", datetime(2026, 1, 1, 5)), ("timestamptz", "seen < %s", datetime(2026, 1, 1, 5, tzinfo=timezone.utc)),
        ("time", "hour = %s", time(0, 8)), ("interval", "span < %s", timedelta(minutes=5)), ("bytes", "raw = %s AND id < 4", b"\x00\xff'"),
        ("array", "id = ANY(%s)", [3, 1, 499]), ("array of texts", "kind = ANY(%s) AND id < 5", ["kind 1", "kind 3"]), ("tuple", "id IN %s", (5, 6)),
        ("quotes", "kind <> %s AND id = 1", "it's \\ \"so\""), ("json", "doc -> 'tags' = %s AND id < 9", Json(["a", 1])),
    ]:
        w.say(f"parameter {name}", rows(f"SELECT id, {'doc' if name == 'json' else 'ref'} FROM events WHERE {sql} ORDER BY id", (value,)))
    w.say("limit", rows("SELECT id FROM events ORDER BY id LIMIT %s OFFSET %s", (3, 7)))
    w.say("named", rows("SELECT count(*) FROM events WHERE id > %(low)s AND id <= %(high)s", {"low": 3, "high": 9}))
    w.say("NULL", rows("SELECT count(*) FROM events WHERE device = %s", (None,)), rows("SELECT coalesce(%s, kind) FROM events WHERE id = 1", (None,)))
    with conn.cursor(cursor_factory=RealDictCursor) as named:
        named.execute("SELECT id, kind FROM events WHERE id = 4")
        w.say("as a dictionary", dict(named.fetchone()))
    with conn.cursor(cursor_factory=NamedTupleCursor) as named:
        named.execute("SELECT id, kind FROM events WHERE id = 4")
        w.say("as a named tuple", named.fetchall())
    w.say("several", rows("SELECT count(*) FROM events; SELECT name FROM devices WHERE id = 1"))

    for name, sql in ERRORS:
        fails(w, name, lambda: rows(sql))

    # COPY.
    for options in ("", "WITH CSV HEADER", "(FORMAT csv, NULL 'none', DELIMITER ';', FORCE_QUOTE *)", "(FORMAT binary)"):
        out = io.BytesIO()
        doc = "" if "binary" in options else ", doc"  # RisingWave's has no spaces there
        cur.copy_expert(f"COPY (SELECT id, kind, device, price, ok, day, at, raw{doc} FROM events WHERE id < 11 ORDER BY id) TO STDOUT {options}", out)
        w.say(f"copy {options}", cur.rowcount, out.getvalue())
    fails(w, "copy with an error", lambda: cur.copy_expert("COPY (SELECT nothing FROM events) TO STDOUT", io.StringIO()))

    # Transactions: psycopg2 begins by itself.
    conn.autocommit = False
    w.say("in a transaction", rows("SELECT count(*) FROM events"), conn.get_transaction_status())
    fails(w, "an error", lambda: rows("SELECT nothing FROM events"))
    fails(w, "aborted", lambda: rows("SELECT count(*) FROM events"))
    w.say("status", conn.get_transaction_status())
    conn.rollback()
    rows("SELECT count(*) FROM events")
    cur.execute("SAVEPOINT a")
    fails(w, "within a savepoint", lambda: rows("SELECT 1 / (id - id) FROM events"))
    cur.execute("ROLLBACK TO SAVEPOINT a")
    w.say("healed", rows("SELECT max(id) FROM events"), rows("SELECT 1"))
    cur.execute("RELEASE SAVEPOINT a")
    conn.commit()
    for level in ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"):
        for readonly in (True, False):
            conn.set_session(isolation_level=level, readonly=readonly)
            w.say(f"{level} {readonly}", rows("SELECT count(*), max(price) FROM events"), rows("SELECT count(*) FROM daily"), rows("SHOW transaction_isolation"))
            conn.commit()
    conn.set_session(isolation_level="DEFAULT", readonly="DEFAULT")

    # Cursors on the server.
    with conn.cursor("named") as named:
        named.itersize = 70
        named.execute("SELECT id, price FROM events WHERE id > %s ORDER BY id", (100,))
        w.say("named cursor", named.fetchone(), named.fetchmany(3), sum(row[0] for row in named), rows("SELECT count(*) FROM devices"))
    conn.commit()
    with conn.cursor("two", scrollable=False) as named, conn.cursor("three") as other:
        named.execute("SELECT id FROM events ORDER BY id")
        other.execute("SELECT name FROM devices ORDER BY id")
        w.say("two cursors", named.fetchmany(2), other.fetchmany(2), named.fetchmany(2), other.fetchall()[-1])
        named.scroll(100)
        w.say("forward", named.fetchone())
    conn.commit()
    with alone:  # one that is held has an analytic connection of its own
        held = conn.cursor("held", withhold=True)
        held.execute("SELECT id FROM events ORDER BY id LIMIT 90")
        first = held.fetchmany(2)
        conn.commit()
        w.say("held cursor", first, held.fetchmany(2), len(held.fetchall()))
        held.close()
        conn.commit()
    fails(w, "the cursor is gone", lambda: rows("FETCH 1 FROM held"))
    conn.rollback()

    # Timeout and cancel.
    cur.execute("SET LOCAL statement_timeout = '200ms'")
    fails(w, "timeout", lambda: rows(SLOW))
    conn.rollback()
    timer = threading.Timer(1, conn.cancel)
    timer.start()
    fails(w, "cancel", lambda: rows(SLOW))
    timer.join()
    conn.rollback()
    w.say("afterwards", rows("SELECT count(*) FROM events"), conn.get_transaction_status())
    conn.close()


# Minutes, on any of the servers.
SLOW = "SELECT count(*) FROM events a, events b, events c, events d WHERE a.reading + b.reading + c.reading + d.reading < 0"

run(body)
