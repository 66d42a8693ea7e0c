"""Run by `manage.py test`, in a database that Django creates and drops through the connection under test."""
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test import TestCase, TransactionTestCase

from shop.models import Item, Shelf


class InTransaction(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.shelf = Shelf.objects.create(name="shared")

    def test_rolls_back(self):
        Shelf.objects.create(name="one")
        self.assertEqual(Shelf.objects.count(), 2)

    def test_is_rolled_back(self):
        self.assertEqual(Shelf.objects.count(), 1)

    def test_savepoint(self):
        with self.assertRaises(IntegrityError), transaction.atomic():
            Shelf.objects.create(name="shared")
        self.assertEqual(Shelf.objects.count(), 1)

    def test_database(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_database()")
            self.assertEqual(cursor.fetchone()[0], connection.settings_dict["NAME"])

    def test_password(self):
        User.objects.create_user("anna", password="x")
        self.assertTrue(self.client.login(username="anna", password="x"))


class Flushed(TransactionTestCase):
    reset_sequences = True

    def test_first(self):
        shelf = Shelf.objects.create(name="first")
        Item.objects.bulk_create(Item(shelf=shelf, name=str(i), price=i) for i in range(20))
        self.assertEqual((shelf.pk, Item.objects.latest("pk").pk), (1, 20))

    def test_second(self):
        self.assertEqual(Shelf.objects.create(name="second").pk, 1)
        done = []
        with transaction.atomic():
            transaction.on_commit(lambda: done.append(Shelf.objects.count()))
        self.assertEqual(done, [1])
