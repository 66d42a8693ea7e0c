"""Django's own PostgreSQL engine in front of both sides: the tables of `shop` are ruled to the analytic one."""

import os

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": "127.0.0.1",
        "PORT": os.environ["TIDEGATE_PORT"],
        "NAME": "app",
        "USER": "app",
    }
}
SECRET_KEY = "only for a test on loopback"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "shop"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
