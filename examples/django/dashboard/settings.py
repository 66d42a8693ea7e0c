"""Settings of the example: one database entry, Django's own backend, no router class.

Behind that entry are two servers. Tidegate sends each statement to the one that holds its relations,
so nothing here knows that `orders` is in RisingWave and everything else in PostgreSQL.
"""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ.get("TIDEGATE_HOST", "127.0.0.1"),
        "PORT": os.environ.get("TIDEGATE_PORT", "6432"),
        "NAME": os.environ.get("TIDEGATE_DATABASE", "app"),
        "USER": os.environ.get("TIDEGATE_USER", "app"),
        "PASSWORD": os.environ.get("TIDEGATE_PASSWORD", ""),
    }
}

# An example that only ever listens on loopback. Set the key when you copy it anywhere else.
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "only-for-the-example-on-loopback")
DEBUG = os.environ.get("DJANGO_DEBUG", "1") == "1"
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "dashboard",
    "sales",
    "billing",
    "blog",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

ROOT_URLCONF = "dashboard.urls"
WSGI_APPLICATION = "dashboard.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "static/"
LOGIN_URL = "admin:login"
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
