"""asyncpg: one pool of eight connections whose reset string runs on each release, prepared statements and the
statement cache over DDL, cursors, COPY, type introspection, LISTEN, isolation levels, timeouts, session state."""
import asyncio
from datetime import timedelta

import asyncpg

from common import ORDERS, STATE, run_async, schema, settings


async def body(w, meet, alone):
    n = w.n
    conn = await asyncpg.connect(server_settings={"search_path": f"w{n},public", "application_name": f"start {n}"}, ssl=False)

    async def rows(sql, *args):
        return [tuple(row) for row in await conn.fetch(sql, *args)]

    for sql in schema(n):
        await conn.execute(sql)
    await conn.execute(f"CREATE TABLE t{n} (id serial PRIMARY KEY, v text UNIQUE, a int[]); INSERT INTO t{n} (v) SELECT 'row ' || i FROM generate_series(1, 40) i")
    w.say("startup settings", await rows(STATE), conn.get_settings().TimeZone)

    for sql in settings(n):
        await conn.execute(sql)
    await meet.wait()
    for i in range(5):
        w.say("settings", await rows(STATE), conn.get_settings().TimeZone, conn.get_settings().application_name)
        w.say("who", await rows("SELECT * FROM who"), await rows("SELECT *, $1::int FROM who", i))
        w.say("orders", await rows(ORDERS), await rows("SELECT qty FROM orders WHERE orderid = $1", i + 5))
    await meet.wait()
    await conn.reset()  # pg_advisory_unlock_all, CLOSE ALL, UNLISTEN *, RESET ALL
    await conn.execute("RESET ROLE")
    w.say("reset", await rows(STATE), conn.get_settings().TimeZone)

    # Types, which asyncpg looks up in the catalog when it first meets them.
    await conn.execute(f"CREATE TYPE mood AS ENUM ('sad{n}', 'ok'); CREATE TYPE pair AS (a int, m mood); CREATE DOMAIN few AS int CHECK (value < {n + 10})")
    w.say("types", await rows("SELECT $1::mood, $2::pair, $3::mood[], $4::pair[], $5::few, $6::int4range, $7::jsonb, $8::interval, $9::inet",
          "ok", (n, f"sad{n}"), ["ok"], [(1, "ok")], 9, asyncpg.Range(1, n + 2), '{"a": 1}', timedelta(1), "10.0.0.1"))
    with w.fails("domain"):
        await rows("SELECT $1::few", n + 10)
    await conn.set_type_codec("jsonb", schema="pg_catalog", encoder=repr, decoder=lambda text: ("decoded", text))
    w.say("codec", await rows("SELECT '{}'::jsonb"))

    # Prepared statements and DDL.
    held = await conn.prepare("SELECT id, v FROM t%d WHERE id > $1 ORDER BY id LIMIT 2" % n)
    w.say("prepared", [tuple(row) for row in await held.fetch(3)], held.get_parameters()[0].name, [a.name for a in held.get_attributes()])
    await rows(f"SELECT * FROM t{n} WHERE id = $1", 1)
    await conn.execute(f"ALTER TABLE t{n} ADD COLUMN more text DEFAULT 'more'")
    with w.fails("cached statement over DDL"):
        w.say("cached statement", await rows(f"SELECT * FROM t{n} WHERE id = $1", 1))
    await conn.execute(f"ALTER TABLE t{n} DROP COLUMN more")
    with w.fails("cached statement over DDL in a transaction"):
        async with conn.transaction():
            w.say("cached statement", await rows(f"SELECT * FROM t{n} WHERE id = $1", 1))
    w.say("cached statement", await rows(f"SELECT * FROM t{n} WHERE id = $1", 1))
    await conn.execute("DROP TABLE IF EXISTS who2; CREATE TABLE who2 (a int)")
    await rows("SELECT * FROM who2")
    await conn.execute("DROP TABLE who2; CREATE TABLE who2 (b text)")
    w.say("recreated", await rows("SELECT * FROM who2"), await rows("SELECT count(*) FROM who2"))
    w.say("prepared still", [tuple(row) for row in await held.fetch(7)])
    await conn.executemany(f"INSERT INTO t{n} (v, a) VALUES ($1, $2)", [(f"many {i}", [i, None]) for i in range(100)])
    with w.fails("executemany is one transaction"):
        await conn.executemany(f"INSERT INTO t{n} (v) VALUES ($1)", [("once",), ("twice",), ("once",)])
    w.say("count", await rows(f"SELECT count(*) FROM t{n}"))
    w.say("fetchmany", len(await conn.fetchmany(f"INSERT INTO t{n} (v) VALUES ($1) RETURNING id", [("a",), ("b",)])))

    # Transactions, cursors.
    for isolation in ("read_committed", "repeatable_read", "serializable"):
        async with conn.transaction(isolation=isolation, readonly=True, deferrable=isolation == "serializable"):
            w.say(isolation, await rows("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')"), await rows(ORDERS))
    async with conn.transaction():
        await conn.execute(f"SET LOCAL TimeZone = 'Asia/Tokyo'; INSERT INTO t{n} (v) VALUES ('outer')")
        with w.fails("inner"):
            async with conn.transaction():
                await conn.execute(f"INSERT INTO t{n} (v) VALUES ('outer')")
        w.say("after inner", await rows(f"SELECT lastval() - currval('t{n}_id_seq'), now()::text LIKE '%+09' FROM t{n} WHERE v = 'outer'"), conn.get_settings().TimeZone)
        cursor = await conn.cursor(f"SELECT id FROM t{n} WHERE id <> $1 ORDER BY id", 1)
        w.say("cursor", await cursor.fetch(2), await cursor.forward(10), await cursor.fetchrow())
        w.say("cursor", [row[0] async for row in conn.cursor(f"SELECT id FROM t{n} ORDER BY id", prefetch=7)][-1])
        w.say("portal beside statements", await rows("SELECT 1"), await cursor.fetchrow())
    w.say("after transaction", conn.get_settings().TimeZone, conn.is_in_transaction())
    with w.fails("transaction undone"):
        async with conn.transaction():
            await conn.execute(f"DELETE FROM t{n}; SET app.user_id = 'undone'")
            await conn.execute("SELECT 1/0")
    w.say("not undone", await rows(f"SELECT count(*) > 100 FROM t{n}"), await rows(STATE))

    # COPY.
    w.say("copy in", await conn.copy_records_to_table(f"t{n}", records=[(f"copied {i}", [i]) for i in range(1000)], columns=["v", "a"]))
    with w.fails("copy in"):
        await conn.copy_records_to_table(f"t{n}", records=[("copied 1", None)], columns=["v", "a"])
    parts = []

    async def take(data):
        parts.append(bytes(data))

    w.say("copy out", await conn.copy_from_query(f"SELECT v FROM t{n} WHERE v LIKE $1 ORDER BY id", "copied 99%", output=take), len(b"".join(parts)))

    # Temporary tables of one name and different types, advisory locks.
    await conn.execute(f"CREATE TEMP TABLE scratch AS SELECT {n} AS v" if n % 2 else f"CREATE TEMP TABLE scratch AS SELECT 'w{n}' AS v, now() AS t")
    w.say("temporary", await conn.fetchval("SELECT * FROM scratch"), await conn.fetchval("SELECT * FROM scratch"))
    await conn.execute("DROP TABLE scratch")
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    await rows("SELECT pg_advisory_lock($1)", n)
    before = await rows(locks)
    await conn.reset()
    await conn.execute(f"SET search_path TO w{n}, public")
    w.say("advisory", before, await rows(locks))

    # Notifications: to oneself, and from another connection while idle.
    heard = asyncio.Queue()
    listener = lambda _conn, _pid, channel, payload: heard.put_nowait((channel, payload))
    await conn.add_listener(f"ch{n}", listener)
    await conn.execute(f"NOTIFY ch{n}, 'self'")
    w.say("notified", await asyncio.wait_for(heard.get(), 20))
    await conn.remove_listener(f"ch{n}", listener)
    async with alone:
        await conn.add_listener(f"ch{n}", listener)
        other = await asyncpg.connect()
        await other.execute(f"NOTIFY ch{n}, 'other'")
        await other.close()
        w.say("notified while idle", await asyncio.wait_for(heard.get(), 20))
        await conn.remove_listener(f"ch{n}", listener)

    # Timeouts, which asyncpg ends with a cancel request.
    async with conn.transaction():
        await rows("SELECT 1")
        with w.fails("timeout"):
            await conn.execute("SELECT pg_sleep(30)", timeout=0.2)
        with w.fails("aborted"):
            await conn.execute("SELECT 1")
        await conn.execute("ROLLBACK; BEGIN")
    with w.fails("several with an error"):
        await conn.execute(f"INSERT INTO t{n} (v) VALUES ('undone'); SELECT 1/0")
    w.say("undone", await rows(f"SELECT count(*) FROM t{n} WHERE v = 'undone'"))
    with w.fails("syntax"):
        await rows("SELEC 1")
    logged = []
    conn.add_log_listener(lambda _conn, message: logged.append(message.message))
    await conn.execute("DO $$BEGIN RAISE NOTICE 'noticed'; END$$")
    await asyncio.sleep(0)
    w.say("notices", logged)
    await conn.close()

    # A pool, over the same two connections: each release resets the session.
    await meet.wait()
    async with asyncpg.create_pool(min_size=1, max_size=3, max_inactive_connection_lifetime=0, server_settings={"search_path": f"w{n}"}) as pool:

        async def use(i):
            async with pool.acquire() as mine:
                clean = await mine.fetchval("SELECT nullif(current_setting('app.user_id', true), '')")
                await mine.execute(f"SET app.user_id = 'w{n} {i}'")
                async with mine.transaction():
                    row = await mine.fetchrow("SELECT current_setting('app.user_id') AS u, who.* FROM who")
                return clean, *row

        for result in await asyncio.gather(*(use(i) for i in range(10))):
            w.say("pool", *result)


run_async(body)
