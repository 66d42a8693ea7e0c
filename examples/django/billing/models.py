from django.conf import settings
from django.db import models


class Charge(models.Model):
    class Type(models.TextChoices):
        HARDWARE = "hw", "hardware"
        SOFTWARE = "sw", "software"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="charges")
    job = models.CharField(max_length=80)
    type = models.CharField(max_length=2, choices=Type)
    month = models.DateField()
    amount = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        db_table = "app_charge"

    def __str__(self):
        return f"{self.job} {self.month:%Y-%m} {self.type} {self.amount}"


class ChargeSummary(models.Model):
    """A row of the view `app_chargesummary`, which migration 0002 creates."""

    id = models.BigIntegerField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, related_name="+")
    job = models.CharField(max_length=80)
    month = models.DateField()
    hw = models.DecimalField("hardware", max_digits=12, decimal_places=2)
    sw = models.DecimalField("software", max_digits=12, decimal_places=2)

    class Meta:
        managed = False
        db_table = "app_chargesummary"
        verbose_name_plural = "charge summaries"

    def __str__(self):
        return f"{self.job} {self.month:%Y-%m}"
