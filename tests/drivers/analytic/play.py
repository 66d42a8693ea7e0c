"""What a tool sends when it connects and browses, statement by statement: as recorded in a file, in the two ways that
drivers send, by the simple protocol (psycopg2) and prepared (psycopg 3).

    play.py FILE

A statement is what follows a line `--- name`. Nothing may fail.
"""
import contextlib
import re
import sys
from pathlib import Path

import psycopg
import psycopg2

from shared import run


def statements(path):
    for block in re.split(r"^--- ", Path(path).read_text(), flags=re.MULTILINE)[1:]:
        name, _, sql = block.partition("\n")
        sql = sql.strip().removesuffix(";")
        if sql:
            yield name, sql


def value(found):
    return bytes(found) if isinstance(found, memoryview) else found


def body(w):
    with contextlib.closing(psycopg2.connect("", application_name=FILE.stem)) as conn:
        conn.autocommit = True
        for name, sql in statements(FILE):
            with conn.cursor() as cur:
                cur.execute(sql)
                columns = [column.name for column in cur.description or []]
                w.say(name, cur.statusmessage, columns, [tuple(map(value, row)) for row in cur] if columns else [])
    with psycopg.connect("", application_name=FILE.stem, autocommit=True) as conn:
        for name, sql in statements(FILE):
            cur = conn.execute(sql.encode(), prepare=True)
            w.say(f"{name}, prepared", cur.statusmessage, cur.fetchall() if cur.description else [])


FILE = Path(sys.argv[1])
run(body)
