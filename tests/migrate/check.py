#!/usr/bin/env python
"""Migrates an app whose tables are on the analytic side with stock Django, then writes and reads them (reads.py).

    TIDEGATE_PORT=… ANALYTIC_URL=postgres://root@…/dev python tests/migrate/check.py

The last line is 'ok'.
"""

import os
import uuid
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import django
import psycopg

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import Error, connection, transaction  # noqa: E402
from django.db.migrations.recorder import MigrationRecorder  # noqa: E402
from django.db.models import Avg, Sum  # noqa: E402

from reads import read  # noqa: E402
from shop.models import Item, Shelf  # noqa: E402

ANALYTIC_URL = os.environ["ANALYTIC_URL"]


def analytic(sql):
    """One query on the analytic server itself, past Tidegate."""
    with psycopg.connect(ANALYTIC_URL, autocommit=True) as server:
        return server.execute(sql).fetchall()


def equal(got, wanted):
    assert got == wanted, f"{got!r} is not {wanted!r}"


def refused(sqlstate, action):
    try:
        action()
    except Error as error:
        equal(error.__cause__.sqlstate, sqlstate)
    else:
        raise AssertionError(f"not refused with {sqlstate}")


def item(pk, **more):
    values = {
        "shelf_id": 1, "owner_id": 1, "name": f"item {pk}", "slug": f"item-{pk}", "price": Decimal("2.50") * pk,
        "quantity": pk, "made": datetime(2026, 1, pk, 12, tzinfo=timezone.utc), "day": date(2026, 1, pk), "hour": time(9, 30),
        "span": timedelta(hours=pk), "uid": uuid.UUID(int=pk), "data": {"n": pk}, "address": "192.0.2.1", "raw": b"\x00\xff",
    }
    return Item(pk=pk, **(values | more))


def main():
    call_command("migrate", verbosity=0)
    applied = MigrationRecorder(connection).applied_migrations()
    equal([name for app, name in applied if app == "shop"], ["0001_initial", "0002_later"])

    tables = "SELECT name FROM rw_catalog.rw_relations WHERE name LIKE 'shop_%' AND relation_type = 'table' ORDER BY 1"
    equal([name for (name,) in analytic(tables)], ["shop_item", "shop_shelf"])
    owner = User.objects.create_user("ada")
    equal(owner.pk, 1)

    Shelf(pk=1, name="upper").save()
    for pk in (1, 2, 3):
        item(pk).save(force_insert=True)
    equal(Item.objects.count(), 3)
    equal(Item.objects.aggregate(total=Sum("price"), mean=Avg("quantity"))["total"], Decimal("15.00"))
    found = Item.objects.get(pk=2)
    equal((found.name, found.price, found.quantity, found.sold), ("item 2", Decimal("5.00"), 2, False))
    equal((found.made, found.day), (datetime(2026, 1, 2, 12, tzinfo=timezone.utc), date(2026, 1, 2)))
    equal((found.hour, found.span, found.data), (time(9, 30), timedelta(hours=2), {"n": 2}))
    equal((str(found.uid), found.address, bytes(found.raw), found.note), (str(uuid.UUID(int=2)), "192.0.2.1", b"\x00\xff", "none"))
    found.name = "renamed"
    found.save()
    equal(Item.objects.filter(name="renamed").values_list("pk", flat=True)[0], 2)
    Item.objects.filter(pk=3).update(quantity=30)
    equal(list(Item.objects.order_by("pk").values_list("quantity", flat=True)), [1, 2, 30])
    equal(Item.objects.filter(uid=uuid.UUID(int=3)).count(), 1)

    read(equal)

    # A change that a rollback would not undo is refused, and a definition that cannot be kept.
    def in_transaction():
        with transaction.atomic():
            Shelf(pk=2, name="lower").save(force_insert=True)

    refused("25006", in_transaction)
    with connection.cursor() as cursor:
        refused("0A000", lambda: cursor.execute('ALTER TABLE shop_item RENAME COLUMN note TO remark'))
    equal(Shelf.objects.count(), 1)

    call_command("migrate", "shop", "0001", verbosity=0)
    equal(analytic("SELECT count(*) FROM rw_catalog.rw_columns c JOIN rw_catalog.rw_tables t ON t.id = c.relation_id WHERE t.name = 'shop_item' AND c.name = 'note'"), [(0,)])
    call_command("migrate", "shop", "zero", verbosity=0)
    equal(analytic(tables), [])
    equal(User.objects.count(), 1)
    print("ok")


if __name__ == "__main__":
    main()
