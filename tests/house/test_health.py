"""What supervisors ask."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection

from campaigns.models import Installation
from campaigns.services.installation import record_versions


def test_a_living_process_says_so_without_a_database(client):
    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_migrated_database_is_ready(client, db):
    record_versions()

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": "ok", "migrations": "ok", "program": "ok"}


def test_a_program_that_is_too_old_for_the_database_is_not_ready(client, db):
    record_versions()
    Installation.objects.update(oldest_worker=99)

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert "update pushadmin here" in answer.json()["checks"]["program"]


def test_without_its_database_nothing_is_ready(client, db, monkeypatch):
    def refuse():
        raise DatabaseError("gone")

    with monkeypatch.context() as gone:
        gone.setattr(connection, "cursor", refuse)
        answer = client.get("/readyz")

    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")


@pytest.mark.parametrize("address", ["/api/v1/apps/", "/compat/none/x", "/healthz"])
def test_a_script_that_names_a_wrong_host_is_told_in_json(client, address):
    answer = client.get(address, headers={"Host": "evil.example"})

    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "message", "fields", "request_id"}


def test_a_person_who_names_a_wrong_host_meets_a_page_and_costs_one_line(client, caplog):
    answer = client.get("/admin/login/", headers={"Host": "evil.example"})

    [line] = caplog.records
    assert "evil.example" in line.getMessage()
    assert (line.levelname, line.exc_info) == ("ERROR", None)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("text/html")
