"""What became of each test, as lines `test <TAB> outcome <TAB> reason` in the file $RESULTS: for pytest (-p results_plugin),
and for Django's test runner, which is unittest's (TEST_RUNNER).

Written test by test, as a suite that hangs is killed."""
import os


WORST_FIRST = ["failed", "skipped", "passed"]
outcomes: dict[str, tuple[str, str]] = {}


def note(test, outcome, reason=""):
    with open(os.environ["RESULTS"], "a") as out:
        line = " ".join(str(reason).split())[-500:]
        out.write(f"{test}\t{outcome}\t{line}\n")



def pytest_runtest_logreport(report):
    before = outcomes.get(report.nodeid, ("passed", ""))
    reason = ""
    if report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        reason = crash.message if crash else str(report.longrepr)
    elif report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
    worst = min(before, (report.outcome, reason), key=lambda each: WORST_FIRST.index(each[0]))
    outcomes[report.nodeid] = worst
    if report.when == "teardown":
        note(report.nodeid, *worst)


def pytest_collectreport(report):
    if report.failed:
        note(report.nodeid, "failed", "not collected: " + str(report.longrepr))
