// node-postgres over analytic relations: simple, extended and named statements, parameters, pg-cursor, pg-query-stream,
// queued queries, a pool, transactions, cancel by timeout.
import pg from "pg";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";
import { barrier, run } from "../common.mjs";
import { ERRORS, PARAMETERS, READS, SLOW, fails } from "./shared.mjs";

await run(async (w) => {
  const client = new pg.Client({ application_name: `worker ${w.n}` });
  client.on("error", () => {});
  await client.connect();
  const rows = async (text, values, more) => (await client.query({ text, values, rowMode: "array", ...more })).rows;
  await barrier();

  for (const [name, sql] of READS) {
    const found = await client.query({ text: sql, rowMode: "array" });
    w.say(name, found.command, found.rowCount, found.fields.map((field) => field.name), found.rows);
    w.say(`${name}, extended`, await rows(sql, [], { queryMode: "extended" }));
    w.say(`${name}, named`, await rows(sql, [], { name }), await rows(sql, [], { name }));
  }
  for (const [name, condition, value] of PARAMETERS) {
    const sql = `SELECT id, ref FROM events WHERE ${condition} ORDER BY id`;
    w.say(`parameter ${name}`, await rows(sql, [value]), await rows(sql, [value], { name: `p ${name}` }));
  }
  w.say("limit", await rows("SELECT id FROM events ORDER BY id LIMIT $1 OFFSET $2", [3, 7]), await rows("SELECT id FROM events ORDER BY id LIMIT $1", [2], { name: "limit" }));
  w.say("objects", (await client.query("SELECT id, kind AS k FROM events WHERE id < 3 ORDER BY id")).rows);
  w.say("several", (await client.query("SELECT count(*) FROM events; SELECT 1 AS one; SELECT name FROM devices WHERE id = 1")).map((result) => result.rows));
  for (const [name, sql] of ERRORS) {
    await fails(w, name, () => rows(sql));
    await fails(w, `${name}, extended`, () => rows(sql, [], { queryMode: "extended" }));
  }
  await fails(w, "wrong value", () => rows("SELECT name FROM devices WHERE id = $1", ["one"]));
  w.say("queued", await Promise.all(Array.from({ length: 12 }, (_, i) => rows(i % 3 ? "SELECT name FROM devices WHERE id = $1" : "SELECT $1::int", [i % 10]))));

  // Cursors and streams.
  const cursor = client.query(new Cursor("SELECT id, kind FROM events WHERE id > $1 ORDER BY id", [10], { rowMode: "array" }));
  w.say("cursor", await cursor.read(3), await cursor.read(2), (await cursor.read(1000)).length, await cursor.read(1));
  await cursor.close();
  const left = client.query(new Cursor("SELECT id FROM events ORDER BY id", []));
  await left.read(5);
  await left.close();
  const streamed = [];
  for await (const row of client.query(new QueryStream("SELECT id FROM events WHERE id <= $1 ORDER BY id", [300], { batchSize: 40 }))) streamed.push(Number(row.id));
  w.say("stream", streamed.length, streamed.at(-1), await rows("SELECT 1"));

  // Transactions.
  for (const begin of ["BEGIN", "BEGIN READ ONLY", "BEGIN ISOLATION LEVEL REPEATABLE READ", "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"]) {
    await client.query(begin);
    w.say(begin, await rows("SELECT count(*), max(price) FROM events"), await rows("SELECT count(*) FROM daily WHERE events > $1", [1]));
    await client.query("SAVEPOINT a");
    await fails(w, "within", () => rows("SELECT 1 / (id - id) FROM events"));
    await fails(w, "aborted", () => rows("SELECT count(*) FROM events"));
    await client.query("ROLLBACK TO a");
    w.say("healed", await rows("SELECT count(*) FROM events"));
    w.say("commit", (await client.query("COMMIT")).command);
  }
  await client.query("SET statement_timeout = 200");
  await fails(w, "timeout", () => rows(SLOW));
  await client.query("RESET statement_timeout");
  await client.query("SET TIME ZONE 'Asia/Tokyo'");
  w.say("zone", await rows("SELECT seen, seen::varchar, at::varchar FROM events WHERE id = 3"));
  await client.end();

  const pool = new pg.Pool({ max: 3 });
  pool.on("error", () => {});
  const found = await Promise.all(Array.from({ length: 12 }, async (_, i) => {
    if (i % 3) return (await pool.query({ text: "SELECT count(*), $1::int AS i FROM events WHERE id <= $2", values: [i, i], rowMode: "array", name: i % 2 ? "pooled" : undefined })).rows[0];
    const mine = await pool.connect();
    await mine.query("BEGIN READ ONLY");
    const { rows: [row] } = await mine.query({ text: "SELECT max(id) FROM events WHERE id <= $1", values: [i], rowMode: "array" });
    await mine.query("COMMIT");
    mine.release();
    return row;
  }));
  w.say("pool", found);
  await pool.end();
});
