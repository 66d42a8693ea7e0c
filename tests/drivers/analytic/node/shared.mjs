// What the scripts of node over analytic relations share; see ../shared.py. Copied beside common.mjs's copy (packages.sh).
import { readFileSync } from "node:fs";

const { SUITE } = process.env;

/** [name, SQL] of a file in which each statement is one line below a comment that names it. */
function statements(name) {
  const lines = readFileSync(`${SUITE}/${name}`, "utf8").split("\n");
  return lines.flatMap((line, i) => (line.startsWith("-- ") && !lines[i + 1].startsWith("-- ") ? [[line.slice(3), lines[i + 1]]] : []));
}

export const READS = statements("reads.sql");
export const ERRORS = statements("errors.sql");

// Minutes, on any of the servers.
export const SLOW = "SELECT count(*) FROM events a, events b, events c, events d WHERE a.reading + b.reading + c.reading + d.reading < 0";

/** [name, condition, value] */
export const PARAMETERS = [
  ["bigint", "id = $1", 77], ["text of a bigint", "id = $1", "77"], ["int", "device = $1 AND id < 20", 3], ["float", "reading = $1", 2.125], ["numeric", "price = $1", "4.50"],
  ["bool", "ok = $1 AND id < 9", true], ["text", "kind = $1 AND id < 9", "kind 1"], ["date", "day = $1 AND id < 15", "2026-01-02"], ["timestamptz", "seen < $1", new Date("2026-01-01T05:00:00Z")],
  ["bytes", "raw = $1 AND id < 4", Buffer.from([0, 255, 39])], ["array", "id = ANY($1)", [3, 1, 499]], ["array of texts", "kind = ANY($1) AND id < 5", ["kind 1", "kind 3"]],
  ["cast array", "id = ANY($1::bigint[])", [2, 4]], ["json", "doc -> 'deep' = $1 AND id < 9", { ok: true }], ["NULL", "device = $1", null], ["cast", "id = $1::int", 12],
  ["quotes", "kind <> $1 AND id = 1", "it's \\ \"so\""],
];

/** Notes the SQLSTATE of what `part` throws; the words are the server's own. */
export async function fails(w, step, part) {
  try {
    await part();
  } catch (error) {
    if (error instanceof TypeError || error instanceof ReferenceError) throw error;
    return w.say(step, error.code ?? error.message);
  }
  w.say(step, "no error");
}
