"""Settings for Django's own tests (runtests.py --settings), against the server that PGHOST and the like name."""
import os
import unittest

from django.test.runner import DiscoverRunner
from results_plugin import note

SERVER = {
    "ENGINE": "django.db.backends.postgresql",
    "HOST": os.environ["PGHOST"],
    "PORT": os.environ["PGPORT"],
    "USER": "postgres",
    "PASSWORD": "postgres",
}
DATABASES = {"default": {**SERVER, "NAME": "django"}, "other": {**SERVER, "NAME": "django2"}}
SECRET_KEY = "of no use"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = False
TEST_RUNNER = "django_settings.Runner"


class Result(unittest.TextTestResult):
    def noted(self, test, outcome, reason=""):
        note(getattr(test, "test_case", test).id(), outcome, reason)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.noted(test, "passed")

    def addError(self, test, err):
        super().addError(test, err)
        self.noted(test, "failed", repr(err[1]))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.noted(test, "failed", repr(err[1]))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.noted(test, "skipped", reason)

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.noted(test, "passed", "fails as expected")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.noted(test, "failed", "passes, which is not expected")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.noted(test, "failed", repr(err[1]))


class Runner(DiscoverRunner):
    def get_resultclass(self):
        return Result
