"""How settings read the environment: strictly, and with a sentence when something is wrong."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off", ""})
# Without these, concurrent writers fail with "database is locked" (docs/decisions/0003).
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
}

env = environ.FileAwareEnv()


def load_env_file(path: Path) -> None:
    """Add what a .env file says, below what the environment itself says."""
    if path.exists():
        env.read_env(path)


def read_bool(name: str, *, default: bool) -> bool:
    """A boolean that must be one; anything but true/false, yes/no, on/off, 1/0 stops the start."""
    text = env.str(name, default=str(default)).strip().lower()
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {text!r}.")


def read_int(name: str, *, default: int, minimum: int, maximum: int) -> int:
    """A whole number within bounds; anything else stops the start."""
    text = env.str(name, default=str(default)).strip()
    if not text.removeprefix("-").isdecimal() or not minimum <= int(text) <= maximum:
        raise ImproperlyConfigured(
            f"{name} must be a whole number from {minimum} to {maximum}, not {text!r}."
        )
    return int(text)


def read_public_url(name: str, *, default: str, may_be_insecure: bool) -> SplitResult:
    """The address people type; plain http only for loopback hosts unless said otherwise."""
    text: str = env.str(name, default=default).rstrip("/")
    url = _split_address(name, text)
    if url.scheme not in {"http", "https"} or not url.hostname or url.path or url.query:
        raise ImproperlyConfigured(f"{name} must look like https://push.example.org, not {text!r}.")
    if url.scheme == "http" and not is_loopback(url.hostname) and not may_be_insecure:
        raise ImproperlyConfigured(
            f"{name} is plain http on {url.hostname}: passwords would travel in the clear. "
            "Use https, or set PUSHADMIN_INSECURE_HTTP=1 if something in front encrypts."
        )
    return url


def _split_address(name: str, text: str) -> SplitResult:
    try:
        url = urlsplit(text)
        _ = url.port  # looked at by whoever connects, and refused only then
    except ValueError:
        raise _find_bad_address(name) from None
    return url


def _find_bad_address(name: str) -> ImproperlyConfigured:
    # What stands where the port belongs may be a piece of a password: it is not repeated.
    return ImproperlyConfigured(
        f"{name} cannot be read: a port is a number up to 65535, and in a password / # ? @ : are "
        "written as %2F %23 %3F %40 %3A."
    )


def is_loopback(host: str) -> bool:
    """Whether a host name means this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def read_database(name: str, *, default: str) -> dict[str, Any]:
    """Django's settings for a database URL, with the options that SQLite needs."""
    try:
        database: dict[str, Any] = env.db_url_config(env.str(name, default="") or default)
    except ValueError:
        raise _find_bad_address(name) from None
    engine = database.get("ENGINE", "")
    if engine == "django.db.backends.sqlite3":
        database["OPTIONS"] = {**database.get("OPTIONS", {}), **SQLITE_OPTIONS}
    elif engine == "django.db.backends.postgresql":
        database["CONN_HEALTH_CHECKS"] = True
    else:
        raise ImproperlyConfigured(f"{name} must be a sqlite:// or a postgres:// address.")
    # To open one for each request costs as much as several statements, on SQLite a reading of the
    # whole schema and, with the last one that is closed, a checkpoint.
    database["CONN_MAX_AGE"] = 60
    return database


BROKERS = frozenset({"redis", "rediss", "amqp", "amqps"})


def read_broker(name: str) -> str:
    """The address of a broker, or nothing; one of an unknown kind stops the start."""
    text: str = env.str(name, default="").strip()
    url = _split_address(name, text)
    if text and (url.scheme not in BROKERS or not url.hostname):
        raise ImproperlyConfigured(
            f"{name} must look like redis://host:6379/0 or amqp://user:password@host:5672/name, "
            f"with one of the schemes {', '.join(sorted(BROKERS))}."
        )
    return text


MAIL_SCHEMES = {"smtp": {}, "smtp+tls": {"EMAIL_USE_TLS": True}, "smtps": {"EMAIL_USE_SSL": True}}


def read_mail_server(name: str) -> dict[str, Any]:
    """Django's EMAIL_ settings from an address; empty is a server on this machine, port 25."""
    text: str = env.str(name, default="").strip()
    url = _split_address(name, text or "smtp://127.0.0.1:25")
    if url.scheme not in MAIL_SCHEMES or not url.hostname:
        raise ImproperlyConfigured(
            f"{name} must look like smtp+tls://user:password@host:587, "
            f"with one of the schemes {', '.join(MAIL_SCHEMES)}."
        )
    return {
        "EMAIL_HOST": url.hostname,
        "EMAIL_PORT": url.port or (465 if url.scheme == "smtps" else 25),
        "EMAIL_HOST_USER": unquote(url.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(url.password or ""),
        **MAIL_SCHEMES[url.scheme],
    }


def read_key(name: str, *, file: Path, may_generate: bool) -> str:
    """A secret from the environment, else from `file`, made there (mode 0600) if that is allowed.

    Generated keys are for one machine only: a second host would make others, and neither could
    read what the first has encrypted.
    """
    given: str = env.str(name, default="")
    if given:
        return given
    if file.exists():
        return file.read_text().strip()
    if not may_generate:
        raise ImproperlyConfigured(
            f"{name} is not set. On PostgreSQL every host needs the same one: see .env.example."
        )
    return _make_key_file(file)


def _make_key_file(file: Path) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    # A key that is good for both uses: 32 random bytes as URL-safe base64.
    key = Fernet.generate_key().decode()
    temporary = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(key)
    try:
        # A link fails if another process has made the file first: then that key counts.
        os.link(temporary, file)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
    return file.read_text().strip()


def read_list(name: str) -> list[str]:
    """A comma-separated list, empty entries dropped."""
    return [item.strip() for item in env.str(name, default="").split(",") if item.strip()]


def read_file_path(name: str) -> str:
    """The path of a file that is there, or nothing."""
    path = env.str(name, default="")
    if path and not Path(path).is_file():
        raise ImproperlyConfigured(f"{name} names {path!r}, and there is no such file.")
    return path


def read_hosts(entries: list[str]) -> dict[str, str]:
    """`host=dialect` entries as a dict; anything else stops the start."""
    hosts = {}
    for entry in entries:
        host, _equals, dialect = (piece.strip().lower() for piece in entry.partition("="))
        if not re.fullmatch(r"[a-z0-9.-]+", host) or not re.fullmatch(r"[a-z0-9_]+", dialect):
            raise ImproperlyConfigured(
                f"PUSHADMIN_HOSTS holds {entry!r}; an entry must look like push.example.org=vendor."
            )
        hosts[host] = dialect
    return hosts
