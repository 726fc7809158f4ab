"""The one settings file: everything comes from the environment (see .env.example)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from pushadmin import navigation
from pushadmin.environment import (
    env,
    is_loopback,
    load_env_file,
    read_bool,
    read_broker,
    read_database,
    read_file_path,
    read_hosts,
    read_int,
    read_key,
    read_list,
    read_mail_server,
    read_public_url,
)

BASE_DIR = Path(__file__).resolve().parent.parent
load_env_file(BASE_DIR / ".env")

# --- where we are ---
VAR_DIR = Path(env.str("PUSHADMIN_VAR", default=str(BASE_DIR / "var")))
PORT = read_int("PUSHADMIN_PORT", default=8000, minimum=1, maximum=65535)
INSECURE_HTTP = read_bool("PUSHADMIN_INSECURE_HTTP", default=False)
_URL = read_public_url(
    "PUSHADMIN_URL", default=f"http://127.0.0.1:{PORT}", may_be_insecure=INSECURE_HTTP
)
PUBLIC_URL = _URL.geturl()
IS_URL_SAID = bool(env.str("PUSHADMIN_URL", default=""))
IS_HTTPS = _URL.scheme == "https"
_HOST = _URL.hostname or ""
_LOOPBACK_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
DEBUG = read_bool("PUSHADMIN_DEBUG", default=False)
if DEBUG and not is_loopback(_HOST):
    raise ImproperlyConfigured(
        "PUSHADMIN_DEBUG=1 shows settings and code to visitors; it is for loopback addresses only."
    )
ALLOWED_HOSTS = [_HOST, *(_LOOPBACK_HOSTS if is_loopback(_HOST) else ["127.0.0.1"])]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
TRUSTED_PROXIES = read_list("PUSHADMIN_TRUSTED_PROXIES")
DIALECT_HOSTS = read_hosts(read_list("PUSHADMIN_HOSTS"))
ALLOWED_HOSTS += DIALECT_HOSTS

# --- database and keys ---
DATABASES = {
    "default": read_database("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'pushadmin.sqlite3'}")
}
IS_SQLITE = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
SECRET_KEY = read_key("SECRET_KEY", file=VAR_DIR / "secret.key", may_generate=IS_SQLITE)
VAULT_KEYS = [
    key.strip()
    for key in read_key(
        "PUSHADMIN_VAULT_KEYS", file=VAR_DIR / "vault.key", may_generate=IS_SQLITE
    ).split(",")
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- parts ---
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.inlines",
    "pushadmin.admin_config.ControlRoomAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "axes",
    "campaigns",
    "pushadmin",
]

MIDDLEWARE = [
    "pushadmin.proxies.TrustedProxyMiddleware",
    "pushadmin.logs.RequestIdMiddleware",
    "pushadmin.hosts.DialectHostMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "pushadmin.urls"
WSGI_APPLICATION = "pushadmin.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- people ---
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = ["pushadmin.formats"]
LOGIN_URL = "/admin/login/"
LOGIN_REDIRECT_URL = "/"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # only counts and refuses; it signs nobody in
    "pushadmin.auth.MembershipBackend",
]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "staff/locked.html"
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# --- the shell ---
UNFOLD = navigation.UNFOLD

# --- static files ---
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- headers ---
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "pushadmin.refusals.refuse_unsigned"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        # Alpine in the Unfold shell evaluates its attributes; there is no inline script anywhere.
        "script-src": ["'self'", "'unsafe-eval'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        # Pictures of a push are shown in its preview from wherever they are.
        "img-src": ["'self'", "data:", "https:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}

# --- vendors ---
# Loopback or private origins that vendor calls may reach, as scheme://host:port texts.
OUTBOUND_ALLOW = read_list("PUSHADMIN_OUTBOUND_ALLOW")
SANDBOX_URL = env.str("PUSHADMIN_SANDBOX_URL", default="")
OUTBOUND_CA = read_file_path("PUSHADMIN_OUTBOUND_CA")

# --- web ---
# Of each process. Half of them may wait for the outcome of a send that a script waits for.
WEB_THREADS = read_int("PUSHADMIN_WEB_THREADS", default=8, minimum=2, maximum=64)

# --- mail ---
globals().update(read_mail_server("PUSHADMIN_MAIL_URL"))

# --- dispatch ---
# How long a vendor call may take to be sent, and again to be answered.
CALL_SECONDS = read_int("PUSHADMIN_CALL_SECONDS", default=20, minimum=1, maximum=60)
EMAIL_TIMEOUT = CALL_SECONDS
# How long a batch belongs to the worker that claimed it. A lease that ended before its call could
# would let a second worker begin while the first still waits for the vendor.
_LONGEST_CALL = min(3, CALL_SECONDS) + 2 * CALL_SECONDS
LEASE_SECONDS = read_int(
    "PUSHADMIN_LEASE_SECONDS",
    default=max(60, _LONGEST_CALL + 1),
    minimum=_LONGEST_CALL + 1,
    maximum=3600,
)

# --- the broker of many hosts ---
# Empty: workers look by themselves (manage.py up, manage.py dispatch).
BROKER_URL = read_broker("PUSHADMIN_BROKER_URL")
if BROKER_URL and IS_SQLITE:
    raise ImproperlyConfigured(
        "PUSHADMIN_BROKER_URL is for many hosts, and SQLite is for one: set DATABASE_URL to a "
        "PostgreSQL server, or leave the broker out."
    )
SWEEP_SECONDS = 5.0
SLICE_SECONDS = 2.0  # of one task: so long the next tick may wait, and a worker that drains
CELERY = {
    "broker_url": BROKER_URL,
    "task_ignore_result": True,
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    # A wake that nobody took is dropped then: the sweep makes new ones, and no queue fills up.
    "task_annotations": {"*": {"expires": 6 * SWEEP_SECONDS}},
    # Ticks stand in a queue of their own, so that no wake keeps the clock waiting.
    "task_queues": {"pushadmin": {}, "pushadmin-tick": {}},
    "task_default_queue": "pushadmin",
    "task_routes": {"pushadmin.tick": {"queue": "pushadmin-tick"}},
    "beat_schedule": {"sweep": {"task": "pushadmin.tick", "schedule": SWEEP_SECONDS}},
    "beat_scheduler": "celery.beat:Scheduler",  # keeps no file: what is due is in the database
    # Who publishes waits 2 s at most for a broker that is away; who consumes, for ever.
    "broker_connection_timeout": 1.0,
    "broker_connection_max_retries": None,
    "broker_connection_retry_on_startup": True,
    "broker_transport_options": {
        "visibility_timeout": LEASE_SECONDS,
        "socket_connect_timeout": 1.0,
        "socket_timeout": 2.0,
        "max_retries": 0,
    },
    "worker_hijack_root_logger": False,
    "worker_send_task_events": False,
}

# A campaign pauses when more than this share of what vendors have answered for one of its platforms
# was refused for its message or its account. 100: never.
PAUSE_PERCENT = read_int("PUSHADMIN_PAUSE_PERCENT", default=20, minimum=0, maximum=100)

# --- retention, in days (manage.py prune) ---
KEEP_EXCHANGES_DAYS = read_int("PUSHADMIN_KEEP_EXCHANGES", default=14, minimum=1, maximum=3650)
KEEP_RECEIPTS_DAYS = read_int("PUSHADMIN_KEEP_RECEIPTS", default=400, minimum=1, maximum=3650)
KEEP_SPEED_DAYS = read_int("PUSHADMIN_KEEP_SPEED", default=30, minimum=1, maximum=3650)
KEEP_IDEMPOTENCY_DAYS = read_int("PUSHADMIN_KEEP_IDEMPOTENCY", default=1, minimum=1, maximum=365)
KEEP_SCHEDULES_DAYS = read_int("PUSHADMIN_KEEP_SCHEDULES", default=400, minimum=1, maximum=3650)
KEEP_FILES_DAYS = read_int("PUSHADMIN_KEEP_FILES", default=14, minimum=1, maximum=3650)
KEEP_JOBS_DAYS = read_int("PUSHADMIN_KEEP_JOBS", default=400, minimum=1, maximum=3650)

# --- imports ---
MAX_IMPORT_BYTES = 1_000_000 * read_int(
    "PUSHADMIN_IMPORT_MB", default=1000, minimum=1, maximum=100_000
)

# --- native API ---
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "campaigns.api.authentication.KeyAuthentication",
        "campaigns.api.authentication.BrowserAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["campaigns.api.authentication.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["campaigns.api.bodies.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "campaigns.api.bodies.AlwaysJSON",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "campaigns.api.errors.answer_exception",
    "DEFAULT_METADATA_CLASS": None,
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "pushadmin",
    "DESCRIPTION": "The native API of pushadmin. v1 only ever adds.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
}

# --- metrics ---
METRICS_TOKEN = env.str("PUSHADMIN_METRICS_TOKEN", default="").strip()  # a file ends its line

# --- logs ---
LOG_LEVEL = env.str("PUSHADMIN_LOG_LEVEL", default="INFO").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
    raise ImproperlyConfigured("PUSHADMIN_LOG_LEVEL is one of DEBUG, INFO, WARNING, ERROR.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "pushadmin.logs.LineFormatter"}},
    "filters": {
        "request_id": {"()": "pushadmin.logs.RequestIdFilter"},
        "no_trace": {"()": "pushadmin.logs.NoTraceFilter"},
        "denied": {"()": "pushadmin.logs.DeniedFilter"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["request_id"],
        }
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    # Errors go to the console too, not to an e-mail address that nobody has set.
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "django.request": {"filters": ["denied"]},
        "django.security.DisallowedHost": {"filters": ["no_trace"]},
    },
}
