"""What the Python drivers' scripts over analytic relations share: the statements of reads.sql and errors.sql, and how
values are shown. The workers are those of ../common.py."""
import os
import sys
from pathlib import Path

here = Path(__file__).parent
sys.path.insert(0, str(here.parent))
os.environ.setdefault("WORKERS", "4")

from common import alone, run, run_async, sqlstate  # noqa: E402, F401


def statements(name):
    """(name, SQL) of a file in which each statement is one line below a comment that names it."""
    lines = (here / name).read_text().splitlines()
    return [(title[3:], sql) for title, sql in zip(lines, lines[1:]) if title.startswith("-- ") and not sql.startswith("-- ")]


READS = statements("reads.sql")
ERRORS = statements("errors.sql")


def fails(w, step, part):
    """Notes class and SQLSTATE of the error that `part` raises; the words are the server's own."""
    try:
        part()
    except Exception as error:
        told(w, step, error)
    else:
        w.say(step, "no error")


async def fails_async(w, step, part):
    try:
        await part
    except Exception as error:
        told(w, step, error)
    else:
        w.say(step, "no error")


def told(w, step, error):
    state = sqlstate(error)
    if state is None and isinstance(error, (AttributeError, TypeError, NameError)):
        raise error  # a mistake of the script
    w.say(step, type(error).__name__, state)
