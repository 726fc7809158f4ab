"""Signing in: through the real form, and not by trying."""

from __future__ import annotations

import pytest
from django.urls import reverse

pytestmark = pytest.mark.database
LOGIN = "/admin/login/"


def sign_in(client, name, password, **extra):
    return client.post(LOGIN, {"username": name, "password": password}, **extra)


def test_a_member_signs_in_and_lands_at_home(client, owner):
    answer = sign_in(client, "owner", "pw")

    assert answer.status_code == 302
    assert client.get(reverse("home")).status_code == 200


def test_who_is_no_staff_does_not_get_in(client, owner):
    owner.is_staff = False
    owner.save()

    assert sign_in(client, "owner", "pw").status_code == 200


def test_five_failures_close_the_door_for_that_name_from_that_address(client, owner):
    tried = [sign_in(client, "owner", "wrong").status_code for _ in range(5)]

    assert tried == [200, 200, 200, 200, 429]
    assert sign_in(client, "owner", "pw").status_code == 429
    assert sign_in(client, "owner", "pw", REMOTE_ADDR="192.0.2.7").status_code == 302


def test_a_forged_forwarding_header_opens_no_door(client, owner):
    for _ in range(5):
        sign_in(client, "owner", "wrong", HTTP_X_FORWARDED_FOR="192.0.2.9")

    answer = sign_in(client, "owner", "pw", HTTP_X_FORWARDED_FOR="192.0.2.10")

    assert answer.status_code == 429


def test_an_unknown_name_gets_the_same_words_as_a_wrong_password(client, owner):
    wrong = sign_in(client, "owner", "wrong").context["form"].non_field_errors()
    unknown = sign_in(client, "nobody", "wrong").context["form"].non_field_errors()

    assert wrong == unknown
