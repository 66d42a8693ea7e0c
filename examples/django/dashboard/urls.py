from django.contrib import admin
from django.urls import path

from dashboard import views

urlpatterns = [
    path("", views.home, name="home"),
    path("orders/new/", views.new_order, name="new-order"),
    path("posts/refresh/", views.refresh_posts, name="refresh-posts"),
    path("posts/<int:post_id>/comment/", views.comment, name="comment"),
    path("admin/", admin.site.urls),
]
