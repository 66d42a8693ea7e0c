from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class Shelf(models.Model):
    name = models.CharField(max_length=50, unique=True)
    tags = ArrayField(models.TextField(), default=list)
    data = models.JSONField(default=dict)
    created = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]


class Item(models.Model):
    shelf = models.ForeignKey(Shelf, models.CASCADE, related_name="items")
    name = models.TextField()
    count = models.IntegerField(default=0)
    price = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(count__gte=0), name="count_is_positive")]
        indexes = [models.Index(fields=["name"])]


class Order(models.Model):
    """On the analytic side through Tidegate."""

    orderid = models.IntegerField(primary_key=True)
    qty = models.IntegerField()

    class Meta:
        managed = False
        db_table = "orders"
