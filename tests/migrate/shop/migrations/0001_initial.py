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
            name='Shelf',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40, unique=True)),
            ],
        ),
        migrations.CreateModel(
            name='Item',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(db_index=True, max_length=60)),
                ('slug', models.SlugField(unique=True)),
                ('text', models.TextField(blank=True)),
                ('price', models.DecimalField(decimal_places=2, max_digits=10)),
                ('weight', models.FloatField(null=True)),
                ('quantity', models.PositiveIntegerField(default=0)),
                ('rank', models.SmallIntegerField(default=0)),
                ('big', models.BigIntegerField(default=0)),
                ('sold', models.BooleanField(default=False)),
                ('made', models.DateTimeField()),
                ('day', models.DateField()),
                ('hour', models.TimeField(null=True)),
                ('span', models.DurationField(null=True)),
                ('uid', models.UUIDField()),
                ('data', models.JSONField(default=dict)),
                ('address', models.GenericIPAddressField(null=True)),
                ('raw', models.BinaryField(null=True)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
                ('shelf', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='shop.shelf')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('price__gte', 0)), name='shop_item_price'), models.UniqueConstraint(fields=('uid',), name='shop_item_uid')],
                'unique_together': {('shelf', 'name')},
            },
        ),
    ]
