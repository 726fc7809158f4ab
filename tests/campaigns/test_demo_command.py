"""What the demo does with a database in which somebody is, and what its command prints."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command

from campaigns.services import demo


def test_a_user_who_was_there_keeps_the_password(db, now, monkeypatch):
    get_user_model().objects.create_superuser("admin", password="mine")
    monkeypatch.setattr(demo, "DEVICES", 600)

    filled = demo.fill_demo(now=now)

    assert filled.password == ""
    assert get_user_model().objects.get().check_password("mine")


@pytest.mark.database
def test_the_command_prints_secrets_once(db, monkeypatch):
    monkeypatch.setattr(demo, "DEVICES", 600)
    first, second = StringIO(), StringIO()

    call_command("demo", stdout=first)
    call_command("demo", stdout=second)

    assert "password" in first.getvalue()
    assert "API key" in first.getvalue()
    assert second.getvalue() == "The database is filled already; nothing was changed.\n"
