import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("shop", "0001_initial")]

    operations = [
        migrations.AddField("item", "note", models.CharField(default="none", max_length=20)),
        migrations.AddField("item", "gone", models.BooleanField(null=True, db_index=True)),
        migrations.AlterField("item", "name", models.CharField(db_index=True, max_length=100)),
        migrations.AddField("item", "twin", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to="shop.item")),
        migrations.AddIndex("item", models.Index(fields=["day", "-price"], name="shop_item_day_price")),
        migrations.RemoveField("item", "gone"),
    ]
