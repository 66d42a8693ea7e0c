"""Django with unmanaged models of analytic relations: the ORM's ways to read, then the admin's list pages, logged in as a
user whose account is on the OLTP side. By literals in the text, and with parameters bound on the server."""
import os
import re
import sys
import threading
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

here = Path(__file__).parent
sys.path[:0] = [str(here), str(here.parent)]
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"

import django  # noqa: E402

django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.paginator import Paginator  # noqa: E402
from django.db import DatabaseError, connection, connections, transaction  # noqa: E402
from django.db.models import (  # noqa: E402
    Avg, BooleanField, Case, CharField, Count, DecimalField, Exists, ExpressionWrapper, F, FloatField, IntegerField, Max, Min, OuterRef, Prefetch, Q, StdDev, Subquery, Sum, Value, When,
    Window,
)
from django.db.models.functions import (  # noqa: E402
    Cast, Coalesce, Concat, ExtractWeekDay, ExtractYear, FirstValue, Greatest, Lag, Length, Lower, NullIf, Rank, Round, RowNumber, Substr, TruncDay, TruncHour, TruncMonth, TruncYear, Upper,
)
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext, setup_test_environment  # noqa: E402

from dash.models import Daily, Device, Event  # noqa: E402
from shared import alone, fails, run  # noqa: E402

ready = threading.Lock()
accounts = []


def account():
    """The tables of Django's own apps and one superuser; the first worker makes them."""
    with ready:
        if not accounts:
            call_command("migrate", verbosity=0)
            accounts.append(User.objects.create_superuser("root", password="x"))


def body(w):
    account()
    w.say("tables", sorted(table for table in connection.introspection.table_names() if not re.match("events|devices|daily|loud|accounts|invoices|monthly", table)))
    for binding in (False, True):
        connection.close()
        connection.settings_dict = {**connection.settings_dict, "OPTIONS": {"server_side_binding": binding}}
        w.say("binding on the server", binding)
        reads(w)
        aggregates(w)
        transactions(w)
        if w.n == int(binding):
            with alone:  # the test client hears what any thread renders
                admin(w)
    connections.close_all()


def reads(w):
    event = Event.objects.get(pk=7)
    w.say("get", event, event.device, event.price, event.at, event.hour, event.span, event.doc, event.ref, bytes(event.raw), event.marks, event.words)
    w.say("NULLs", [(e.device, e.reading, e.price, e.ok, e.doc, e.raw, e.marks) for e in Event.objects.filter(device=None).order_by("pk")[:2]])
    fails(w, "none", lambda: Event.objects.get(pk=-1))
    fails(w, "many", lambda: Event.objects.get(kind="kind 1"))
    w.say("in_bulk", sorted(Event.objects.in_bulk([3, 1, 9999]).items()), sorted(Device.objects.in_bulk()))
    w.say("values", list(Event.objects.filter(pk__lte=3).values("id", "kind", "device__name")), list(Event.objects.filter(pk__lte=3).values_list("id", flat=True)))
    w.say("named values", list(Event.objects.filter(pk=3).values_list("id", "price", named=True)), list(Event.objects.filter(pk__in=[4, 5]).only("kind").values("pk", "kind")))
    w.say("only and defer", [e.day for e in Event.objects.only("kind").filter(pk__lt=3)], [e.kind for e in Event.objects.defer("doc", "raw").filter(pk__lt=3)])
    w.say("slices", list(Event.objects.all()[5:8]), Event.objects.order_by("pk")[100], list(Event.objects.order_by("pk")[:500:100]))
    w.say("first and last", Event.objects.first(), Event.objects.last(), Event.objects.earliest("at"), Event.objects.latest("day", "id"))
    w.say("exists and contains", Event.objects.filter(pk=3).exists(), Event.objects.filter(pk=-3).exists(), Event.objects.filter(kind="kind 2").contains(Event(pk=2)), Event.objects.count())
    for name, condition in {
        "Q": Q(kind="kind 1") & (Q(pk__lt=9) | Q(pk__gt=495)) & ~Q(device=None), "F": Q(small__gt=F("device__id") * 10, pk__lt=40, ok=True), "in": Q(pk__in=[1, 5, 499]), "range": Q(pk__range=(3, 5)),
        "text": Q(kind__icontains="IND 2", pk__lt=9), "startswith": Q(kind__istartswith="KIND", pk=1), "iexact": Q(kind__iexact="KIND 3", pk__lt=9), "endswith": Q(ref__endswith="0007"), "regex": Q(kind__regex="^k.* [13]$", pk__lt=6),
        "decimal": Q(price__gte=Decimal("745.50")), "float": Q(reading__lt=0.5), "bool": Q(ok=True, pk__lt=5), "isnull": Q(price__isnull=True, pk__lt=11), "date": Q(day=date(2026, 1, 3)), "date range": Q(day__range=(date(2026, 1, 3), date(2026, 1, 4)), pk__gt=33),
        "year": Q(at__year=2026, at__month=2, at__day=3), "week day": Q(at__week_day=1, pk__lt=60), "hour": Q(at__hour__lt=1, pk__lt=40), "date of a time": Q(at__date=date(2026, 1, 2)), "moment": Q(at__gte=datetime(2026, 2, 3, 12, tzinfo=timezone.utc)),
        "duration": Q(span__lt=timedelta(minutes=5)), "json": Q(doc__n=6), "json path": Q(doc__deep__ok=True, pk__lt=7), "json contains": Q(doc__contains={"n": 4}), "json key": Q(doc__has_key="n", pk__lt=3),
        "array contains": Q(marks__contains=[499]), "array length": Q(words__len=4, pk=1), "array index": Q(marks__0=12), "relation": Q(device__name="device 3", pk__lt=20), "relation in": Q(device__in=Device.objects.filter(name__endswith="2"), pk__lt=20),
    }.items():
        seen(w, f"filter {name}", lambda: list(Event.objects.filter(condition).order_by("pk").values_list("pk", flat=True)))
    seen(w, "exclude", lambda: list(Event.objects.exclude(kind__in=["kind 0", "kind 1"]).exclude(device__site="site 1").filter(pk__lt=20).values_list("pk", flat=True)))
    seen(w, "distinct", lambda: (list(Event.objects.order_by("kind").values_list("kind", flat=True).distinct()), list(Event.objects.order_by("kind", "id").distinct("kind").values_list("kind", "id"))))
    seen(w, "dates", lambda: (list(Event.objects.dates("day", "month")), list(Event.objects.dates("day", "day"))[-2:], list(Event.objects.datetimes("at", "week"))[:2], list(Event.objects.datetimes("at", "hour", order="DESC"))[:2]))
    seen(w, "union", lambda: list(Event.objects.filter(pk=1).values_list("pk").union(Event.objects.filter(pk=2).values_list("pk"), all=True).order_by("id")))
    seen(w, "intersection", lambda: list(Event.objects.filter(pk__lt=4).order_by().values_list("pk").intersection(Event.objects.filter(pk__gt=1).order_by().values_list("pk")).order_by("id")))
    seen(w, "select_related", lambda: [(e.pk, e.device and e.device.name) for e in Event.objects.select_related("device").filter(pk__in=[5, 6]).order_by("pk")])
    seen(w, "prefetch", lambda: [(d.name, [e.pk for e in d.first]) for d in Device.objects.prefetch_related(Prefetch("event_set", Event.objects.filter(pk__lt=20), to_attr="first"))])
    for size in (17, 100):
        seen(w, f"iterator {size}", lambda: sum(e.pk for e in Event.objects.iterator(chunk_size=size)))
    seen(w, "iterator left early", lambda: next(Event.objects.order_by("pk").iterator(chunk_size=10)))
    seen(w, "iterator over values", lambda: sum(pk for (pk,) in Event.objects.values_list("pk").iterator(chunk_size=90)))
    pages = Paginator(Event.objects.order_by("pk"), 60, orphans=30)
    seen(w, "pages", lambda: (pages.count, pages.num_pages, [e.pk for e in pages.page(2)][:3], len(pages.page(8)), pages.get_page("last").has_next()))
    seen(w, "raw", lambda: ([e.kind for e in Event.objects.raw("SELECT id, kind FROM events WHERE id < %s ORDER BY id", [4])], rows("SELECT count(*) FROM daily WHERE events > %s", [2])))
    seen(w, "materialized view", lambda: list(Daily.objects.filter(day__gt=date(2026, 2, 18), total__gt=Decimal("1.5")).values_list("day", "kind", "events", "total", "last_seen")))
    seen(w, "its totals", lambda: (Daily.objects.count(), Daily.objects.aggregate(Sum("events"), Max("total")), list(Daily.objects.dates("day", "month"))))


def aggregates(w):
    seen(w, "aggregate", lambda: Event.objects.aggregate(n=Count("pk"), devices=Count("device", distinct=True), total=Sum("price"), low=Min("reading"), last=Max("at"), some=Sum("small", filter=Q(ok=True)), none=Sum("price", filter=Q(pk__lt=0), default=0)))
    seen(w, "averages", lambda: {key: round(value, 6) for key, value in Event.objects.aggregate(a=Avg("reading"), b=Avg("price"), c=StdDev("reading"), d=Avg("small")).items()})
    seen(w, "annotate", lambda: list(Device.objects.annotate(n=Count("event"), total=Sum("event__price"), last=Max("event__at")).order_by("id").values_list("name", "n", "total", "last")))
    seen(w, "group by", lambda: list(Event.objects.values("kind").annotate(n=Count("*"), total=Sum(F("price") * 2)).filter(n__gt=10).order_by("-total", "kind")))
    seen(w, "by month", lambda: list(Event.objects.annotate(month=TruncMonth("at")).values("month").annotate(n=Count("pk")).order_by("month")))
    seen(w, "by day and kind", lambda: list(Event.objects.annotate(d=TruncDay("at")).values("d", "kind").annotate(n=Count("pk")).order_by("d", "kind")[:4]))
    seen(w, "truncated", lambda: list(Event.objects.filter(pk=400).values_list(TruncYear("day"), TruncHour("at"), ExtractYear("day"), ExtractWeekDay("at"))))
    seen(w, "texts", lambda: list(Event.objects.filter(pk__lt=3).order_by("pk").values_list(Lower("kind"), Upper("kind"), Length("kind"), Substr("kind", 1, 3), Concat("kind", Value(": "), "ref", output_field=CharField()))))
    seen(w, "case", lambda: list(Event.objects.filter(pk__in=[5, 6, 450]).annotate(label=Case(When(price__gt=600, then=Value("dear")), When(price=None, then=Value("none")), default=Value("cheap"))).order_by("pk").values_list("pk", "label")))
    seen(w, "coalesce", lambda: list(Event.objects.filter(pk__in=[4, 5]).order_by("pk").values_list(Coalesce("device_id", 0), NullIf("kind", Value("kind 0")), Greatest("id", Value(3)))))
    seen(w, "wrapped", lambda: list(Event.objects.filter(pk=3).values_list(ExpressionWrapper(F("price") * F("small"), output_field=DecimalField()), ExpressionWrapper(Q(pk__gt=2), output_field=BooleanField()), F("at") - timedelta(hours=1))))
    seen(w, "cast", lambda: list(Event.objects.filter(pk=3).values_list(Cast("id", IntegerField()), Cast("small", FloatField()), Round("price"))))
    seen(w, "cast to a length", lambda: list(Event.objects.filter(pk=3).values_list(Cast("kind", CharField(max_length=4)))))
    seen(w, "cast to a scale", lambda: list(Event.objects.filter(pk=3).values_list(Cast("reading", DecimalField(max_digits=10, decimal_places=1)))))
    last = Event.objects.filter(device=OuterRef("pk")).order_by("-pk")
    seen(w, "subquery", lambda: list(Device.objects.annotate(last=Subquery(last.values("pk")[:1]), any=Exists(last.filter(pk__gt=497))).values_list("name", "last", "any")))
    seen(w, "exists", lambda: list(Device.objects.filter(Exists(last.filter(ok=True)), ~Exists(last.filter(pk=499))).values_list("name", flat=True)))
    seen(w, "windows", lambda: list(Event.objects.filter(pk__lt=10).annotate(
        n=Window(RowNumber(), partition_by="kind", order_by="pk"), rank=Window(Rank(), order_by=F("small").desc()), before=Window(Lag("pk"), order_by="pk"), running=Window(Sum("small"), order_by="pk"),
        first=Window(FirstValue("pk"), partition_by=[F("kind")], order_by="pk"),
    ).order_by("pk").values_list("pk", "n", "rank", "before", "running", "first")))
    seen(w, "filtered by a window", lambda: list(Event.objects.annotate(n=Window(RowNumber(), partition_by="kind", order_by="-pk")).filter(n=1).order_by("kind").values_list("kind", "pk")))
    seen(w, "aggregate over a slice", lambda: Event.objects.order_by("pk")[:10].aggregate(Sum("pk")))
    seen(w, "explain", lambda: bool(Event.objects.filter(pk=1).explain()))


def transactions(w):
    with transaction.atomic():
        w.say("atomic", Event.objects.count(), User.objects.count(), Event.objects.filter(pk__lt=9).aggregate(Max("pk")))

        def inner():
            with transaction.atomic():
                rows("SELECT nothing FROM events")

        fails(w, "inner", inner)
        w.say("healed", Event.objects.count(), sum(e.pk for e in Event.objects.iterator(chunk_size=80)))

    def broken():
        with transaction.atomic():
            try:
                rows("SELECT 1 / (id - id) FROM events")
            except DatabaseError:
                pass
            Event.objects.count()

    fails(w, "broken", broken)
    fails(w, "no such column", lambda: Event.objects.extra(where=["nothing = 1"]).count())


def admin(w):
    client = Client()
    w.say("login", client.login(username="root", password="x"))
    for url in [
        "", "dash/", "dash/event/", "dash/event/?p=2", "dash/event/?all=", "dash/event/?o=-4.1", "dash/event/?q=kind+1", "dash/event/?q=device+3+kind", "dash/event/?q=77", "dash/event/?kind=kind+2", "dash/event/?ok__exact=1", "dash/event/?ok__isnull=True",
        "dash/event/?device__site=site+1", "dash/event/?device__id__exact=3&kind=kind+3", "dash/event/?day__gte=2026-01-03&day__lt=2026-01-05", "dash/event/?at__year=2026", "dash/event/?at__year=2026&at__month=2", "dash/event/?at__year=2026&at__month=2&at__day=3",
        "dash/event/7/change/", "dash/event/9999/change/", "dash/daily/", "dash/daily/?day__year=2026&day__month=1", "dash/daily/?kind=kind+0", "dash/device/", "dash/device/?q=device+1", "dash/device/3/change/", "dash/device/3/history/", "auth/user/",
    ]:
        with CaptureQueriesContext(connection) as asked:
            page = client.get("/admin/" + url, follow=True)
        changes = page.context and page.context.get("cl")
        if changes:
            w.say(f"admin {url}", page.status_code, len(asked), changes.result_count, changes.full_result_count, [str(row) for row in changes.result_list][:3])
        else:
            w.say(f"admin {url}", page.status_code, len(asked))
        w.say(f"text of {url}", plain(page.content.decode()))


def plain(html):
    """What a page shows, without what differs from login to login."""
    html = re.sub(r"(?s)<script.*?</script>|<style.*?</style>|<input[^>]*csrf[^>]*>", "", html)
    html = re.sub(r"Last login.*?<|(?s:<td class=\"field-last_login.*?</td>)", "", html)
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", html)).strip()


def seen(w, step, part):
    """What was read, or the class and SQLSTATE of what went wrong: one form that fails must not hide the others."""
    try:
        w.say(step, part())
    except DatabaseError as error:
        w.say(step, type(error).__name__, error.__cause__.sqlstate)


def rows(sql, args=None):
    with connection.cursor() as cursor:
        cursor.execute(sql, args)
        return cursor.fetchall()


setup_test_environment()
run(body)
