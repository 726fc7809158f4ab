"""What a person does to send: type it, look at the review page, press the button, not wait."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from campaigns.models import App, Campaign


def type_message(app: App, **changed: Any) -> dict[str, Any]:
    """The compose page's fields, by name, for a push to all of an app's devices at once."""
    return {
        "target": f"app:{app.pk}", "audience_kind": "all", "ids_kind": "persons",
        "title": "Autumn sale", "body": "Fresh looks have landed.", "group": "General",
        "when": "now", "timezone": "UTC", "expires_unit": "3600", "policy": "at_least_once",
    } | changed  # fmt: skip


def press_send(client: Any, pk: int, **changes: str) -> Any:
    """Look at the review page and press its button."""
    form = client.get(reverse("review_checks", args=[pk])).context["form"].initial
    values = {"version": form["version"], "seen": form["seen"], "typed": ""} | changes
    return client.post(reverse("campaign_review", args=[pk]), values, follow=True)


def send_typed(client: Any, typed: dict[str, Any]) -> Any:
    """From the compose page to what is on its way, the time to undo it cut short."""
    composed = client.post(reverse("compose"), typed | {"action": "send"})
    assert composed.status_code == 302, composed.content.decode()
    campaign = Campaign.objects.order_by("-pk")[:1].get()
    assert composed["Location"] == reverse("campaign_review", args=[campaign.pk])
    sent = press_send(client, campaign.pk)
    campaign.refresh_from_db()
    if campaign.is_cooling:
        start = reverse("change_campaign", args=[campaign.pk, "start"])
        return client.post(start, follow=True)
    return sent
