"""Django: atomic and nested savepoints, select_for_update(skip_locked), .iterator() with server-side cursors, bulk
operations, get_or_create, constraints checked late; then `manage.py test`, alone, twice at once and in parallel parts."""
import os
import re
import subprocess
import sys
import threading
from copy import deepcopy
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

here = Path(__file__).parent
sys.path.insert(0, str(here.parent))
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"

import django

django.setup()

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Avg, Count, F, Sum, Window
from django.db.models.functions import Rank
from shop.models import Item, Order, Shelf

from common import STATE, alone, barrier, run, settings


def connect_as(n):
    """This thread's connection looks into the worker's own schema; every second one binds on the server."""
    connection.settings_dict = deepcopy(connection.settings_dict)
    connection.settings_dict["OPTIONS"] = {"options": f"-c search_path=w{n},public", "server_side_binding": n % 2 == 1}


def rows(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else None


def body(w):
    n = w.n
    connect_as(n)
    rows(f"CREATE SCHEMA w{n}; GRANT USAGE ON SCHEMA w{n} TO PUBLIC")
    with connection.schema_editor() as editor:
        editor.create_model(Shelf)
        editor.create_model(Item)
    w.say("tables", sorted(table for table in connection.introspection.table_names() if table != "orders"))

    shelves = Shelf.objects.bulk_create(Shelf(name=f"shelf {i:02} of {n}", tags=["a", str(i)], data={"i": i}, created=datetime(2024, 1, 1 + i, tzinfo=timezone.utc)) for i in range(12))
    w.say("bulk_create", [shelf.pk for shelf in shelves][:3])
    Item.objects.bulk_create([Item(shelf=shelf, name=f"item {i}", count=i, price=Decimal(i) / 4) for shelf in shelves for i in range(50)], batch_size=100)
    w.say("get_or_create", [(shelf.name, created) for shelf, created in (Shelf.objects.get_or_create(name=f"shelf {i} of {n}", defaults={"tags": ["new"]}) for i in ("01", "77", "77"))])
    w.say("update_or_create", Shelf.objects.update_or_create(name=f"shelf 77 of {n}", defaults={"data": {"x": [1]}})[1])
    w.say("upsert", [shelf.pk for shelf in Shelf.objects.bulk_create([Shelf(name=f"shelf 03 of {n}", data={"up": 1})], update_conflicts=True, unique_fields=["name"], update_fields=["data"])])
    w.say("json", list(Shelf.objects.filter(data__up=1).values_list("name", "tags")), Shelf.objects.filter(tags__contains=["a"]).count())
    w.say("aggregate", Item.objects.aggregate(Sum("price"), Avg("count")), list(Shelf.objects.annotate(k=Count("items")).values_list("k", flat=True))[:3])
    w.say("window", list(Item.objects.annotate(r=Window(Rank(), order_by=F("price").desc())).values_list("r", "name").order_by("r", "pk"))[:2])
    w.say("orders", Order.objects.aggregate(Sum("qty"), Count("pk")), Order.objects.get(pk=5).qty)
    w.say("explain", Item.objects.filter(pk=1).explain().splitlines()[0].split("  ")[0])

    # Server-side cursors: outside of a transaction Django declares them WITH HOLD.
    w.say("iterator", sum(item.count for item in Item.objects.iterator(chunk_size=17)))
    for item in Item.objects.order_by("pk").iterator(chunk_size=10):
        if item.pk == 25:
            Item.objects.filter(pk=1).update(count=F("count") + 1)
            break  # the cursor is closed with rows left
    with transaction.atomic():
        w.say("iterator in transaction", sum(1 for _ in Item.objects.iterator(chunk_size=99)))
    w.say("prefetch", len(list(Shelf.objects.prefetch_related("items").iterator(chunk_size=5))))

    # Atomic blocks.
    with w.fails("outer"), transaction.atomic():
        Shelf.objects.create(name="outer")
        with w.fails("inner"), transaction.atomic():
            Shelf.objects.create(name="outer")
        with w.fails("check"), transaction.atomic():
            Item.objects.filter(pk=3).update(count=-1)
        with transaction.atomic():
            sid = transaction.savepoint()
            Shelf.objects.create(name="savepoint")
            transaction.savepoint_rollback(sid)
        w.say("within", Shelf.objects.filter(name__in=["outer", "savepoint"]).count(), Order.objects.count())
        raise IntegrityError("mine")
    w.say("undone", Shelf.objects.filter(name="outer").exists())
    with w.fails("durable"), transaction.atomic(), transaction.atomic(durable=True):
        pass
    with w.fails("broken"), transaction.atomic():
        try:
            Shelf.objects.create(name=f"shelf 01 of {n}")
        except DatabaseError:
            pass
        Shelf.objects.count()
    with w.fails("foreign key at commit"), transaction.atomic():
        Item.objects.create(shelf_id=4711, name="x", price=1)
        w.say("before commit", Item.objects.filter(shelf_id=4711).count())
    with transaction.atomic():
        done = []
        transaction.on_commit(lambda: done.append(Shelf.objects.count()))
    w.say("on commit", done)

    # Locks: a second connection of this worker skips what the first has locked.
    def skip():
        connect_as(n)
        with transaction.atomic():
            skipped.append(list(Item.objects.select_for_update(skip_locked=True).order_by("pk").values_list("pk", flat=True)[:3]))
        with w.fails("no wait"), transaction.atomic():
            Item.objects.select_for_update(nowait=True).get(pk=2)
        connection.close()

    skipped = []
    with alone, transaction.atomic():
        locked = list(Item.objects.select_for_update(of=("self",)).order_by("pk")[:4])
        thread = threading.Thread(target=skip)
        thread.start()
        thread.join()
    w.say("skip locked", [item.pk for item in locked], skipped)

    # Settings.
    for sql in settings(n)[1:5]:
        rows(sql)
    barrier.wait()
    for _ in range(3):
        w.say("settings", rows(STATE), Shelf.objects.order_by("pk").values_list("created", flat=True)[1])
    connection.close()
    w.say("connected again", rows(STATE)[0][3:])
    with connection.schema_editor() as editor:
        editor.delete_model(Item)
        editor.delete_model(Shelf)
    connection.close()
    barrier.wait()
    if n < 3:
        w.say("manage.py test", manage_test(f"test_{n}", *(["--parallel", "2"] if n == 2 else [])))


def manage_test(name, *options):
    # Databases are created from template1 one at a time anyway.
    done = subprocess.run([sys.executable, here / "manage.py", "test", "shop", "--noinput", *options],
                          cwd=here, env={**os.environ, "TEST_NAME": name}, capture_output=True, text=True, timeout=90)
    seconds = re.compile(r"in \d+\.\d+s")
    return "\n".join([f"exit code {done.returncode}", done.stdout.strip(), seconds.sub("", done.stderr.strip())])


run(body)
