// postgres.js: pipelined prepared statements, transactions and savepoints, cursors, COPY streams, listen, types that it
// fetches at connect, max_lifetime, cancel, session state.
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import postgres from "postgres";
import { ORDERS, STATE, alone, barrier, run, schema, settings, sleep, within } from "./common.mjs";

const env = process.env;
const connect = (more = {}) => postgres({ host: env.PGHOST, port: env.PGPORT, user: env.PGUSER, database: env.PGDATABASE, ssl: false, max: 1, onnotice: () => {}, ...more });

await run(async (w) => {
  const n = w.n;
  const notices = [];
  const sql = connect({ connection: { search_path: `w${n},public`, application_name: `start ${n}`, "app.user_id": `start${n}` }, onnotice: (notice) => notices.push(notice.message) });
  const rows = async (text, values = [], more) => [...(await sql.unsafe(text, values, more).values())];
  for (const text of schema(n)) await rows(text);
  await rows(`CREATE TABLE t${n} (id serial PRIMARY KEY, v text UNIQUE, j jsonb, a int[])`);
  w.say("startup settings", await rows(STATE));

  for (const text of settings(n)) await rows(text);
  await barrier();
  for (let i = 0; i < 5; i++) {
    w.say("settings", await rows(STATE, [], { prepare: true }), sql.parameters.TimeZone, sql.parameters.application_name);
    w.say("who", await sql`SELECT * FROM who`.values(), await sql`SELECT *, ${i}::int FROM who`.values());
    w.say("orders", await rows(ORDERS), await sql`SELECT qty FROM orders WHERE orderid = ${i}`.values());
  }
  await barrier();
  await rows("RESET ROLE; RESET ALL");
  w.say("reset", await rows(STATE), sql.parameters.TimeZone);

  // Inserts, pipelined: all are sent before the first answer comes.
  await sql`INSERT INTO ${sql(`t${n}`)} ${sql(Array.from({ length: 50 }, (_, i) => ({ v: `v${i}`, j: { i }, a: [i] })))}`;
  const piped = await Promise.allSettled([
    sql`SELECT * FROM who`.values(), sql`SELECT ${1}::int / 0`.values(), sql`SELECT j, a FROM ${sql(`t${n}`)} WHERE id = ${7}`.values(),
    rows(ORDERS), sql`INSERT INTO ${sql(`t${n}`)} (v) VALUES ('v1')`, sql`SELECT qty FROM orders WHERE orderid = ${8}`.values(), sql`SELECT ${"last"} AS l`.values(),
  ]);
  w.say("pipelined", piped.map((one) => one.value ?? one.reason.code));

  // Transactions on a reserved connection.
  const result = await sql.begin("ISOLATION LEVEL REPEATABLE READ", async (tx) => {
    await tx`SET LOCAL app.user_id = 'local'`;
    await tx`INSERT INTO ${tx(`t${n}`)} (v) VALUES ('tx')`;
    await w.fails("savepoint", () => tx.savepoint(async (inner) => {
      await inner`INSERT INTO ${inner(`t${n}`)} (v) VALUES ('tx')`;
    }));
    const parallel = await Promise.all([tx`SELECT lastval() = currval(${`t${n}_id_seq`})`.values(), tx.unsafe(ORDERS).values(), tx.unsafe(STATE).values(), tx`SHOW transaction_isolation`.values()]);
    return parallel;
  });
  w.say("transaction", result, await rows(STATE));
  await w.fails("rolled back", () => sql.begin(async (tx) => {
    await tx`DELETE FROM ${tx(`t${n}`)}`;
    await tx`SET app.user_id = 'undone'`;
    throw new Error("mine");
  }));
  await w.fails("failed", () => sql.begin(async (tx) => {
    await tx`SELECT 1/0`.catch(() => {});
    await tx`SELECT 1`;
  }));
  w.say("after", await rows(`SELECT count(*)::int FROM t${n}`), await rows(STATE));
  await sql.begin(async (tx) => { await tx`INSERT INTO ${tx(`t${n}`)} (v) VALUES ('two-phase')`; await tx.prepare?.(`postgres.js ${n}`); });
  await rows(`COMMIT PREPARED 'postgres.js ${n}'`);
  w.say("two-phase", await rows(`SELECT count(*)::int FROM t${n} WHERE v = 'two-phase'`));

  // Cursors and forEach.
  const seen = [];
  await sql`SELECT i FROM generate_series(1, 100) i`.cursor(30, (part) => { seen.push([part.length, part.at(-1).i]); });
  for await (const part of sql`SELECT i FROM generate_series(1, 100) i`.cursor(40)) { seen.push(part.length); if (seen.length > 5) break; }
  await sql`SELECT i FROM generate_series(1, 5) i`.forEach((row) => { seen.push(row.i); });
  w.say("cursor", seen);
  await w.fails("cursor with an error", () => sql`SELECT 10 / (5 - i) AS d FROM generate_series(1, 9) i`.cursor(2, (part) => { w.say("part", part.map((row) => row.d)); }));

  // COPY.
  await pipeline(Readable.from(Array.from({ length: 500 }, (_, i) => `copied ${i}\t{"i":${i}}\n`)), await sql`COPY ${sql(`t${n}`)} (v, j) FROM STDIN`.writable());
  let size = 0;
  for await (const part of await sql`COPY (SELECT v FROM ${sql(`t${n}`)} WHERE v LIKE 'copied%') TO STDOUT`.readable()) size += part.length;
  w.say("copy", size);

  // Statements cached over DDL; describe; an own type and its array, fetched at connect by the next client.
  const star = () => rows(`SELECT * FROM t${n} WHERE id = 1`, [], { prepare: true });
  await star();
  await rows(`ALTER TABLE t${n} ADD COLUMN more int DEFAULT 5`);
  await w.fails("over DDL", async () => w.say("row", await star()));
  await w.fails("over DDL, again", async () => w.say("row", await star()));
  const described = await sql`SELECT id, v FROM ${sql(`t${n}`)} WHERE id = ${1}`.describe();
  w.say("described", described.columns.map((column) => [column.name, column.type]), described.types);

  // Temporary tables, advisory locks, notices.
  await rows(`CREATE TEMP TABLE scratch AS SELECT ${n % 2 ? n : `'w${n}'::text`} AS v`);
  w.say("temporary", await sql`SELECT * FROM scratch`.values(), await sql`SELECT * FROM scratch`.values());
  await rows("DROP TABLE scratch");
  w.say("advisory", await sql`SELECT pg_try_advisory_lock(${n}::int)`.values(), await sql`SELECT pg_advisory_unlock(${n}::int)`.values(), await sql`SELECT pg_advisory_unlock(${n}::int)`.values());
  w.say("notices", notices);
  const reserved = await sql.reserve();
  w.say("reserved", await reserved`SELECT * FROM who`.values());
  reserved.release();

  // listen() has a connection of its own.
  const heard = [];
  await alone(async () => {
    let wake;
    const first = new Promise((done) => { wake = done; });
    const { unlisten } = await sql.listen(`ch${n}`, (payload) => { heard.push(payload); wake(); });
    await sql.notify(`ch${n}`, "while idle");
    await within(first, "notification");
    await unlisten();
  });
  w.say("notified", heard);

  // Cancel.
  await w.fails("cancel", () => sql.begin(async (tx) => {
    await tx`SELECT 1`;
    const long = tx`SELECT pg_sleep(30)`;
    setTimeout(() => long.cancel(), 200);
    await long;
  }));
  w.say("after cancel", await rows("SELECT 1"));
  await sql.end();

  // A pool of its own, whose connections live for two seconds only.
  const pool = connect({ max: 4, connection: { search_path: `w${n}` }, max_lifetime: 2 });
  const found = await Promise.all(Array.from({ length: 24 }, (_, i) => i % 4 ? pool`SELECT *, ${i}::int FROM who`.values()
    : pool.begin(async (tx) => { await tx`SELECT set_config('app.user_id', ${`${i}`}, true)`; return tx`SELECT current_setting('app.user_id'), * FROM who`.values(); })));
  for (const one of found) w.say("pool", one);
  await pool.end();
});
