"""Models of every sort of field, whose tables live on the analytic side; nothing in them says so."""

from django.db import models


class Shelf(models.Model):
    name = models.CharField(max_length=40, unique=True)


class Item(models.Model):
    shelf = models.ForeignKey(Shelf, models.CASCADE)
    owner = models.ForeignKey("auth.User", models.CASCADE)
    name = models.CharField(max_length=100, db_index=True)
    slug = models.SlugField(unique=True)
    text = models.TextField(blank=True)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    weight = models.FloatField(null=True)
    quantity = models.PositiveIntegerField(default=0)
    rank = models.SmallIntegerField(default=0)
    big = models.BigIntegerField(default=0)
    sold = models.BooleanField(default=False)
    made = models.DateTimeField()
    day = models.DateField()
    hour = models.TimeField(null=True)
    span = models.DurationField(null=True)
    uid = models.UUIDField()
    data = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True)
    raw = models.BinaryField(null=True)
    twin = models.ForeignKey("self", models.SET_NULL, null=True)
    note = models.CharField(max_length=20, default="none")

    class Meta:
        unique_together = [("shelf", "name")]
        indexes = [models.Index(fields=["day", "-price"], name="shop_item_day_price")]
        constraints = [
            models.CheckConstraint(condition=models.Q(price__gte=0), name="shop_item_price"),
            models.UniqueConstraint(fields=["uid"], name="shop_item_uid"),
        ]
