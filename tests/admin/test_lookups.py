"""What the address of a staff list may ask for: nothing that breaks it, nothing that is hidden."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.urls import reverse

from campaigns.models import App
from tests import builders

pytestmark = [pytest.mark.database, pytest.mark.django_db]
HUGE = "9" * 20
ASKED = ("pk__in", "id__exact", "app", "workspace", "apps")


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.model_name)
def test_a_number_that_no_column_holds_opens_the_list(client, superuser, model):
    client.force_login(superuser)
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")

    answers = [client.get(address, {name: HUGE}, follow=True) for name in ASKED]

    assert {answer.status_code for answer in answers} <= {200, 400}
    assert any(answer.status_code == 200 for answer in answers)


@pytest.mark.parametrize("name", ["user_secret", "device_key"])
def test_secrets_of_an_app_are_not_guessed_by_a_filter(client, app, name):
    App.objects.filter(pk=app.pk).update(**{name: "a-secret"})
    client.force_login(builders.make_member("vic", app.workspace, app=app, role="viewer"))
    address = reverse("admin:campaigns_app_changelist")

    codes = {client.get(address, {f"{name}__startswith": text}).status_code for text in "ab"}

    assert codes == {400}
