#!/usr/bin/env python
"""Drives the example through a running Tidegate and compares with the servers behind it.

    TIDEGATE_PORT=6432 ANALYTIC_URL=postgres://root@127.0.0.1:4566/dev python check.py

Expects `orders` to be loaded on the analytic server (load_orders.py); migrates and seeds the rest by
itself. With OLTP_URL it also looks into the OLTP server. The last line is 'N passed, N failed'.
"""

import os
import sys
import unittest
from datetime import date
from decimal import Decimal

import django
import psycopg

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import Error, connection, transaction  # noqa: E402
from django.test import SimpleTestCase  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402

from billing.models import Charge, ChargeSummary  # noqa: E402
from blog.models import Comment, Post, PostSummary  # noqa: E402
from dashboard.refusals import Refusal  # noqa: E402
from sales.models import Order  # noqa: E402

ANALYTIC_URL = os.environ.get("ANALYTIC_URL")
OLTP_URL = os.environ.get("OLTP_URL")
ADMIN = {"username": "check", "password": "check-only-password"}
NEW_ORDER = {"orderid": 990001, "itemid": 101, "qty": 1, "price": 1.5, "dt": "2025-06-01", "state": "Maine"}

RANKINGS = {
    "states": "SELECT state, sum(qty * price) AS m FROM orders GROUP BY state ORDER BY m DESC LIMIT 5",
    "items-average": "SELECT itemid, avg(qty) AS m FROM orders GROUP BY itemid ORDER BY m DESC LIMIT 5",
    "items-quantity": "SELECT itemid, sum(qty) AS m FROM orders GROUP BY itemid ORDER BY m DESC LIMIT 5",
    "items-turnover": "SELECT itemid, sum(qty * price) AS m FROM orders GROUP BY itemid ORDER BY m DESC LIMIT 5",
}


def ask(url, sql):
    """One query on a server itself, past Tidegate."""
    with psycopg.connect(url, autocommit=True) as server:
        return server.execute(sql).fetchall()


class Case(SimpleTestCase):
    """Runs on the servers as they are: no test database, no transaction around a test."""

    databases = {"default"}


class Page(Case):
    def test_rankings_equal_the_analytic_servers_own(self):
        response = self.client.get("/")
        self.assertEqual(response.status_code, 200)
        shown = {ranking.slug: (ranking, section) for ranking, section in response.context["rankings"]}
        self.assertEqual(shown.keys(), RANKINGS.keys())
        for slug, sql in RANKINGS.items():
            with self.subTest(ranking=slug):
                ranking, section = shown[slug]
                self.assertIsNone(section.refusal)
                expected = ask(ANALYTIC_URL, sql)
                self.assertEqual(len(expected), 5)
                names = [f"Item {name}" if ranking.label == "itemid" else name for name, _ in expected]
                self.assertEqual([label for label, _ in section.rows], names)
                for (_, got), (_, wanted) in zip(section.rows, expected):
                    self.assertAlmostEqual(float(got), float(wanted), places=6)
                    self.assertContains(response, f"{float(wanted):,.{ranking.decimals}f}")
        self.assertContains(response, '<svg class="chart"', count=4)

    def test_charge_summary_view(self):
        response = self.client.get("/")
        charges = response.context["charges"].rows
        self.assertEqual(len(charges), ChargeSummary.objects.count())
        ada = [row for row in charges if (row.user.username, row.job, row.month) == ("ada", "render", date(2025, 11, 1))]
        self.assertEqual([(row.hw, row.sw) for row in ada], [(Decimal("240.00"), Decimal("71.00"))])
        total = sum(Charge.objects.values_list("amount", flat=True))
        self.assertEqual(sum(row.hw + row.sw for row in charges), total)

    def test_charge_summary_is_not_writable(self):
        with self.assertRaises(Error):
            ChargeSummary.objects.filter(job="render").update(job="other")

    def test_materialized_view_refreshes_both_ways(self):
        post = Post.objects.get(title="A view that is never stale")
        self.addCleanup(post.comments.filter(author="visitor").delete)
        for mode in ("concurrently", "plain"):
            with self.subTest(mode=mode):
                answer = self.client.post(f"/posts/{post.pk}/comment/", follow=True)
                self.assertEqual(answer.status_code, 200)
                answer = self.client.post("/posts/refresh/", {"mode": mode}, follow=True)
                self.assertContains(answer, "Refreshed")
                summary = PostSummary.objects.get(pk=post.pk)
                self.assertEqual(summary.comments, Comment.objects.filter(post=post).count())
                self.assertEqual(summary.tags, ["risingwave"])

    def test_refresh_command(self):
        call_command("refresh_posts", verbosity=0, stdout=open(os.devnull, "w"))
        call_command("refresh_posts", plain=True, stdout=open(os.devnull, "w"))

    def test_post_tags_come_as_arrays(self):
        summary = PostSummary.objects.get(title="One port for two databases")
        self.assertEqual(summary.tags, ["postgresql", "risingwave", "routing"])


class Guard(Case):
    """Every way the ORM writes an order is refused, and none of them arrives."""

    def setUp(self):
        self.before = ask(ANALYTIC_URL, "SELECT count(*), sum(qty) FROM orders")

    def tearDown(self):
        self.assertEqual(ask(ANALYTIC_URL, "SELECT count(*), sum(qty) FROM orders"), self.before)

    def refusal(self, write):
        with self.assertRaises(Error) as caught:
            write()
        refusal = Refusal.of(caught.exception)
        self.assertEqual(refusal.sqlstate, "25006", refusal)
        return refusal

    def test_form_shows_the_refusal(self):
        response = self.client.post("/orders/new/", NEW_ORDER)
        self.assertEqual(response.status_code, 200)
        refusal = response.context["refusal"]
        self.assertEqual(refusal.sqlstate, "25006")
        self.assertTrue(refusal.detail and refusal.hint, refusal)
        self.assertContains(response, 'role="alert"')
        self.assertContains(response, "Hint")

    def test_insert(self):
        self.assertIn("orders", str(self.refusal(lambda: Order.objects.create(**NEW_ORDER))))

    def test_bulk_insert(self):
        self.refusal(lambda: Order.objects.bulk_create([Order(**NEW_ORDER)]))

    def test_update(self):
        self.refusal(lambda: Order.objects.filter(orderid=1).update(qty=0))

    def test_delete(self):
        self.refusal(lambda: Order.objects.filter(orderid=1).delete())

    def test_locking_read(self):
        def read():
            with transaction.atomic():
                list(Order.objects.select_for_update().filter(orderid=1))

        self.refusal(read)

    def test_refusal_inside_a_savepoint_leaves_the_transaction_usable(self):
        with transaction.atomic():
            with self.assertRaises(Error), transaction.atomic():
                Order.objects.create(**NEW_ORDER)
            self.assertGreater(Order.objects.count(), 0)
            self.assertGreater(Post.objects.count(), 0)


class Admin(Case):
    def setUp(self):
        users = get_user_model().objects
        users.filter(username=ADMIN["username"]).delete()
        self.addCleanup(users.create_superuser(email="", **ADMIN).delete)
        response = self.client.post("/admin/login/?next=/admin/", ADMIN)
        self.assertRedirects(response, "/admin/")

    def assertLists(self, url, *texts):
        response = self.client.get(url)
        self.assertEqual(response.status_code, 200)
        for text in texts:
            self.assertContains(response, text)

    def test_user_list(self):
        self.assertLists("/admin/auth/user/", "ada", "grace")

    def test_order_list_search_filter_and_pages(self):
        self.assertLists("/admin/sales/order/", "5000 orders")
        self.assertLists("/admin/sales/order/?p=3")
        self.assertLists("/admin/sales/order/?q=vermont", "Vermont")
        self.assertLists("/admin/sales/order/?state__exact=Maine&o=-6", "Maine")
        self.assertLists("/admin/sales/order/1/change/", "Illinois")

    def test_order_cannot_be_added(self):
        response = self.client.post("/admin/sales/order/add/", NEW_ORDER, follow=True)
        self.assertContains(response, "HINT:")

    def test_charge_and_post_lists(self):
        self.assertLists("/admin/billing/charge/", "render")
        self.assertLists("/admin/blog/post/", "What a tide gate does")

    def test_post_is_changed_through_the_admin(self):
        post = Post.objects.get(title="What a tide gate does")
        fields = {
            "title": post.title,
            "body": f"{post.title}. Changed.",
            "published": post.published.isoformat(),
            "tags": list(post.tags.values_list("pk", flat=True)),
            "comments-TOTAL_FORMS": 0,
            "comments-INITIAL_FORMS": 0,
        }
        self.assertRedirects(self.client.post(f"/admin/blog/post/{post.pk}/change/", fields), "/admin/blog/post/")
        post.refresh_from_db()
        self.assertTrue(post.body.endswith("Changed."))


class Sides(Case):
    def test_both_sides_in_one_transaction(self):
        with transaction.atomic():
            first = Comment.objects.create(post=Post.objects.first(), author="check", text="undone below")
            self.assertGreater(Order.objects.count(), 0)
            transaction.set_rollback(True)
        self.assertFalse(Comment.objects.filter(pk=first.pk).exists())

    def test_server_side_cursor_on_the_oltp_side(self):
        self.assertEqual(sum(1 for _ in Charge.objects.iterator(chunk_size=10)), Charge.objects.count())

    def test_server_side_cursor_on_the_analytic_side(self):
        """iterator() declares one: held outside of a transaction, without HOLD in one."""
        self.assertEqual(sum(1 for _ in Order.objects.iterator(chunk_size=500)), Order.objects.count())
        with transaction.atomic():
            self.assertEqual(sum(1 for _ in Order.objects.iterator(chunk_size=500)), Order.objects.count())

    def test_settings_are_the_stock_ones(self):
        self.assertEqual(list(settings.DATABASES), ["default"])
        self.assertEqual(connection.settings_dict["ENGINE"], "django.db.backends.postgresql")
        self.assertEqual(settings.DATABASE_ROUTERS, [])

    @unittest.skipUnless(OLTP_URL, "OLTP_URL is not set")
    def test_orders_are_not_in_the_oltp_server(self):
        self.assertEqual(ask(OLTP_URL, "SELECT to_regclass('orders') IS NULL"), [(True,)])


def main() -> int:
    if not ANALYTIC_URL:
        sys.exit("ANALYTIC_URL is not set: where may the rankings be checked?")
    setup_test_environment()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("seed", stdout=open(os.devnull, "w"))
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    # A method with several broken subtests counts once.
    broken = len({str(getattr(test, "test_case", test)) for test, _ in result.failures + result.errors})
    skipped = len(result.skipped)
    line = f"{result.testsRun - broken - skipped} passed, {broken} failed"
    print(line + (f", {skipped} skipped" if skipped else ""), flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
