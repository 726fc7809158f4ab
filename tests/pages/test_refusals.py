"""What people are shown instead of a page: whole, said in words, without anything of a page."""

from __future__ import annotations

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from campaigns.models import Membership
from pushadmin.refusals import answer_failure
from tests import builders

pytestmark = pytest.mark.django_db


def fail():
    try:
        raise RuntimeError("secret of ours")
    except RuntimeError:
        return answer_failure(RequestFactory().get("/campaigns/"))


def test_what_is_no_page_is_drawn_and_says_what_to_do(client, app):
    viewer = builders.make_member("eve", app.workspace, role=Membership.Role.VIEWER)
    client.force_login(viewer)
    answers = {
        404: client.get("/nothing/"),
        403: client.get(reverse("new_segment")),
        400: Client(SERVER_NAME="elsewhere.example").get("/"),
        500: fail(),
    }
    words = {
        404: "There is nothing at this address", 403: "the role Composer", 400: "names a host",
        500: "look before you do it again",
    }  # fmt: skip

    for status, answer in answers.items():
        page = answer.content.decode()
        assert answer.status_code == status
        assert words[status] in page
        assert page.count("<h1>") == page.count("<main>") == 1
        assert "pushadmin/refusal.css" in page
        assert "secret of ours" not in page


@pytest.mark.parametrize(
    ("page", "back"),
    [
        ("http://testserver/campaigns/new/", "%2Fcampaigns%2Fnew%2F"),
        (
            'http://testserver/people/?who="ann"&label=7#top',
            "%2Fpeople%2F%3Fwho%3D%22ann%22%26label%3D7",
        ),
        ("http://testserver//elsewhere.example/?a=1", "%2Felsewhere.example%2F%3Fa%3D1"),
        ("http://elsewhere.example/campaigns/new/", "%2F"),
        ("", "%2F"),
    ],
)
def test_a_form_without_its_browsers_cookies_is_told_how_to_go_on(app, page, back):
    browser = Client(enforce_csrf_checks=True)

    answer = browser.post(reverse("compose"), {"title": "Sale"}, HTTP_REFERER=page)

    shown = answer.content.decode()
    assert answer.status_code == 403
    assert "What you typed is still in this tab" in shown
    assert f'<a href="/admin/login/?next={back}">' in shown
    assert "pushadmin/refusal.css" in shown
