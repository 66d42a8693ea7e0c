from django.db import models


class Order(models.Model):
    """A row of `orders`, which lives on the analytic side and is filled from outside of Django.

    Unmanaged, so that `migrate` leaves it alone. `save()` is *not* overridden to raise: Tidegate
    refuses the write, for this model as for psql.
    """

    orderid = models.IntegerField("order", primary_key=True)
    itemid = models.IntegerField("item")
    qty = models.IntegerField("quantity")
    price = models.FloatField()
    dt = models.DateField("date")
    state = models.CharField(max_length=40)

    class Meta:
        managed = False
        db_table = "orders"

    def __str__(self):
        return f"order {self.orderid}"
