#!/usr/bin/env python
"""Loads `orders` straight into the analytic server: no write goes through Tidegate.

    python load_orders.py postgres://root@127.0.0.1:4566/dev     (or ANALYTIC_URL in the environment)
"""

import os
import sys
import time
from pathlib import Path

import psycopg

SQL = Path(__file__).resolve().parent.parent / "sql" / "analytic_orders.sql"
ROWS = 5000


def load(url: str, patience: float = 10.0) -> int:
    """Runs the SQL file and waits until the rows can be read; answers how many there are.

    RisingWave shows new rows at its next checkpoint, within about a second.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in _statements(SQL.read_text()):
            connection.execute(statement)
        deadline = time.monotonic() + patience
        while True:
            rows = connection.execute("SELECT count(*) FROM orders").fetchone()[0]
            if rows >= ROWS or time.monotonic() > deadline:
                return rows
            time.sleep(0.2)


def _statements(text: str) -> list[str]:
    """The file's statements one by one. Its literals hold no semicolon and no comment sign."""
    code = "\n".join(line.split("--")[0] for line in text.splitlines())
    return [part.strip() for part in code.split(";") if part.strip()]


if __name__ == "__main__":
    target = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ANALYTIC_URL")
    if not target:
        sys.exit(__doc__)
    count = load(target)
    print(f"orders: {count} rows")
    sys.exit(0 if count >= ROWS else 1)
