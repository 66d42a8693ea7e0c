"""Unmanaged models of the dashboards' relations, a materialized view among them; nothing in them says where those live."""
from django.contrib.postgres.fields import ArrayField
from django.db import models


class Device(models.Model):
    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=40)
    site = models.CharField(max_length=40, null=True)
    price = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        managed = False
        db_table = "devices"
        ordering = ["id"]

    def __str__(self):
        return self.name


class Event(models.Model):
    id = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=40)
    device = models.ForeignKey(Device, models.DO_NOTHING, db_column="device", null=True, db_constraint=False)
    small = models.SmallIntegerField()
    reading = models.FloatField(null=True)
    price = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    ok = models.BooleanField(null=True)
    day = models.DateField()
    at = models.DateTimeField(db_column="seen")
    hour = models.TimeField()
    span = models.DurationField()
    doc = models.JSONField(null=True)
    ref = models.CharField(max_length=36)
    raw = models.BinaryField(null=True)
    marks = ArrayField(models.IntegerField(), null=True)
    words = ArrayField(models.TextField())

    class Meta:
        managed = False
        db_table = "events"
        ordering = ["-id"]

    def __str__(self):
        return f"{self.kind} {self.pk}"


class Daily(models.Model):
    """A materialized view has no key of its own; Django wants one."""

    day = models.DateField(primary_key=True)
    kind = models.CharField(max_length=40)
    events = models.BigIntegerField()
    total = models.DecimalField(max_digits=20, decimal_places=2)
    last_seen = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "daily"
        ordering = ["day", "kind"]
        verbose_name_plural = "days"

    def __str__(self):
        return f"{self.day} {self.kind}"
