"""Browsers of operators, which a first push and an account's check are shown in."""

from __future__ import annotations

from campaigns.models import Account, Device, Route, Tester
from providers.message_fields import Platform

GROUP = "Browsers"  # the test group of an app that they are in


def find_test_browser(account: Account) -> str:
    """The token of the newest one that still works, of all apps that reach browsers through the
    account; "" where there is none."""
    apps = Route.objects.filter(account=account, platform=Platform.WEB.value).values("app")
    members = Tester.objects.filter(
        group__app__in=apps,
        group__name=GROUP,
        device__platform=Platform.WEB.value,
        device__token_state=Device.TokenState.ACTIVE,
        device__token__startswith="{",
    )
    newest = members.order_by("-device").values_list("device__token", flat=True).first()
    return newest or ""
