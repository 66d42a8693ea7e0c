from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name="Order",
            fields=[
                ("orderid", models.IntegerField(primary_key=True, serialize=False, verbose_name="order")),
                ("itemid", models.IntegerField(verbose_name="item")),
                ("qty", models.IntegerField(verbose_name="quantity")),
                ("price", models.FloatField()),
                ("dt", models.DateField(verbose_name="date")),
                ("state", models.CharField(max_length=40)),
            ],
            options={
                "db_table": "orders",
                "managed": False,
            },
        ),
    ]
