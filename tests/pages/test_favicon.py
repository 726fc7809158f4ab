"""Browsers ask for an icon by a name of their own wherever no page links one."""

from __future__ import annotations

from django.contrib.staticfiles import finders
from django.templatetags.static import static


def test_the_guessed_name_leads_to_the_icon_without_a_login(client):
    answer = client.get("/favicon.ico")

    assert (answer.status_code, answer["Location"]) == (302, static("pushadmin/favicon.svg"))
    assert "max-age" in answer["Cache-Control"]
    assert finders.find("pushadmin/favicon.svg")
