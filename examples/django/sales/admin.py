from django.contrib import admin

from dashboard.refusals import RefusalMessages
from sales.models import Order


@admin.register(Order)
class OrderAdmin(RefusalMessages, admin.ModelAdmin):
    """Lists and looks; adding is left open on purpose, to show what Tidegate says to it."""

    list_display = ["orderid", "dt", "state", "itemid", "qty", "price"]
    list_filter = ["state"]
    search_fields = ["state"]
    ordering = ["-orderid"]
    list_per_page = 50

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
