from django.contrib import admin

from .models import Daily, Device, Event


class ReadOnly(admin.ModelAdmin):
    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(Event)
class EventAdmin(ReadOnly):
    list_display = ["id", "kind", "device", "price", "ok", "day", "at"]
    list_filter = ["kind", "ok", "day", "device__site", "device"]
    search_fields = ["kind", "ref", "device__name", "=id"]
    date_hierarchy = "at"
    list_per_page = 20
    list_select_related = ["device"]


@admin.register(Daily)
class DailyAdmin(ReadOnly):
    list_display = ["day", "kind", "events", "total", "last_seen"]
    list_filter = ["kind"]
    date_hierarchy = "day"
    show_full_result_count = False


@admin.register(Device)
class DeviceAdmin(ReadOnly):
    list_display = ["name", "site", "price"]
    search_fields = ["name"]
    ordering = ["-price"]
