"""Turns the lines that bench/run took down into a page and its charts.

    report.py results.tsv about.tsv FOLDER NAME      writes FOLDER/NAME.md and FOLDER/NAME-*.svg

A line of results is part, cell, target, what, value; of lines that differ in the value alone the median counts.
"""

import collections
import pathlib
import statistics
import sys

import chart

US, PEER = "tidegate", "pgbouncer"


class Results:
    def __init__(self, path):
        rounds = collections.defaultdict(list)
        for line in path.read_text().splitlines():
            *name, value = line.split("\t")
            rounds[tuple(name)].append(float(value))
        self.medians = {name: statistics.median(values) for name, values in rounds.items()}

    def get(self, part, cell, target, what):
        return self.medians.get((part, cell, target, what))

    def cells(self, part):
        return list(dict.fromkeys(name[1] for name in self.medians if name[0] == part))

    def targets(self, part):
        seen = {name[2] for name in self.medians if name[0] == part}
        return [target for target in ABOUT.targets if target in seen]

    def ratio(self, part, cell, what, other=PEER, other_cell=None):
        ours, theirs = self.get(part, cell, US, what), self.get(part, other_cell or cell, other, what)
        return ours / theirs if ours is not None and theirs else None


class About:
    def __init__(self, path):
        self.facts, self.targets = {}, {}
        for line in path.read_text().splitlines():
            key, *values = line.split("\t")
            if key == "target":
                self.targets[values[0]] = values[1:]
            else:
                self.facts[key] = values[0] if values else ""


def shown(value, digits=0, unit=""):
    return "–" if value is None else f"{value:,.{digits}f}{unit}"


def percent(value):
    return "–" if value is None else f"{value:.0%}"


def table(head, rows):
    ruler = ["---"] + ["--:"] * (len(head) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ruler, *rows]) + "\n"


def each_target(results, part, what, digits=0):
    """A row for each cell, a column for each target."""
    targets = results.targets(part)
    rows = [[cell, *(shown(results.get(part, cell, t, what), digits) for t in targets)] for cell in results.cells(part)]
    return targets, rows


def throughput(results):
    yield "Single-row reads a second, and Tidegate's share of the others'."
    targets, rows = each_target(results, "throughput", "tps")
    for row in rows:
        row += [percent(results.ratio("throughput", row[0], "tps", other)) for other in ("direct", PEER)]
    yield table(["protocol/clients", *targets, "of direct", f"of {PEER}"], rows)
    yield "User and system time of the proxy for each, in µs."
    targets, rows = each_target(results, "throughput", "cpu", 1)
    targets, rows = [t for t in targets if t != "direct"], [[r[0], *(v for v, t in zip(r[1:], targets) if t != "direct")] for r in rows]
    for row in rows:
        row.append(percent(results.ratio("throughput", row[0], "cpu")))
    yield table(["protocol/clients", *targets, f"of {PEER}"], rows)


def latency(results):
    yield "At half of what the slowest can do, 8 clients, µs from when a transaction was due; and for one client alone. In brackets: more than direct."
    rows = []
    for cell in results.cells("latency"):
        for what in ("p50", "p99"):
            direct = results.get("latency", cell, "direct", what)
            row = [f"{cell}, {what}", shown(direct)]
            for target in results.targets("latency"):
                value = results.get("latency", cell, target, what)
                if target != "direct":
                    row.append("–" if None in (value, direct) else f"{value:,.0f} ({value - direct:+,.0f})")
            rows.append(row)
    targets = [target for target in results.targets("latency") if target != "direct"]
    yield table(["protocol", "direct", *targets], rows)


def literals(results):
    yield "Reads a second where the key in the text is random, next to the same text over and over."
    rows = []
    for target in results.targets("literals"):
        same, other = (results.get("literals", cell, target, "tps") for cell in ("same", "random"))
        rows.append([target, shown(same), shown(other), percent(other / same if same and other else None)])
    yield table(["target", "same", "random", "random of same"], rows)


def wide(results):
    yield "MB a second by one client, and by how many kB the proxy's memory went up meanwhile."
    rows = []
    for cell in results.cells("wide"):
        for target in results.targets("wide"):
            pace = results.get("wide", cell, target, "mbs")
            direct = results.get("wide", cell, "direct", "mbs")
            gained = results.get("wide", cell, target, "gained")
            rows.append([f"{cell}, {target}", shown(pace), percent(pace / direct if pace and direct else None), shown(gained)])
    yield table(["what", "MB/s", "of direct", "gained kB"], rows)


def idle(results):
    targets, rows = each_target(results, "idle", "bytes")
    yield "Bytes of the proxy's resident memory for each client that has logged in, run two statements and is quiet."
    yield table(["clients", *targets], rows)


def logins(results):
    yield "SCRAM-SHA-256 logins a second with four clients at a time, and the proxy's time for one in µs."
    rows = []
    for cell in results.cells("logins"):
        for what, digits in (("persecond", 0), ("cpu", 0)):
            values = [shown(results.get("logins", cell, t, what), digits) for t in results.targets("logins")]
            label = "a second" if what == "persecond" else "CPU µs"
            rows.append([f"{cell}, {label}", *values, percent(results.ratio("logins", cell, what))])
    yield table(["way", *results.targets("logins"), f"of {PEER}"], rows)


def isolation(results):
    yield "2,000 reads a second by 4 clients, µs, while nothing else runs and while 8 clients read long results of the analytic side."
    rows = []
    for target in results.targets("isolation"):
        for what in ("p50", "p99"):
            quiet, busy = (results.get("isolation", cell, target, what) for cell in ("quiet", "streaming"))
            rows.append([f"{target}, {what}", shown(quiet), shown(busy), shown(busy / quiet if busy and quiet else None, 2, "×")])
    yield table(["target", "quiet", "streaming", "ratio"], rows)


def growth(results):
    yield "Reads a second over 16 connections, and latencies in ms."
    rows = []
    for cell in results.cells("growth"):
        for target in results.targets("growth"):
            tps = results.get("growth", cell, target, "tps")
            first = results.get("growth", results.cells("growth")[0], target, "tps")
            p50, p99 = (results.get("growth", cell, target, what) for what in ("p50", "p99"))
            rows.append([
                f"{cell}, {target}",
                shown(tps),
                percent(tps / first if tps and first else None),
                shown(p50 and p50 / 1000, 1),
                shown(p99 and p99 / 1000, 1),
                shown(p99 / p50 if p50 and p99 else None, 1),
            ])
    yield table(["clients, target", "a second", "of the fewest", "p50", "p99", "p99/p50"], rows)


PARTS = {
    "throughput": ("Throughput and CPU", throughput),
    "latency": ("Added latency", latency),
    "literals": ("Literals", literals),
    "wide": ("Long results", wide),
    "idle": ("Idle clients", idle),
    "logins": ("Logins", logins),
    "isolation": ("Isolation", isolation),
    "growth": ("Growth", growth),
}


def goals(results):
    """What was aimed for: name, aim, what was seen, whether that is it."""
    for cell in results.cells("throughput"):
        aim = 0.97 if cell.endswith("/1") else 1.10
        yield f"reads a second, {cell}", f"≥ {aim:.2f} × {PEER}", results.ratio("throughput", cell, "tps"), lambda seen, aim=aim: seen >= aim
        yield f"CPU, {cell}", f"≤ 0.85 × {PEER}", results.ratio("throughput", cell, "cpu"), lambda seen: seen <= 0.85
    for cell in results.cells("latency"):
        for what in ("p50", "p99"):
            ours, theirs = (results.get("latency", cell, t, what) for t in (US, PEER))
            if None not in (ours, theirs):
                yield f"latency, {cell}, {what}, µs above {PEER}'s", "≤ 0", ours - theirs, lambda seen: seen <= 0
    yield "random literals", "≥ 0.95 × the same", results.ratio("literals", "random", "tps", US, "same"), lambda seen: seen >= 0.95
    for cell in results.cells("wide"):
        yield f"long results, {cell}", "≥ 0.95 × direct", results.ratio("wide", cell, "mbs", "direct"), lambda seen: seen >= 0.95
        yield f"memory, {cell}, MB", "≤ 2", gained(results, cell), lambda seen: seen <= 2
    for cell in results.cells("idle"):
        yield f"kB for each of {cell} idle clients", "≤ 3", kilobytes(results, cell), lambda seen: seen <= 3
    for cell in results.cells("logins"):
        yield f"logins, {cell}", f"≥ {PEER}'s", results.ratio("logins", cell, "persecond"), lambda seen: seen >= 1
    yield "OLTP p99 while results stream", "≤ 1.2 × direct's", streaming(results), lambda seen: seen <= 1.2
    first, *more = results.cells("growth") or [None]
    for cell in more:
        yield f"reads a second, {cell} clients", f"≥ 0.9 × {first}'s", results.ratio("growth", cell, "tps", US, first), lambda seen: seen >= 0.9
        p50, p99 = (results.get("growth", cell, US, what) for what in ("p50", "p99"))
        yield f"p99/p50, {cell} clients", "< 3", p99 / p50 if p50 and p99 else None, lambda seen: seen < 3


def gained(results, cell):
    value = results.get("wide", cell, US, "gained")
    return None if value is None else value / 1024


def kilobytes(results, cell):
    value = results.get("idle", cell, US, "bytes")
    return None if value is None else value / 1024


def streaming(results):
    values = [results.get("isolation", "streaming", target, "p99") for target in (US, "direct")]
    return values[0] / values[1] if all(values) else None


def aims(results):
    rows = []
    for name, aim, seen, is_met in goals(results):
        if seen is not None:
            rows.append([name, aim, f"{seen:.2f}", "yes" if is_met(seen) else "**no**"])
    return table(["what", "aim", "seen", "met"], rows)


def charts(results, folder, name):
    """Writes what has a chart, and says under which part it belongs."""
    drawn = {}
    for part, what, title in (
        ("throughput", "tps", "Single-row reads a second"),
        ("throughput", "cpu", "CPU of the proxy for each read, µs"),
        ("latency", "p99", "p99 at half the load, µs"),
        ("growth", "tps", "Reads a second over 16 connections"),
    ):
        groups = [(cell, {t: results.get(part, cell, t, what) for t in results.targets(part)}) for cell in results.cells(part)]
        if groups:
            file = f"{name}-{part}-{what}.svg"
            (folder / file).write_text(chart.bars(title, groups))
            drawn.setdefault(part, []).append(f"![{title}]({file})\n")
    return drawn


def main():
    global ABOUT
    results_file, about_file, folder, name = sys.argv[1:]
    results, ABOUT, folder = Results(pathlib.Path(results_file)), About(pathlib.Path(about_file)), pathlib.Path(folder)
    facts = ABOUT.facts
    lines = [f"# Measured on {name}\n"]
    if facts["quick"]:
        lines.append("A quick run: one round of a second each. It shows that everything works, and no figure that is worth quoting.\n")
    lines.append(f"{facts['machine']}; everything on one machine. Commit {facts['commit']}. Load average {facts['load']}. Took {facts['took']}.\n")
    lines += [f"- {target}: {title}: {note.strip()}" for target, (title, note) in ABOUT.targets.items()]
    lines += ["", "## Aims\n", aims(results)]
    drawn = charts(results, folder, name)
    for part, (title, write) in PARTS.items():
        if results.cells(part):
            lines += [f"## {title}\n", *write(results), *drawn.get(part, [])]
    failed = sorted(key for key in results.medians if key[3] == "failed")
    if failed:
        lines += ["## What failed\n", *(f"- {part}, {cell}: {target}" for part, cell, target, _ in failed), ""]
    (folder / f"{name}.md").write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
