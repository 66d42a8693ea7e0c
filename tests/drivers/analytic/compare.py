"""Are two transcripts of one client the same, but for what is known to differ?

    compare.py NAME DIRECT ROUTED

A transcript is lines `step: what was seen`, by worker. `known` lists steps that may differ, one a line: `NAME step: why`,
where both may hold `*`. A step that is listed for one client and does not differ is an error too: the list says what is so.
"""
import fnmatch
import sys
from collections import Counter
from pathlib import Path


def steps(path):
    """(worker, step, how many there were of it) and its lines; a line that begins no step belongs to the one before."""
    found, count, key = {}, Counter(), ("", "", 0)
    for line in Path(path).read_text(errors="surrogateescape").splitlines():
        name, colon, _ = line.partition(": ")
        if line.startswith("== worker"):
            key = (line, "", 0)
        elif colon and not line.startswith((" ", "ERROR", "DETAIL", "HINT")):
            count[key[0], name] += 1
            key = (key[0], name, count[key[0], name])
        found.setdefault(key, []).append(line)
    return found


def known(client):
    listed = []
    for line in (Path(__file__).parent / "known").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, rest = line.partition(" ")
            if fnmatch.fnmatchcase(client, name):
                listed.append((rest.partition(": ")[0], name == client))
    return listed


def main(client, direct, routed):
    one, other = steps(direct), steps(routed)
    differ = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    listed = known(client)
    expected = {pattern for pattern, _ in listed if any(fnmatch.fnmatchcase(key[1], pattern) for key in differ)}
    unexpected = [key for key in differ if not any(fnmatch.fnmatchcase(key[1], pattern) for pattern in expected)]
    for key in unexpected:
        print(key[0])
        for line in one.get(key, ["nothing"]):
            print("<", line)
        for line in other.get(key, ["nothing"]):
            print(">", line)
    gone = [pattern for pattern, mine in listed if mine and pattern not in expected]
    for pattern in gone:
        print(f"listed as known, but it does not differ: {pattern}")
    if unexpected or gone:
        return 1
    print(f", {len(expected)} known to differ" if expected else "")
    return 0


sys.exit(main(*sys.argv[1:]))
