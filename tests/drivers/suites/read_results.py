"""read_results.py KIND [PREFIX]: reads a runner's output, and prints it on, and appends what became of each test to $RESULTS as lines
`test <TAB> outcome <TAB> reason`. KIND is tap, go (test2json), cargo or php (run-tests.php); PREFIX goes before the names."""
import json
import os
import re
import sys

WORDS = {"ok": "passed", "not ok": "failed", "FAILED": "failed", "ignored": "skipped", "pass": "passed", "fail": "failed",
         "skip": "skipped", "PASS": "passed", "FAIL": "failed", "SKIP": "skipped", "XFAIL": "passed", "BORK": "failed"}


def tap(line):
    found = re.match(r"(ok|not ok) (\d+)(?: - )?(.*)", line)
    if found:
        word, number, text = found.groups()
        skipped = re.search(r"# (skip|TODO)\b", text, re.IGNORECASE)
        # Some texts hold process ids or places in memory.
        yield re.sub(r"\d{3,}|0x[0-9a-f]+", "N", f"{number} {text}"), "skipped" if skipped else WORDS[word], ""
    if found := re.match(r"1\.\.0 # SKIP (.*)", line, re.IGNORECASE):
        yield "all", "skipped", found[1]


said: dict[str, str] = {}


def go(line):
    event = json.loads(line)
    test = event.get("Test")
    if test and event["Action"] == "output":
        said[test] = said.get(test, "") + event["Output"]
    elif test and event["Action"] in WORDS:
        failed = event["Action"] == "fail"
        yield test, WORDS[event["Action"]], said.get(test, "") if failed else ""


def cargo(line):
    if found := re.match(r"test (\S+)(?: - should panic)? \.\.\. (ok|FAILED|ignored)", line):
        yield found[1], WORDS[found[2]], ""


def php(line):
    if found := re.search(r"\b(PASS|FAIL|SKIP|XFAIL|BORK) (.*) \[(.*?)\](.*)", line.split("\r")[-1]):
        yield found[3].rsplit("/", 1)[-1] + " " + found[2], WORDS[found[1]], found[4]


def main(kind, prefix=""):
    with open(os.environ["RESULTS"], "a") as out:
        for line in sys.stdin.buffer:
            line = re.sub(r"\x1b\[[\d;]*m", "", line.decode(errors="replace"))  # colours
            print(line, end="")
            for test, outcome, reason in globals()[kind](line.rstrip("\n")):
                out.write(f"{prefix}{test.strip()}\t{outcome}\t{' '.join(reason.split())[-500:]}\n")
                out.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
