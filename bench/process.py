"""What does a process use, its children included?

    process.py cpu PID      user and system time so far, in seconds
    process.py rss PID      resident memory in kB; what forked processes share is counted once (Pss) where that can be read
    process.py family PID   the process ids, one a line
"""

import os
import sys

TICKS = os.sysconf("SC_CLK_TCK")


def processes():
    """Parent, and user and system time, of each process."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat") as stat:
                # The program's name is in parentheses and may hold spaces.
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            continue
        # Children that have ended count with their parent.
        found[int(name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    return found


def family(pid, found):
    members, queue = [], [pid]
    while queue:
        member = queue.pop()
        if member in found:
            members.append(member)
        queue += [child for child, (parent, _) in found.items() if parent == member]
    return members


def cpu(pid):
    found = processes()
    return sum(found[member][1] for member in family(pid, found)) / TICKS


def status(pid, file, key):
    with open(f"/proc/{pid}/{file}") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(key))


def rss(pid):
    members = family(pid, processes())
    if len(members) == 1:
        return status(pid, "status", "VmRSS:")
    return sum(status(member, "smaps_rollup", "Pss:") for member in members)


def main():
    what, pid = sys.argv[1], int(sys.argv[2])
    if what == "cpu":
        print(f"{cpu(pid):.2f}")
    elif what == "rss":
        print(rss(pid))
    elif what == "family":
        print(*family(pid, processes()), sep="\n")
    else:
        sys.exit(f"process.py: unknown: {what}")


if __name__ == "__main__":
    main()
