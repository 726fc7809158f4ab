"""Limits that operators set: lower than the vendor's, refused in words otherwise, seen in use."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.admin.accounts import LIMIT, build_limit_fields
from campaigns.errors import Invalid
from campaigns.models import Account, App, AuditEntry, Throttle
from campaigns.services.accounts import save_account
from providers import registry
from providers.limits import apply_limits, find_limit_faults

pytestmark = [pytest.mark.database, pytest.mark.django_db]
GATEWAYS = [dialect for dialect in registry.all_dialects() if dialect.fans_out]
CREDENTIALS = {"token": "first-key-1234"}
ADDRESSES = {"address_push": "https://push.example", "address_reporting": "https://report.example"}


@pytest.fixture
def account(app, now):
    account = Account(
        workspace=app.workspace,
        name="Vendor",
        dialect="appmetrica",
        base_urls={"push": "https://push.example", "reporting": "https://report.example"},
    )
    return save_account(account, CREDENTIALS, actor="owner", now=now)


@pytest.fixture
def page(client, owner, account):
    client.force_login(owner)
    return reverse("admin:campaigns_account_change", args=[account.pk])


def fill(**limits):
    return {"name": "Vendor", **ADDRESSES, **{f"limit_{key}": text for key, text in limits.items()}}


def test_lower_limits_are_kept_and_audited(client, account, page):
    client.post(page, fill(requests_per_second="2", requests_per_day="100", in_flight="1"))

    account.refresh_from_db()
    assert account.limits == {"requests_per_second": 2, "requests_per_day": 100, "in_flight": 1}
    assert "limit_requests_per_day" in AuditEntry.objects.latest("pk").fields


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("requests_per_second", "0", "Enter a number from 1 to 30."),
        ("requests_per_second", "-1", "Enter a number from 1 to 30."),
        ("requests_per_second", "31", "Enter a number from 1 to 30."),
        ("requests_per_second", "1e3", "Enter a whole number, digits only."),
        ("requests_per_day", "5001", "Enter a number from 1 to 5000."),
        ("recipients_per_second", "100001", "Enter a number from 1 to 100000."),
        ("running_tasks", "9" * 18, "Enter a number from 1 to 1000."),
        ("in_flight", "NaN", "Enter a whole number, digits only."),
    ],
)
def test_a_limit_that_is_none_or_above_the_vendors_is_refused(
    client, account, page, name, text, words
):
    answer = client.post(page, fill(**{name: text}))

    account.refresh_from_db()
    assert words in answer.content.decode()
    assert account.limits == {}


@pytest.mark.parametrize(
    "limits",
    [
        {"requests_per_second": 0},
        {"requests_per_second": 31},
        {"in_flight": 1.5},
        {"in_flight": True},
        {"running_tasks": "3"},
        {"per_fortnight": 1},
        [],
    ],
)
def test_no_other_way_in_takes_what_the_form_refuses(account, now, limits):
    account.limits = limits

    with pytest.raises(Invalid) as refusal:
        save_account(account, CREDENTIALS, actor="owner", now=now)

    assert {path.partition(".")[0] for path in refusal.value.fields} == {"limits"}
    assert Account.objects.get().limits == {}


def test_the_page_tells_what_is_used_of_today(client, app, account, page):
    now = timezone.now()
    day = {"day": now.date(), "day_used": 4999}
    Throttle.objects.create(account=account, app_id=0, **day)
    until = now + timedelta(minutes=5)
    Throttle.objects.create(account=account, app_id=app.pk, blocked_until=until)

    content = client.get(page).content.decode()

    assert "4999 of 5000; counted anew at 00:00 UTC" in content
    assert "own limit, 30." in content
    assert f"Shop waits until {until:%H:%M} UTC, as the vendor asked" in content


@pytest.mark.parametrize("gateway", GATEWAYS, ids=lambda gateway: gateway.key)
def test_a_gateways_limit_counts_batches(gateway):
    field = build_limit_fields(gateway)[f"{LIMIT}in_flight"]

    own, streams = gateway.limits.in_flight, gateway.limits.streams
    assert field.label == "Limit: batches at the same time"
    assert field.help_text == (
        f"Each with up to {streams} calls. Empty: the vendor's own limit, {own}."
    )


RAISED = [(one, name) for one in registry.all_dialects() for name in one.limits.granted]


@pytest.mark.parametrize(("dialect", "name"), RAISED, ids=lambda one: getattr(one, "key", one))
def test_what_a_vendor_grants_may_be_set_above_its_usual_limit(dialect, name):
    usual, most = getattr(dialect.limits, name), dialect.limits.granted[name]

    field = build_limit_fields(dialect)[f"{LIMIT}{name}"]

    assert field.clean(str(most)) == most > usual
    assert field.help_text == (
        f"Empty: the usual limit, {usual:g}. More only where the vendor has granted it."
    )
    assert find_limit_faults(dialect.limits, {name: most}) == {}
    assert find_limit_faults(dialect.limits, {name: most + 1}).keys() == {name}
    assert getattr(apply_limits(dialect.limits, {name: most}), name) == most
    assert getattr(apply_limits(dialect.limits, {name: most + 1}), name) == most
    assert getattr(apply_limits(dialect.limits, {}), name) == usual


@pytest.mark.parametrize("rate", ["0", "-5", "100001", "fast"])
def test_an_apps_rate_is_a_number_that_makes_sense(client, owner, app, rate):
    client.force_login(owner)
    form = {
        "name": "Shop", "slug": "shop", "platforms": ["android"], "timezone": "UTC",
        "default_language": "en", "cooling_seconds": 60,
        "routes-TOTAL_FORMS": 0, "routes-INITIAL_FORMS": 0,
    }  # fmt: skip
    url = reverse("admin:campaigns_app_change", args=[app.pk])

    refused = client.post(url, {**form, "send_rate": rate})
    accepted = client.post(url, {**form, "send_rate": "500"})

    assert refused.status_code == 200
    assert accepted.status_code == 302
    assert App.objects.get().send_rate == 500
