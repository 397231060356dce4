"""Every setting of the site, from the environment; `docs/operating.md` lists them for the administrator."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static

from cohortsite.settings_checks import check_file, check_networks, check_ports

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
if env.bool("READ_DOT_ENV", default=True):
    environ.Env.read_env(str(BASE_DIR / ".env"))

DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "data"))).resolve()
"""Database (unless DATABASE_URL), columnar copy, generated secret: what a backup must hold."""
DATA_DIR.mkdir(parents=True, exist_ok=True)


def _secret_key() -> str:
    """SECRET_KEY, or one made at the first start and kept in DATA_DIR, so that no default key exists."""
    given: str = env.str("SECRET_KEY", default="")
    if given:
        if len(given) < 50 and not env.bool("DEBUG", default=False):
            raise ImproperlyConfigured("SECRET_KEY: expected at least 50 characters")
        return given
    kept = DATA_DIR / "secret_key"
    if not kept.exists():
        try:
            with kept.open("x") as file:
                kept.chmod(0o600)
                file.write(secrets.token_urlsafe(64))
        except FileExistsError:
            pass
    return kept.read_text().strip()


# --- Core -------------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = _secret_key()
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
SALT_KEY = env.list("SALT_KEY", default=["cohortsite-channel-secrets"])
"""With SECRET_KEY, derives the key that encrypts channel secrets at rest; a list, so that it can be rotated."""
SITE_URL = env.str("SITE_URL", default="http://localhost:8000").rstrip("/")
"""The address people reach the site at; links in notifications start with it."""
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
ROOT_URLCONF = "cohortsite.urls"
WSGI_APPLICATION = "cohortsite.wsgi.application"
APPEND_SLASH = False  # a redirected POST loses its body (collector)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "unfold",  # before the admin, whose templates it replaces
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_q",
    "anymail",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "ingest",
    "cohorts",
    "notifications",
    "notifications.alerts",
    "cohortsite",
]

MIDDLEWARE = [
    "ingest.shortcut.CollectorShortcut",
    "django.middleware.security.SecurityMiddleware",
    "cohortsite.headers.SecurityHeaders",
    "cohortsite.static_files.HashedFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "cohortsite.navigation.navigation",
            ],
        },
    },
]

# --- Database ---------------------------------------------------------------------------------

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'cohortsite.sqlite3'}")}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE: a deferred transaction that reads and then writes fails at once with "database is locked".
    # FULL: what was accepted survives a loss of power too, which NORMAL does not promise.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-64000;",
    }
    DATABASES["default"]["CONN_MAX_AGE"] = 60  # to open the file costs more than to write an event
else:
    # Neither an absent server nor a lock may hold up a sender for ever: it is told to try again.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 5,
        "options": "-c lock_timeout=20s",
        **DATABASES["default"].get("OPTIONS", {}),
    }
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True

# --- Events in columns ------------------------------------------------------------------------

EVENTS_URL = env.str("EVENTS_URL", default=f"duckdb://{DATA_DIR / 'columns'}")
"""Where the columnar copy of the events lives: `duckdb://<directory>`."""
COLUMNS_MEMORY = env.str("COLUMNS_MEMORY", default="1GB")
"""Memory one process may use to evaluate; beyond it the engine spills to DATA_DIR."""
COLUMNS_THREADS = env.int("COLUMNS_THREADS", default=2)
KEPT_BODY_PATHS: list[str] = env.list("KEPT_BODY_PATHS", default=[])
"""Body fields to store, e.g. `request.body.order.amount`; bodies are dropped otherwise."""
DROPPED_BODY_PATHS: list[str] = env.list("DROPPED_BODY_PATHS", default=[])
"""Body fields below those that are never stored, e.g. `request.body.order.card`."""

# --- Schedule ---------------------------------------------------------------------------------

WORKERS = env.int("WORKERS", default=2)
"""Processes that work off the units of the pipeline."""
WORKER_STALE_AFTER = env.int("WORKER_STALE_AFTER", default=180)
"""Seconds without a sign of life after which `run_worker` restarts the cluster."""
Q_CLUSTER = {
    "name": "cohortsite",
    "orm": "default",
    "workers": WORKERS,
    "queue_limit": WORKERS,
    "bulk": 1,
    "poll": 1,
    "timeout": 120,
    "retry": 600,  # far beyond timeout: the lock is taken when a task is fetched, not when it starts
    "max_attempts": 1,
    "ack_failures": True,  # a failed unit is dropped: the next tick finds the work again in our tables
    "catch_up": False,
    "recycle": 200,
    "max_rss": 1_500_000,
    "save_limit": 500,  # above 0: the watchdog reads when q2 last acknowledged
    "label": "Schedule",
}

# --- HTTP -------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "ingest.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["ingest.authentication.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["cohorts.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "EXCEPTION_HANDLER": "ingest.problems.handle_exception",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "cohortsite",
    "DESCRIPTION": "Behavioral cohorts: send events, manage cohorts, read who was added and removed.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api",
    "APPEND_COMPONENTS": {
        "securitySchemes": {"collectorKey": {"type": "apiKey", "in": "header", "name": "X-Moesif-Application-Id"}}
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "cohortsite.openapi.add_problems",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ChannelState": "notifications.serializers.channel.CHANNEL_STATES",
        "BacktestState": "cohorts.models.Backtest.State",
        "DeliveryState": "notifications.models.Delivery.State",
        "AlertState": "notifications.alerts.api.serializers.ALERT_STATES",
        "AlertChangeKind": "notifications.alerts.models.AlertChange.Kind",
        "ChannelKind": "notifications.channels.kind_choices",
    },
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000
"""The largest definition has some 2,500 inputs in the criteria builder; Django's default is 1,000."""

# --- People and sessions ----------------------------------------------------------------------

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SITE_URL.startswith("https://")
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=30 * 86400 if SESSION_COOKIE_SECURE else 0)
"""How long browsers insist on https once they have seen the site there."""
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # whether subdomains are https only is not ours to say
    "security.W008",  # TLS ends at the proxy, which redirects; redirected here, a POST would lose its body
    "security.W021",  # nor is it whether the domain goes into browsers' preload lists
]
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

# --- Email ------------------------------------------------------------------------------------

EMAIL_URL = env.email_url("EMAIL_URL", default="consolemail://" if DEBUG else "smtp://localhost:25")
vars().update(EMAIL_URL)
EMAIL_TIMEOUT = 10  # Django's default waits for ever
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="cohortsite <cohorts@localhost>")
ANYMAIL = {name.removeprefix("ANYMAIL_"): value for name, value in env.ENVIRON.items() if name.startswith("ANYMAIL_")}
ANYMAIL["WEBHOOK_SECRET"] = env.str("ANYMAIL_WEBHOOK_SECRET", default="")
"""With it the mail provider reports bounces and complaints; without it there is no address for that."""
ANYMAIL.setdefault("REQUESTS_TIMEOUT", EMAIL_TIMEOUT)
if env.str("EMAIL_BACKEND", default=""):
    EMAIL_BACKEND = env.str("EMAIL_BACKEND")

# --- Notifications ----------------------------------------------------------------------------

ALLOW_HTTP_WEBHOOKS = env.bool("ALLOW_HTTP_WEBHOOKS", default=False)
"""Whether webhooks may go to `http://` addresses, unencrypted: for demonstrations and tests."""
WEBHOOK_ALLOW_CIDRS: list[str] = env.list("WEBHOOK_ALLOW_CIDRS", default=[])
"""Networks inside to which webhooks may go all the same, e.g. `10.20.0.0/16`; pages warn while there are any."""
WEBHOOK_DENY_CIDRS: list[str] = env.list("WEBHOOK_DENY_CIDRS", default=[])
"""Networks to which nothing goes, beside those that are refused anyway; they outrank WEBHOOK_ALLOW_CIDRS."""
WEBHOOK_ALLOW_PORTS: list[str] = env.list("WEBHOOK_ALLOW_PORTS", default=[])
"""Ports beside 443 and 8443 (and 80 with ALLOW_HTTP_WEBHOOKS): `8080` or `9000-9010`."""
WEBHOOK_CA_BUNDLE: str = env.str("WEBHOOK_CA_BUNDLE", default="")
"""A file of certificates to trust in place of the public ones, for receivers with a private CA."""
check_networks("WEBHOOK_ALLOW_CIDRS", WEBHOOK_ALLOW_CIDRS)
check_networks("WEBHOOK_DENY_CIDRS", WEBHOOK_DENY_CIDRS)
check_ports("WEBHOOK_ALLOW_PORTS", WEBHOOK_ALLOW_PORTS)
check_file("WEBHOOK_CA_BUNDLE", WEBHOOK_CA_BUNDLE)
SLACK_WEBHOOK_PREFIXES = ["https://hooks.slack.com/services/", "https://hooks.slack-gov.com/services/"]
"""What the address of an incoming webhook starts with; only tests change it."""
SLACK_API_URL = "https://slack.com/api/"
"""Where bots post; only tests change it."""

# --- Language, time, files --------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False
FORMAT_MODULE_PATH = ["cohortsite.formats"]  # unambiguous dates; Django's English ones are American
STATIC_URL = "static/"
STATIC_ROOT = env.str("STATIC_ROOT", default=str(DATA_DIR / "static"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "cohortsite.static_files.HashedNames"
    },
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 0 if DEBUG else 3600
"""Seconds for which browsers keep what has no hash in its name: fonts, the logo."""

UNFOLD = {
    "SITE_TITLE": "cohortsite",
    "SITE_HEADER": "cohortsite",
    "SITE_SYMBOL": "groups",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SITE_SUBHEADER": "Times are UTC",
    "DASHBOARD_CALLBACK": "cohortsite.admin_dashboard.dashboard",
    "SIDEBAR": {"show_search": True, "navigation": "cohortsite.admin_sidebar.navigation"},
    # Our pages and the admin take their colours from the same file.
    "STYLES": [lambda request: static("cohortsite/tokens.css")],
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("cohortsite/logo.svg")}],
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {"urllib3": {"level": "INFO"}},  # its DEBUG prints the addresses of webhooks, which are secrets
}
