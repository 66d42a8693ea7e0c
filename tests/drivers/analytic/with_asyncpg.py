"""asyncpg over analytic relations, all in binary and prepared: every read, parameters of every type, cursors, COPY, records
as dictionaries, transactions of each isolation level, its pool's reset string, timeouts, cached statements."""
import asyncio
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import asyncpg

from shared import ERRORS, READS, fails_async, run_async

# Minutes, on any of the servers.
SLOW = "SELECT count(*) FROM events a, events b, events c, events d WHERE a.reading + b.reading + c.reading + d.reading < 0"

PARAMETERS = [
    ("bigint", "id = $1", 77), ("int", "device = $1 AND id < 20", 3), ("small int", "small = $1", 5), ("float", "reading = $1", 2.125), ("real", "ratio = $1 AND id < 9", 0.25),
    ("numeric", "price = $1", Decimal("4.50")), ("bool", "ok = $1 AND id < 9", True), ("text", "kind = $1 AND id < 9", "kind 1"), ("date", "day = $1 AND id < 15", date(2026, 1, 2)),
    ("timestamp", "at < $1", datetime(2026, 1, 1, 5)), ("timestamptz", "seen < $1", datetime(2026, 1, 1, 5, tzinfo=timezone.utc)), ("time", "hour = $1", time(0, 8)),
    ("interval", "span < $1", timedelta(minutes=5)), ("bytes", "raw = $1 AND id < 4", b"\x00\xff'"), ("array", "id = ANY($1)", [3, 1, 499]),
    ("cast array", "id = ANY($1::bigint[])", [3, 1, 499]), ("array of texts", "kind = ANY($1) AND id < 5", ["kind 1", "kind 3"]), ("array of numerics", "price = ANY($1)", [Decimal("1.5")]),
    ("empty array", "id = ANY($1)", []), ("json", "doc -> 'tags' = $1 AND id < 9", '["a", 1]'), ("NULL", "device = $1", None), ("cast", "id = $1::int", 12),
    ("text cast", "kind = $1::text AND id < 9", "kind 2"), ("limit", "id > 0 ORDER BY id LIMIT $1", 2), ("limit and offset", "id > 0 ORDER BY id OFFSET 5 LIMIT $1", 2),
]


async def body(w, meet, _alone):
    conn = await asyncpg.connect(server_settings={"application_name": f"worker {w.n}"}, ssl=False)
    await meet.wait()

    async def rows(sql, *args):
        return [tuple(row) for row in await conn.fetch(sql, *args)]

    for name, sql in READS:
        w.say(name, await rows(sql), await rows(sql) == await rows(sql))
        statement = await conn.prepare(sql)
        w.say(f"{name}, columns", [attribute.name for attribute in statement.get_attributes()])
    for name, condition, value in PARAMETERS:
        condition = condition if " ORDER BY " in condition else condition + " ORDER BY id"
        w.say(f"parameter {name}", [await rows(f"SELECT id, ref FROM events WHERE {condition}", value) for _ in range(2)][-1])
    w.say("limit and offset", await rows("SELECT id FROM events ORDER BY id LIMIT $1 OFFSET $2", 3, 7))
    w.say("several parameters", await rows("SELECT id, $1::text || kind, $2::int + small FROM events WHERE id BETWEEN $3 AND $4 ORDER BY id", "a ", 3, 4, 6))
    w.say("as dictionaries", [dict(row) for row in await conn.fetch("SELECT id, kind AS k FROM events WHERE id < 3 ORDER BY id")])
    w.say("values", await conn.fetchval("SELECT count(*) FROM daily"), dict(await conn.fetchrow("SELECT * FROM devices WHERE id = $1", w.n)), await conn.fetchrow("SELECT id FROM events WHERE id < 0"))
    w.say("statement text", await conn.execute("SELECT count(*) FROM events; SELECT name FROM devices"))
    w.say("fetchmany", await conn.fetchmany("SELECT name FROM devices WHERE id = $1", [(1,), (2,), (3,)]))
    held = await conn.prepare("SELECT id, kind FROM events WHERE id > $1 ORDER BY id LIMIT 2")
    for i in range(4):
        w.say("prepared", await held.fetch(i * 100), held.get_statusmsg())
    await conn.set_type_codec("jsonb", schema="pg_catalog", encoder=repr, decoder=lambda text: ("decoded", text))
    w.say("codec", await rows("SELECT doc FROM events WHERE id = 2"))
    await conn.reset_type_codec("jsonb", schema="pg_catalog")

    for name, sql in ERRORS:
        await fails_async(w, name, rows(sql))
        await fails_async(w, f"{name}, simple", conn.execute(sql))
    await fails_async(w, "wrong value", rows("SELECT name FROM devices WHERE id = $1", "one"))
    await fails_async(w, "wrong number", rows("SELECT name FROM devices WHERE id = $1", 1, 2))

    # Transactions, cursors.
    for isolation in ("read_committed", "repeatable_read", "serializable"):
        for readonly in (True, False):
            async with conn.transaction(isolation=isolation, readonly=readonly):
                w.say(f"{isolation} {readonly}", await rows("SELECT count(*), max(price) FROM events"), await rows("SELECT count(*) FROM daily"), await rows("SHOW transaction_isolation"))
    async with conn.transaction():
        async def inner():
            async with conn.transaction():
                await rows("SELECT 1 / (id - id) FROM events")

        await fails_async(w, "inner", inner())
        w.say("healed", await rows("SELECT count(*) FROM events"), conn.is_in_transaction())
        cursor = await conn.cursor("SELECT id, kind FROM events WHERE id > $1 ORDER BY id", 10)
        w.say("cursor", await cursor.fetch(2), await cursor.forward(10), await cursor.fetchrow(), await cursor.fetch(1000) != [])
        w.say("cursor with prefetch", [row[0] async for row in conn.cursor("SELECT id FROM events ORDER BY id", prefetch=70)][-1])
        cursor = await conn.cursor("SELECT id FROM events ORDER BY id")
        w.say("beside statements", await cursor.fetch(2), await rows("SELECT count(*) FROM devices"), await rows("SELECT 1"), await cursor.fetch(2))

    async def failing():
        async with conn.transaction():
            await rows("SELECT count(*) FROM events")
            await rows("SELECT nothing FROM events")

    await fails_async(w, "a failed transaction", failing())

    # COPY.
    for options in ({}, {"format": "csv", "header": True, "null": "none"}, {"format": "binary"}):
        parts = []

        async def take(data):
            parts.append(bytes(data))

        doc = "" if options.get("format") == "binary" else ", doc"  # RisingWave's has no spaces there
        done = await conn.copy_from_query(f"SELECT id, kind, device, price, ok, seen{doc} FROM events WHERE id < $1 ORDER BY id", 11, output=take, **options)
        w.say(f"copy {options}", done, b"".join(parts))

    # Timeouts, which asyncpg ends with a cancel request.
    await fails_async(w, "timeout", conn.fetch(SLOW, timeout=1))
    w.say("after a timeout", await rows("SELECT count(*) FROM events"))
    await conn.execute("SET statement_timeout = '200ms'")
    await fails_async(w, "statement_timeout", rows(SLOW))
    await conn.execute("SET TIME ZONE 'Asia/Tokyo'")
    w.say("zone", await rows("SELECT seen, seen::date, seen::varchar FROM events WHERE id = 3"))
    await conn.reset()
    await conn.close()

    await meet.wait()
    async with asyncpg.create_pool(min_size=1, max_size=3, server_settings={"application_name": f"pool {w.n}"}) as pool:

        async def use(i):
            async with pool.acquire() as mine, mine.transaction(readonly=i % 2 == 0):
                return tuple(await mine.fetchrow("SELECT count(*), $1::int FROM events WHERE id <= $2", i, i))

        w.say("pool", await asyncio.gather(*(use(i) for i in range(12))))


run_async(body)
