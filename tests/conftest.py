"""Fixtures that every test may use: a shared cast of users, a workspace, an app, a clock."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import connection, transaction
from django.test import TransactionTestCase
from hypothesis import HealthCheck, settings
from requests.adapters import HTTPAdapter

from campaigns.models import App, Membership, Workspace
from providers.fanout import Fanout
from tests import builders, live_requests
from tests.databases import keep_tables, make_once, make_tables
from tests.installation import Installation
from tests.short_forms import mark_long
from tests.tables import note_migrations

# Machines are slow and busy: a run is the same every time and no example is too slow.
settings.register_profile(
    "suite",
    max_examples=1000 if os.environ.get("PUSHADMIN_FUZZ") == "full" else 15,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("suite")


def pytest_configure() -> None:
    # Pages in tests find static files where they lie; journeys over gunicorn use the manifest.
    django_settings.STORAGES["staticfiles"] = {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
    }
    TransactionTestCase._fixture_teardown = _empty_tables
    # The real one takes half a second for each user, on purpose; servers of journeys have it.
    django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Tables as the models say, five times as fast as every migration from the first; that the two
    # are one, makemigrations --check says, and journeys and an upgrade run the migrations.
    django_settings.DATABASES["default"].setdefault("TEST", {})["MIGRATE"] = False
    _reverse_unordered_rows(django_settings.DATABASES["default"])
    live_requests.watch()
    # The middleware warns about a folder that only collectstatic makes.
    Path(django_settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


def _reverse_unordered_rows(database: dict[str, Any]) -> None:
    """Let SQLite give rows that nobody ordered from the last to the first: who relies on the order
    that it happens to have is found here, not on a PostgreSQL that joins in another way one day.
    """
    if database["ENGINE"] == "django.db.backends.sqlite3":
        database["OPTIONS"]["init_command"] += "; PRAGMA reverse_unordered_selects=ON"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each has a database, as pages may be asked behind it: where no test of a run asked for one,
    none is made, and the developer's is open. What only PostgreSQL can do is no test of SQLite's,
    and what only the long form does is none of the short one.
    """
    for item in items:
        if not item.get_closest_marker("django_db"):
            item.add_marker(pytest.mark.django_db)
    mark_long(items)
    others = [item for item in items if _is_elsewhere(item)]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if not _is_elsewhere(item)]


def _is_elsewhere(item: pytest.Item) -> bool:
    is_long = "full" in (os.environ.get("PUSHADMIN_CHAOS"), os.environ.get("PUSHADMIN_FUZZ"))
    if item.get_closest_marker("chaos") and not is_long:
        return True
    return connection.vendor != "postgresql" and bool(item.get_closest_marker("postgres"))


def pytest_collection_finish() -> None:
    """What was collected lives to the end: that each full collection looks through ten thousand
    tests again takes a tenth of the suite's time (docs/decisions/0034).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(scope="session")
def _tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "migrated.sqlite3"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any, _tables: Path) -> None:
    """The usual one; on SQLite the tables are kept as they are before the first test."""
    with django_db_blocker.unblock():
        note_migrations()
        if connection.vendor == "sqlite" and connection.is_in_memory_db():
            keep_tables(_tables)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all processes of this run: each worker's own folders are in a folder in it."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def demo(run_folder: Path, migrated: Path) -> Path:
    """The folder of an installation that was filled with the demo and runs nowhere."""

    def fill(folder: Path) -> None:
        installation = Installation(folder)
        installation.take_tables(migrated)
        installation.manage("demo")

    return make_once(run_folder, "demo", fill)


@pytest.fixture(scope="session")
def migrated(django_db_setup: None, _tables: Path) -> Path:
    """A file of SQLite's with empty tables, as `manage.py migrate` makes them, to be copied."""
    if not _tables.exists():
        make_tables(_tables)
    return _tables


@pytest.fixture(scope="session")
def own_tables(django_db_setup: None, _tables: Path) -> Path | None:
    """What processes of a test's own begin with: None where they work on the suite's own server."""
    return _tables if _tables.exists() else None


# What `migrate` fills in; whoever changes these rows in a test does so inside a transaction.
MIGRATE_FILLS = {"django_migrations", "django_content_type", "auth_permission"}


def _empty_tables(_case: TransactionTestCase) -> None:
    """What Django's flush does after a test that commits, a tenth of a second faster: PostgreSQL
    truncates files of every table and index, and Django fills the permissions in anew.
    """
    tables = set(connection.introspection.django_table_names()) - MIGRATE_FILLS
    statements = [f"DELETE FROM {connection.ops.quote_name(table)}" for table in sorted(tables)]
    if connection.vendor == "postgresql":
        statements = ["; ".join(statements)]  # one way there and back instead of ninety
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """No test sees what an earlier one has cached: ids of rows come again."""
    cache.clear()


@pytest.fixture(autouse=True)
def _all_pages_answered(_django_db_helper: None) -> Iterator[None]:
    """Ends behind the browser's page and before the tables are emptied."""
    yield
    live_requests.wait_until_answered()


@pytest.fixture(scope="session")
def live_server(live_server: Any) -> Iterator[Any]:
    """Stops when nobody is connected any more."""
    yield live_server
    live_requests.wait_until_left()


@pytest.fixture(autouse=True)
def _no_call_inside_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test does, a request that leaves while a transaction is open fails it."""
    for owner, name in ((HTTPAdapter, "send"), (Fanout, "submit")):
        monkeypatch.setattr(owner, name, _guard(getattr(owner, name)))


def _guard(call: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(*args: Any, **kwargs: Any) -> Any:
        blocks = [block for block in connection.atomic_blocks if not block._from_testcase]
        assert not blocks, "a vendor was called inside a transaction"
        return call(*args, **kwargs)

    return guarded


@pytest.fixture
def now() -> datetime:
    return builders.NOW


@pytest.fixture
def workspace(db: None) -> Workspace:
    return builders.make_workspace()


@pytest.fixture
def app(workspace: Workspace) -> App:
    return builders.make_app(workspace)


@pytest.fixture
def owner(workspace: Workspace) -> Any:
    """An admin of the whole workspace."""
    return builders.make_member("owner", workspace, role=Membership.Role.ADMIN)


@pytest.fixture
def colleague(app: App) -> Any:
    """A composer of one app."""
    return builders.make_member("colleague", app.workspace, app=app, role=Membership.Role.COMPOSER)


@pytest.fixture
def stranger(db: None) -> Any:
    """An admin of another workspace, who must never see ours."""
    other = builders.make_workspace(slug="other")
    return builders.make_member("stranger", other, role=Membership.Role.ADMIN)


@pytest.fixture
def neighbour(app: App) -> Any:
    """An admin of another app of our workspace, who has nothing of ours."""
    other = builders.make_app(app.workspace, slug="next-door")
    return builders.make_member("neighbour", app.workspace, app=other, role=Membership.Role.ADMIN)


@pytest.fixture
def superuser(db: None) -> Any:
    return get_user_model().objects.create_superuser("root", "root@example.org", "pw")
