"""While the database is away each door says so in its own shape, and says when to come again."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django.test import RequestFactory

from campaigns.management.commands import dispatch
from providers import registry
from pushadmin.refusals import answer_failure

SPEAKING = [dialect for dialect in registry.all_dialects() if dialect.has_door]


def fail(path: str, error: type[Exception]) -> Any:
    """The answer to a request whose handling has raised."""
    try:
        raise error("the server closed the connection")
    except Exception:  # noqa: BLE001 as Django's own handler does
        return answer_failure(RequestFactory().get(path))


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_page_says_that_it_is_back_in_a_moment(error):
    answer = fail("/campaigns/", error)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "Back in a moment" in answer.content.decode()


def test_the_native_api_answers_in_json():
    answer = fail("/api/v1/apps/", OperationalError)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert b'"code": "unavailable"' in answer.content


@pytest.mark.parametrize("dialect", SPEAKING, ids=lambda dialect: dialect.key)
def test_a_vendors_door_answers_as_the_vendor_would(dialect):
    path = f"/compat/{dialect.key}/{dialect.routes[0].path}"

    away, broken = fail(path, OperationalError), fail(path, KeyError)

    assert (away.status_code, broken.status_code) == (503, 500)
    assert away.headers["Content-Type"].startswith("application/json")
    assert b"Back in a moment" not in away.content


def test_another_fault_stays_a_500_in_the_doors_own_shape():
    page, script = fail("/campaigns/", KeyError), fail("/api/v1/apps/", KeyError)

    assert (page.status_code, script.status_code) == (500, 500)
    assert b'"code": "internal"' in script.content


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_worker_waits_for_it_and_does_not_end(error, monkeypatch):
    def fail_to_pump(*args: Any, **kwargs: Any) -> bool:
        raise error("the connection is closed")

    monkeypatch.setattr(dispatch, "AFTER_DATABASE_ERROR", 0)
    worker = dispatch.Command()
    worker.is_stopping = False

    did_work = worker._pump("worker", fail_to_pump)

    assert did_work is False


@pytest.mark.django_db
def test_a_view_of_the_native_api_answers_503(client, monkeypatch):
    def stand_still(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("terminating connection due to administrator command")

    monkeypatch.setattr("campaigns.api.authentication.find_key", stand_still)

    answer = client.get("/api/v1/apps/", headers={"Authorization": "Bearer some.key"})

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.headers["Retry-After"]
