"""Asks Tidegate where the last statement went: `SHOW tidegate.last_route`.

Only the little badges on the page need it. On a server that is not Tidegate the setting does not exist
and the badges stay away.
"""

from django.db import Error, connection


def last_route() -> dict[str, str]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW tidegate.last_route")
            names = [column.name for column in cursor.description]
            row = cursor.fetchone()
    except Error:
        return {}
    return {name: str(value) for name, value in zip(names, row) if value not in (None, "")} if row else {}
