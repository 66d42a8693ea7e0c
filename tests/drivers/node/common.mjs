// What the scripts of node share; see ../common.py, which has the same parts and rules.
export const WORKERS = Number(process.env.WORKERS ?? 8);
export const ORDERS = "SELECT count(*)::int, sum(qty)::int FROM orders";
export const STATE = `SELECT current_setting('search_path') AS a, current_setting('TimeZone') AS b, current_setting('application_name') AS c,
  nullif(current_setting('app.user_id', true), '') AS d, current_user::text AS e, current_setting('statement_timeout') AS f, '2024-06-01 12:00+00'::timestamptz::text AS g`;
const ZONES = ["Asia/Tokyo", "America/New_York", "Europe/Paris", "Australia/Sydney", "UTC", "Asia/Kolkata", "America/Lima", "Africa/Cairo"];

export const schema = (n) => [
  `CREATE SCHEMA w${n}`,
  `GRANT USAGE ON SCHEMA w${n} TO PUBLIC`,
  `CREATE TABLE w${n}.who AS SELECT ${n % 2 ? `${n} AS n` : `'w${n}' AS name, ${n}.5 AS n`}`,
  `GRANT ALL ON w${n}.who TO PUBLIC`,
];

export const settings = (n) => [
  `SET search_path TO w${n}, public`,
  `SET TIME ZONE '${ZONES[n % 8]}'`,
  `SET application_name = 'worker ${n}'`,
  `SELECT set_config('app.user_id', '${n}', false)`,
  `SET statement_timeout = '${40 + n}s'`,
  `SET ROLE w${n}`,
];

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export function within(promise, what) {
  return Promise.race([promise, sleep(20000).then(() => { throw new Error(`no ${what}`); })]);
}

let last = Promise.resolve();
/** Runs one such part of any worker at a time: those that need two connections. */
export function alone(part) {
  const mine = last.then(part);
  last = mine.catch(() => {});
  return mine;
}

let arrived = 0, open;
let gate = new Promise((done) => { open = done; });
export async function barrier() {
  const mine = gate;
  if (++arrived === WORKERS) {
    arrived = 0;
    const release = open;
    gate = new Promise((done) => { open = done; });
    release();
  }
  await within(mine, "meeting");
}

class Worker {
  lines = [];
  constructor(n) { this.n = n; }
  say(step, ...values) { this.lines.push(`${step}: ${values.map((value) => JSON.stringify(value)).join(" | ")}`); }
  async fails(step, part) {
    try {
      await part();
      this.say(step, "no error");
    } catch (error) {
      if (error instanceof TypeError || error instanceof ReferenceError) throw error;
      this.lines.push(`${step}: ${error.code} ${error.message}`);
    }
  }
}

export async function run(body) {
  const workers = Array.from({ length: WORKERS }, (_, n) => new Worker(n));
  let broken = 0;
  const report = () => {
    const text = workers.map((w) => [`== worker ${w.n}`, ...w.lines].join("\n")).join("\n");
    process.stdout.write(text + "\n", () => process.exit(broken));
  };
  setTimeout(() => {
    broken = 1;
    for (const w of workers) if (!w.done) w.lines.push("BROKEN: it hangs here");
    report();
  }, 1000 * (process.env.HANGS ?? 60));
  await Promise.all(workers.map((w) => body(w).catch((error) => { broken = 1; w.lines.push(`BROKEN ${error.stack}`); }).then(() => { w.done = true; })));
  report();
}
