"""compare.py SUITE DIRECT ROUTED KNOWN [AGAIN...]: what became of each test directly and through Tidegate; does anything differ?

The files have lines `test <TAB> outcome <TAB> reason`; AGAIN are further direct runs. KNOWN has lines `suite test: why`, where a
test may hold `*`. A test that differs counts as unsteady when it came out otherwise in a further direct run, too: it does so by itself.
Prints the row of the table, and on stderr what differs; exits 1 if a difference is not known, or where nothing passed directly."""
import fnmatch
import sys


def outcomes(path):
    found = {}
    try:
        with open(path, errors="replace") as lines:
            for line in lines:
                test, outcome, reason = (line.rstrip("\n").split("\t") + ["", ""])[:3]
                # A test of several parts, or one name for several: the worst counts.
                if found.get(test, ("", ""))[0] != "failed":
                    found[test] = (outcome, reason)
    except FileNotFoundError:
        pass
    return found


def known_tests(path, suite):
    with open(path) as lines:
        for line in lines:
            if line.startswith(suite + " "):
                yield line[len(suite) + 1 :].split(": ", 1)[0].strip().replace("[", "[[]")


def main(suite, direct_path, routed_path, known_path, *again_paths):
    direct, routed = outcomes(direct_path), outcomes(routed_path)
    again = [outcomes(path) for path in again_paths]
    patterns = list(known_tests(known_path, suite))
    same = failing = 0
    known, unsteady, differ = [], [], []
    for test in sorted(direct.keys() | routed.keys()):
        here, there = direct.get(test, ("missing", "")), routed.get(test, ("missing", ""))
        if here[0] == there[0]:
            same += here[0] != "failed"
            failing += here[0] == "failed"
        elif any(fnmatch.fnmatchcase(test, pattern) for pattern in patterns):
            known.append(test)
        elif any(run.get(test, here)[0] != here[0] for run in again):
            unsteady.append(test)
        else:
            differ.append(test)
            print(f"  {test}\n    directly: {' '.join(here)}\n    routed:   {' '.join(there)}", file=sys.stderr)
    if unsteady:
        print("  unsteady directly, too: " + ", ".join(unsteady), file=sys.stderr)
    passed = sum(outcome == "passed" for outcome, _ in direct.values())
    row = f"{suite}: {same} same ({passed} pass directly), {len(differ)} differ"
    if differ:
        row += " (" + ", ".join(differ[:5]) + (", …" if len(differ) > 5 else "") + ")"
    print(f"{row}, {len(known)} as known, {len(unsteady)} unsteady, {failing} fail both ways")
    return 1 if differ or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
