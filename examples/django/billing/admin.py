from django.contrib import admin

from billing.models import Charge


@admin.register(Charge)
class ChargeAdmin(admin.ModelAdmin):
    list_display = ["job", "user", "type", "month", "amount"]
    list_filter = ["type", "month"]
    list_select_related = ["user"]
