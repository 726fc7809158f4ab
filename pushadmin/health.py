"""Whether this process lives, and whether it can serve: for supervisors and load balancers."""

from __future__ import annotations

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from campaigns.errors import Refused
from campaigns.services.installation import check_versions


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is looked at."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """503 until the database answers, holds every migration, and lets this program run on it."""
    checks = find_readiness()
    is_ready = all(word == "ok" for word in checks.values())
    body = {"status": "ok" if is_ready else "unavailable", "checks": checks}
    return JsonResponse(body, status=200 if is_ready else 503)


def find_readiness() -> dict[str, str]:
    """What is needed to serve, each with `ok` or what is wrong with it."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        program = _find_fault() if not missing else "unknown"
    except Error:
        return {"database": "unreachable", "migrations": "unknown", "program": "unknown"}
    migrations = f"{len(missing)} missing" if missing else "ok"
    return {"database": "ok", "migrations": migrations, "program": program}


def _find_fault() -> str:
    try:
        check_versions()
    except Refused as refusal:
        return refusal.message
    return "ok"
