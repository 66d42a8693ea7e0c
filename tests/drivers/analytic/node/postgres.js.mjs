// postgres.js over analytic relations: pipelined prepared and unprepared statements, parameters, cursors, forEach, COPY,
// transactions and savepoints, describe, cancel, a pool.
import postgres from "postgres";
import { barrier, run } from "../common.mjs";
import { ERRORS, PARAMETERS, READS, SLOW, fails } from "./shared.mjs";

const env = process.env;
const connect = (more = {}) => postgres({ host: env.PGHOST, port: env.PGPORT, user: env.PGUSER, database: env.PGDATABASE, ssl: false, max: 1, onnotice: () => {}, ...more });

await run(async (w) => {
  const sql = connect({ connection: { application_name: `worker ${w.n}` } });
  const rows = async (text, values = [], more) => [...(await sql.unsafe(text, values, more).values())];
  await barrier();

  for (const [name, text] of READS) {
    const found = await sql.unsafe(text);
    w.say(name, found.command, found.count, found.columns.map((column) => column.name), [...found.values()]);
    w.say(`${name}, prepared`, await rows(text, [], { prepare: true }), await rows(text, [], { prepare: true }));
  }
  for (const [name, condition, value] of PARAMETERS) {
    const given = name === "json" ? sql.json(value) : value;
    w.say(`parameter ${name}`, await rows(`SELECT id, ref FROM events WHERE ${condition} ORDER BY id`, [given], { prepare: true }));
  }
  w.say("template", await sql`SELECT id, kind FROM ${sql("events")} WHERE id IN ${sql([3, 5, 499])} ORDER BY id`.values());
  w.say("limit", await sql`SELECT id FROM events ORDER BY id LIMIT ${3} OFFSET ${7}`.values());
  w.say("fragments", await sql`SELECT ${sql(["id", "kind"])} FROM events WHERE id < ${4} ${true ? sql`AND kind <> ${"kind 2"}` : sql``} ORDER BY id`);
  w.say("any", await sql`SELECT id FROM events WHERE id = ANY(${[2, 4]}) ORDER BY id`.values(), await sql`SELECT id FROM events WHERE kind = ANY(${["kind 1"]}) AND id < 9 ORDER BY id`.values());
  const piped = await Promise.allSettled([
    sql`SELECT name FROM devices WHERE id = ${1}`.values(), sql`SELECT nothing FROM events`.values(), sql`SELECT ${1}::int / 0`.values(), sql`SELECT count(*) FROM daily`.values(),
    sql`SELECT 1 / (id - id) FROM events WHERE id = ${8}`.values(), sql`SELECT ${"last"} AS l`.values(), sql`SELECT max(id) FROM events`.values(),
  ]);
  w.say("pipelined", piped.map((one) => one.value ?? one.reason.code));
  w.say("several", (await sql.unsafe("SELECT count(*) FROM events; SELECT 1 AS one; SELECT name FROM devices WHERE id = 1")).map((result) => [...result]));
  for (const [name, text] of ERRORS) {
    await fails(w, name, () => rows(text));
    await fails(w, `${name}, prepared`, () => rows(text, [], { prepare: true }));
  }

  // Cursors.
  const seen = [];
  await sql`SELECT id FROM events ORDER BY id`.cursor(150, (part) => { seen.push([part.length, Number(part.at(-1).id)]); });
  for await (const part of sql`SELECT id FROM events WHERE id > ${5} ORDER BY id`.cursor(40)) { seen.push(part.length); if (seen.length > 7) break; }
  await sql`SELECT id FROM events WHERE id < ${6} ORDER BY id`.forEach((row) => { seen.push(Number(row.id)); });
  w.say("cursor", seen, await rows("SELECT count(*) FROM events"));

  let size = "";
  for await (const part of await sql`COPY (SELECT id, kind, device, words, doc FROM events WHERE id < 11 ORDER BY id) TO STDOUT`.readable()) size += part;
  w.say("copy", size);
  const described = await sql`SELECT id, price, day FROM events WHERE id = ${1} AND kind = ${"x"}`.describe();
  w.say("described", described.columns.map((column) => [column.name, column.type]));

  // Transactions.
  for (const how of ["", "READ ONLY", "ISOLATION LEVEL REPEATABLE READ", "ISOLATION LEVEL SERIALIZABLE READ ONLY"]) {
    const found = await sql.begin(how, async (tx) => {
      const first = await Promise.all([tx`SELECT count(*) FROM events`.values(), tx`SELECT max(total) FROM daily WHERE events > ${1}`.values(), tx`SHOW transaction_isolation`.values()]);
      await fails(w, "savepoint", () => tx.savepoint((inner) => inner`SELECT 1 / (id - id) FROM events`));
      return [first, await tx`SELECT name FROM devices WHERE id = ${2}`.values()];
    });
    w.say(`transaction ${how}`, found);
  }
  await fails(w, "failed", () => sql.begin(async (tx) => {
    await tx`SELECT nothing FROM events`.catch(() => {});
    await tx`SELECT count(*) FROM events`;
  }));
  await fails(w, "cancel", async () => {
    const long = sql.unsafe(SLOW);
    setTimeout(() => long.cancel(), 1000);
    await long;
  });
  await fails(w, "timeout", () => sql.begin(async (tx) => {
    await tx`SET LOCAL statement_timeout = '200ms'`;
    await tx.unsafe(SLOW);
  }));
  w.say("afterwards", await rows("SELECT count(*) FROM events"));
  await sql.end();

  const pool = connect({ max: 3 });
  w.say("pool", await Promise.all(Array.from({ length: 15 }, (_, i) => i % 4 ? pool`SELECT count(*), ${i}::int FROM events WHERE id <= ${i}`.values()
    : pool.begin("READ ONLY", (tx) => tx`SELECT max(id) FROM events WHERE id <= ${i}`.values()))));
  await pool.end();
});
