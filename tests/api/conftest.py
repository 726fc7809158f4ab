"""Clients of the native API: a key for everything, and one of a stranger."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from rest_framework.test import APIClient

from campaigns.services.access import issue_key
from tests import builders


def make_client(workspace, **limits):
    moment = datetime.now(tz=UTC)
    _key, text = issue_key(workspace, name="Script", actor="owner", now=moment, **limits)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    client.default_format = "json"
    return client


@pytest.fixture
def client(app):
    return make_client(app.workspace)


@pytest.fixture
def foreign(db):
    """A script of another workspace."""
    other = builders.make_workspace(slug="foreign")
    builders.make_app(other, slug="theirs")
    return make_client(other)
