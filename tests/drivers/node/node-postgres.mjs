// node-postgres: simple and extended queries, named prepared statements, pg-cursor, pg-query-stream, LISTEN, pools,
// queued queries, errors in transactions, cancel by closing, session state.
import pg from "pg";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";
import { ORDERS, STATE, alone, barrier, run, schema, settings, sleep, within } from "./common.mjs";

const connect = async (more = {}) => {
  const client = new pg.Client({ ...more });
  client.on("error", () => {});
  await client.connect();
  return client;
};

await run(async (w) => {
  const n = w.n;
  const client = await connect({ options: `-c search_path=w${n},public -c app.user_id=start${n}`, application_name: `start ${n}` });
  const rows = async (text, values) => (await client.query({ text, values, rowMode: "array" })).rows;
  for (const sql of schema(n)) await client.query(sql);
  await client.query(`CREATE TABLE t${n} (id serial PRIMARY KEY, v text UNIQUE, j jsonb, b bytea, ts timestamptz)`);
  w.say("startup options", await rows(STATE));

  for (const sql of settings(n)) await client.query(sql);
  await barrier();
  for (let i = 0; i < 5; i++) {
    w.say("settings", await rows(STATE));
    w.say("who", await rows("SELECT * FROM who"), await rows("SELECT *, $1::int FROM who", [i]));
    w.say("orders", await rows(ORDERS), await rows("SELECT qty FROM orders WHERE orderid = $1", [i]));
    // A named statement: one name, another text in each worker.
    const named = { name: "same_name", text: n % 2 ? "SELECT $1::int + n AS sum FROM who" : "SELECT name, $1::text AS t FROM who", values: [i], rowMode: "array" };
    w.say("named", (await client.query(named)).rows);
  }
  await barrier();
  await client.query("RESET ROLE; RESET ALL");
  w.say("reset", await rows(STATE));

  // Transactions and errors.
  await client.query("BEGIN");
  await client.query(`SET LOCAL TimeZone = 'Asia/Tokyo'`);
  for (let i = 0; i < 20; i++)
    await client.query({ name: "insert", text: `INSERT INTO t${n} (v, j, b, ts) VALUES ($1, $2, $3, $4)`, values: [`v${i}`, { i }, Buffer.from([0, i]), new Date(0)] });
  w.say("in transaction", await rows(`SELECT lastval()::int, currval('t${n}_id_seq')::int, now()::text LIKE '%+09'`), await rows(ORDERS));
  await client.query("COMMIT");
  w.say("after", await rows(STATE), await rows(`SELECT * FROM t${n} WHERE id = 3`));
  await client.query("BEGIN ISOLATION LEVEL SERIALIZABLE");
  await w.fails("unique", () => client.query({ name: "insert", text: `INSERT INTO t${n} (v, j, b, ts) VALUES ($1, $2, $3, $4)`, values: ["v1", null, null, null] }));
  await w.fails("aborted", () => rows("SELECT 1"));
  await w.fails("aborted, prepared", () => rows("SELECT $1::int", [1]));
  w.say("commit of it", (await client.query("COMMIT")).command);
  await w.fails("wrong parameter", () => rows("SELECT $1::int", ["x"]));
  await w.fails("wrong text for a name", () => client.query({ name: "insert", text: "SELECT 1" }));
  const several = await client.query({ text: `SELECT 1; INSERT INTO t${n} (v) VALUES ('several'); SELECT * FROM who`, rowMode: "array" });
  w.say("several", several.map((result) => [result.command, result.rows]));
  await w.fails("several with an error", () => client.query(`INSERT INTO t${n} (v) VALUES ('undone'); SELECT 1/0`));
  w.say("undone", await rows(`SELECT count(*) FROM t${n} WHERE v = 'undone'`));

  // Queries queued without waiting; one of them fails.
  const queued = await Promise.allSettled(["SELECT 1", "SELECT * FROM who", "SELECT 1/0", ORDERS, "SELECT 2"].map((sql) => rows(sql)));
  w.say("queued", queued.map((one) => one.value ?? one.reason.code));

  // Cursors: a portal read in parts, within and outside of a transaction.
  await client.query("BEGIN");
  const cursor = client.query(new Cursor("SELECT * FROM generate_series(1, $1) i", [100], { rowMode: "array" }));
  const parts = [(await cursor.read(3)).length, (await cursor.read(50)).at(-1), (await cursor.read(100)).at(-1), (await cursor.read(5)).length];
  w.say("cursor", parts);
  await cursor.close();
  await client.query("COMMIT");
  const early = client.query(new Cursor("SELECT * FROM generate_series(1, 1000) i", [], { rowMode: "array" }));
  w.say("cursor closed early", (await early.read(5)).at(-1));
  await early.close();
  const failing = client.query(new Cursor("SELECT 10 / (5 - i) FROM generate_series(1, 9) i"));
  await w.fails("cursor with an error", async () => { for (;;) w.say("read", await failing.read(2)); });
  await failing.close().catch(() => {});
  let sum = 0, count = 0;
  for await (const row of client.query(new QueryStream("SELECT i FROM generate_series(1, $1) i", [1234], { batchSize: 100 }))) { sum += row.i; count++; }
  w.say("stream", sum, count);
  const streamed = [];
  for await (const row of client.query(new QueryStream(`SELECT orderid FROM orders WHERE orderid < $1 ORDER BY 1`, [30], { batchSize: 10 }))) streamed.push(row.orderid);
  w.say("stream of orders", streamed.length, streamed.at(-1));

  // Types: arrays of an own enum come as text, dates as Date.
  await client.query(`CREATE TYPE mood${n} AS ENUM ('sad', 'ok')`);
  w.say("types", await rows(`SELECT $1::mood${n}, $2::int[], $3::jsonb, $4::bytea, $5::timestamptz, $6::numeric`, ["ok", [1, 2, null], { a: [n] }, Buffer.from("x"), new Date(86400000), "1.50"]));
  await client.query({ name: "star", text: `SELECT * FROM t${n} WHERE id = 1`, rowMode: "array" });
  await client.query(`ALTER TABLE t${n} ADD COLUMN more int`);
  await w.fails("named statement over DDL", async () => w.say("row", (await client.query({ name: "star", text: `SELECT * FROM t${n} WHERE id = 1`, rowMode: "array" })).rows));

  // Temporary tables, advisory locks, SQL PREPARE.
  await client.query(`CREATE TEMP TABLE scratch AS SELECT ${n % 2 ? n : `'w${n}'::text`} AS v`);
  w.say("temporary", await rows("SELECT * FROM scratch"), await rows("SELECT * FROM scratch WHERE v::text <> $1", [""]));
  await client.query("DROP TABLE scratch");
  const locks = "SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
  w.say("advisory", await rows("SELECT pg_try_advisory_lock($1)", [n]), await rows(locks), await rows("SELECT pg_advisory_unlock($1)", [n]), await rows(locks));
  await client.query(`PREPARE p AS SELECT ${n}`);
  w.say("prepared", await rows("EXECUTE p"));
  await client.query("DEALLOCATE p");

  // LISTEN.
  const heard = [];
  let wake = () => {};
  client.on("notification", (message) => { heard.push([message.channel, message.payload]); wake(); });
  const next = async (count) => { while (heard.length < count) await within(new Promise((done) => { wake = done; }), "notification"); };
  await client.query(`LISTEN ch${n}`);
  await client.query("SELECT pg_notify($1, 'self')", [`ch${n}`]);
  await next(1);
  await client.query("UNLISTEN *");
  await alone(async () => {
    await client.query(`LISTEN ch${n}`);
    const other = await connect();
    await other.query(`NOTIFY ch${n}, 'while idle'`);
    await other.end();
    await next(2);
    await client.query("UNLISTEN *");
  });
  w.say("notified", heard);
  const notices = [];
  client.on("notice", (notice) => notices.push([notice.severity, notice.message]));
  await client.query("DO $$BEGIN RAISE WARNING 'warned'; END$$");
  w.say("notices", notices);

  // Cancel, from the server and by leaving.
  await client.query("BEGIN; SET LOCAL statement_timeout = '100ms'");
  await w.fails("timeout", () => rows("SELECT pg_sleep(30)"));
  await client.query("ROLLBACK");
  const impatient = await connect({ options: `-c search_path=w${n}` });
  await impatient.query("BEGIN");
  impatient.query(`INSERT INTO t${n} (v) VALUES ('left'); SELECT pg_sleep(1)`).catch(() => {});
  await sleep(100);
  impatient.connection.stream.destroy();
  w.say("left", await rows(`SELECT count(*)::int FROM t${n} WHERE v = 'left'`));
  await client.end();

  // A pool: more clients than Tidegate has connections.
  const pool = new pg.Pool({ max: 4, options: `-c search_path=w${n}` });
  pool.on("error", () => {});
  const found = await Promise.all(Array.from({ length: 20 }, async (_, i) => {
    if (i % 3) return (await pool.query({ text: "SELECT *, $1::int AS i FROM who", values: [i], rowMode: "array", name: i % 2 ? "pooled" : undefined })).rows[0];
    const mine = await pool.connect();
    await mine.query("BEGIN");
    await mine.query(`SET LOCAL app.user_id = '${i}'`);
    const row = (await mine.query({ text: "SELECT current_setting('app.user_id'), * FROM who", rowMode: "array" })).rows[0];
    await mine.query(i % 2 ? "COMMIT" : "ROLLBACK");
    mine.release();
    return row;
  }));
  for (const row of found) w.say("pool", row);
  await pool.end();
});
