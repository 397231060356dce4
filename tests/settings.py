"""Settings of the test run: `TEST_DATABASE_URL` chooses PostgreSQL, otherwise SQLite in a temporary directory."""

import os
import tempfile

_home = tempfile.mkdtemp(prefix="cohortsite-tests-")
os.mkdir(f"{_home}/static")  # whitenoise warns where there is none
os.environ.update(
    READ_DOT_ENV="false",
    DATA_DIR=_home,
    SECRET_KEY="only-for-tests-" + "x" * 50,
    EMAIL_URL="memorymail://",
    SITE_URL="http://testserver",
    ANYMAIL_WEBHOOK_SECRET="hook:secret",
    EVENTS_URL=f"duckdb://{_home}/columns",
)
if os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]
else:
    os.environ.pop("DATABASE_URL", None)

from cohortsite.settings import *  # noqa: E402, F403
from cohortsite.settings import DATABASES  # noqa: E402

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, as in production: threads and processes of a test see the same rows.
    DATABASES["default"]["TEST"] = {"NAME": f"{_home}/test.sqlite3"}
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    # Tests kill our processes, never the database's: what was committed need not be on the disk.
    DATABASES["default"]["OPTIONS"]["options"] += " -c synchronous_commit=off"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
