import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ChargeSummary",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("job", models.CharField(max_length=80)),
                ("month", models.DateField()),
                ("hw", models.DecimalField(decimal_places=2, max_digits=12, verbose_name="hardware")),
                ("sw", models.DecimalField(decimal_places=2, max_digits=12, verbose_name="software")),
            ],
            options={
                "verbose_name_plural": "charge summaries",
                "db_table": "app_chargesummary",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Charge",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("job", models.CharField(max_length=80)),
                ("type", models.CharField(choices=[("hw", "hardware"), ("sw", "software")], max_length=2)),
                ("month", models.DateField()),
                ("amount", models.DecimalField(decimal_places=2, max_digits=10)),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="charges", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "db_table": "app_charge",
            },
        ),
    ]
