"""Reads models whose tables Django's own migrations have made on the analytic side (`ddl: adapt`): what an app and its admin
ask of them, of columns that adapt has given another type too (uuid, inet, numeric(p, s), varchar(n), serial)."""

import uuid
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Avg, Count, Exists, F, Max, Min, OuterRef, Q, Subquery, Sum, Window
from django.db.models.functions import Lag, RowNumber, TruncDay, TruncMonth, Upper

from shop.models import Item, Shelf


def read(equal):
    """Of shelf 1 and its items 1, 2 and 3, whose quantities are 1, 2 and 30; item 2 is called 'renamed'."""
    items = Item.objects.order_by("pk")

    def keys(found):
        return [item.pk for item in found]

    equal(items.aggregate(Sum("price"), Min("day"), Max("made"), n=Count("pk"), shelves=Count("shelf", distinct=True)), {
        "price__sum": Decimal("15.00"), "day__min": date(2026, 1, 1), "made__max": datetime(2026, 1, 3, 12, tzinfo=timezone.utc), "n": 3, "shelves": 1,
    })
    equal(float(items.aggregate(mean=Avg("quantity"))["mean"]), 11.0)
    # Without values() Django groups a managed model by its key alone.
    grouped = Shelf.objects.annotate(n=Count("item")).order_by("name")
    equal([(shelf.name, shelf.n) for shelf in grouped], [("upper", 3)])
    equal((grouped.count(), [shelf.n for shelf in grouped.filter(n__gt=1)], grouped.first().n), (1, [3], 3))
    equal(list(Shelf.objects.values("name").annotate(n=Count("item"), total=Sum("item__price"))), [{"name": "upper", "n": 3, "total": Decimal("15.00")}])
    equal(list(items.values("sold").annotate(n=Count("*"), most=Max("quantity")).order_by("sold")), [{"sold": False, "n": 3, "most": 30}])
    numbered = items.annotate(n=Window(RowNumber(), partition_by="shelf", order_by="-quantity"), before=Window(Lag("pk"), order_by="pk"))
    equal(list(numbered.values_list("pk", "n", "before")), [(1, 3, None), (2, 2, 1), (3, 1, 2)])
    equal(keys(numbered.filter(n=1)), [3])

    equal(keys(items.iterator(chunk_size=2)), [1, 2, 3])
    # What adapt keeps as varchar is a str when it is read.
    equal(list(items.values_list("uid", flat=True).iterator(chunk_size=1)), [str(uuid.UUID(int=pk)) for pk in (1, 2, 3)])
    pages = Paginator(items, 2)
    equal((pages.count, pages.num_pages, keys(pages.page(2))), (3, 2, [3]))
    equal({pk: item.name for pk, item in Item.objects.in_bulk([1, 2, 9]).items()}, {1: "item 1", 2: "renamed"})
    equal(sorted(Item.objects.in_bulk(["item-3"], field_name="slug")), ["item-3"])
    equal(list(items.dates("day", "month")), [date(2026, 1, 1)])
    equal(list(items.datetimes("made", "day", order="DESC")), [datetime(2026, 1, day, tzinfo=timezone.utc) for day in (3, 2, 1)])
    equal(list(items.values_list(TruncDay("made"), TruncMonth("day"))[:1]), [(datetime(2026, 1, 1, tzinfo=timezone.utc), date(2026, 1, 1))])

    for condition, wanted in [
        (Q(quantity__gt=F("pk")), [3]), (Q(pk=1) | Q(name__icontains="NAME"), [1, 2]), (~Q(pk__in=[1, 2]), [3]), (Q(price__gte=Decimal("5.00"), price__lt=Decimal("7.5")), [2]),
        (Q(day=date(2026, 1, 2)), [2]), (Q(made__date=date(2026, 1, 3)), [3]), (Q(made__year=2026, made__day__lte=2), [1, 2]), (Q(hour=time(9, 30), pk__gt=1), [2, 3]),
        (Q(span__lt=timedelta(hours=3)), [1, 2]), (Q(uid=uuid.UUID(int=2)), [2]), (Q(uid__in=[uuid.UUID(int=1), uuid.UUID(int=3)]), [1, 3]), (Q(data__n=3), [3]), (Q(data__contains={"n": 1}), [1]),
        (Q(weight=None, shelf__name="upper", pk=1), [1]), (Q(raw=b"\x00\xff", pk=3), [3]), (Q(slug__startswith="item-", slug__endswith="2"), [2]),
    ]:
        equal(keys(items.filter(condition)), wanted)
    newest = items.filter(shelf=OuterRef("pk")).order_by("-made")
    equal(list(Shelf.objects.annotate(newest=Subquery(newest.values("name")[:1])).filter(Exists(newest)).values_list("newest", flat=True)), ["item 3"])
    equal(list(items.order_by("shelf").values_list("shelf__name", flat=True).distinct()), ["upper"])
    equal(list(items.values_list(Upper("name"), "address")[:1]), [("ITEM 1", "192.0.2.1")])
    equal([(item.shelf.name, item.twin) for item in items.select_related("shelf", "twin")[:1]], [("upper", None)])
    equal([keys(shelf.item_set.all()) for shelf in Shelf.objects.prefetch_related("item_set")], [[1, 2, 3]])
    equal(keys(items.union(items, all=True).order_by("id")), [1, 1, 2, 2, 3, 3])
    # The owner's row lives in PostgreSQL: Django reads it by itself, and a join over both sides is refused.
    equal(items[0].owner, User.objects.get(username="ada"))
