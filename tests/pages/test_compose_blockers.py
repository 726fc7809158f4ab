"""What blocks on the review page is told beside the form too, and nothing is ready with it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Account, App, Device, Group, Person, Route, Transfer
from campaigns.pages import blockers
from campaigns.services.suppressions import Entry, Place, Terms, add_suppressions
from providers import registry
from providers.contract import Addressing
from tests import builders
from tests.pages.test_check_links import read_links
from tests.pages.test_compose_panel import READY, look

__all__ = ["look"]
pytestmark = pytest.mark.database
NOBODY = "Nobody in this audience gets anything"
LATER = "Nothing found so far; the review looks at the rest"


@pytest.fixture
def phones(app):
    """Two more besides the one that the panel has."""
    return [builders.make_device(app, name) for name in ("token-1", "token-2")]


def opt_out(app, *tokens):
    person = Person.objects.create(workspace=app.workspace, opted_out_at=timezone.now())
    Device.objects.filter(token__in=tokens).update(person=person)


def disable(*tokens):
    Device.objects.filter(token__in=tokens).update(token_state="disabled")


@pytest.mark.usefixtures("phones")
def test_where_everybody_is_reached_no_loss_is_counted(look):
    panel = look()

    assert READY in panel
    assert "data-pa-unreached" not in panel


@pytest.mark.usefixtures("phones")
def test_who_has_no_token_and_who_opted_out_is_counted_with_the_way_there(look, app):
    disable("token")
    opt_out(app, "token-1")

    panel = look()

    assert READY not in panel
    assert "data-pa-blocked" not in panel
    assert "Look at these first" in panel
    assert "1 of them has no token that works." in panel
    assert "1 belongs to somebody who opted out." in panel
    assert "1 of 3 devices of Shop has no token that works: it gets nothing." in panel
    assert "1 of 3 devices of Shop belongs to somebody who opted out: it gets nothing." in panel
    listed = reverse("admin:campaigns_device_changelist") + f"?app__id__exact={app.pk}"
    assert {f"{listed}&token_state__in=disabled,missing", reverse("suppressions")} <= set(
        read_links(panel)
    )


@pytest.mark.usefixtures("phones")
@pytest.mark.parametrize(
    ("disabled", "out", "suppressed"),
    [
        (("token", "token-1", "token-2"), (), None),
        ((), ("token", "token-1", "token-2"), None),
        (("token",), ("token-1",), "token-2"),
        (("token", "token-1"), ("token-1", "token-2"), None),
    ],
)
def test_nothing_is_ready_where_nobody_is_left(look, app, disabled, out, suppressed):
    disable(*disabled)
    opt_out(app, *out)
    entries = [Entry("token", suppressed)] if suppressed else []
    by = {"actor": "ann", "now": timezone.now()}
    add_suppressions(Place(app.workspace), entries, Terms(reason="legal"), **by)

    panel = look()

    assert NOBODY in panel
    assert "data-pa-blocked" in panel
    assert READY not in panel


@pytest.mark.usefixtures("phones")
def test_nothing_is_ready_where_who_is_left_has_no_route(look):
    disable("token", "token-1")
    Device.objects.filter(token="token-2").update(platform="web")

    panel = look()

    assert NOBODY in panel
    assert READY not in panel


@pytest.mark.usefixtures("phones")
def test_what_was_counted_twice_leaves_somebody(look, app):
    disable("token", "token-1")
    opt_out(app, "token", "token-1")

    panel = look()

    assert NOBODY not in panel
    assert "data-pa-blocked" not in panel


def expire(app):
    Account.objects.update(credentials_expire_on=timezone.now().date() - timedelta(days=3))
    return {}, "The credentials of Sandbox ended"


def fill_queue(app):
    now, group = timezone.now(), Group.objects.get(app=app)
    Transfer.objects.bulk_create(
        Transfer(app=app, group=group, due_at=now, created_at=now, status_since=now)
        for _number in range(50)
    )
    return {}, "50 transfers running"


def be_strict(app):
    return {"strict": "on", "in_app-style": "banner", "in_app-only": "on"}, "strict mode refuses"


def tell_nobody(app):
    """A vendor that is only told of all, and a list of ids."""
    alone = next(
        one.key for one in registry.all_dialects()
        if one.limits.addressing <= {Addressing.FILTER, Addressing.EVERYONE}
        and one.limits.addressing
    )  # fmt: skip
    Route.objects.all().delete()
    builders.make_route(app, "android", dialect=alone)
    pasted = {"audience_kind": "ids", "ids_kind": "devices", "ids": str(Device.objects.get().pk)}
    return pasted, "This audience is a list of recipients"


@pytest.mark.parametrize("block", [expire, fill_queue, be_strict, tell_nobody])
def test_what_is_no_fault_of_the_message_blocks_too(look, app, block):
    changed, words = block(app)

    panel = look(**changed)

    assert words in panel
    assert "data-pa-blocked" in panel
    assert READY not in panel


def test_credentials_that_end_soon_are_told(look):
    Account.objects.update(credentials_expire_on=timezone.now().date() + timedelta(days=3))

    panel = look()

    assert "The credentials of Sandbox end on" in panel
    assert "data-pa-blocked" not in panel


@pytest.mark.parametrize(("above", "is_told"), [(None, True), (0, True), (1, False)])
def test_that_somebody_else_must_agree_is_told_and_blocks_no_draft(look, above, is_told):
    App.objects.update(needs_approval=True, approval_above=above)

    panel = look()

    assert ("Shop: it needs an approval" in panel) is is_told
    assert (READY in panel) is not is_told
    assert "data-pa-blocked" not in panel


def test_what_only_the_review_looks_at_is_not_called_ready(look, app, monkeypatch):
    with_variables = look(template="liquid", body="Hello {{ app.name }}")
    builders.make_route(app, "ios", dialect=find_describing())
    quick = look()
    monkeypatch.setattr(blockers, "QUICK", 0)
    slow = look()

    assert READY in quick
    for panel in (with_variables, slow):
        assert LATER in panel
        assert READY not in panel


def find_describing():
    """Of the vendors that may be told what is true of recipients the first."""
    found = {Addressing.FILTER, Addressing.EVERYONE, Addressing.LABEL}
    return next(one.key for one in registry.all_dialects() if one.limits.addressing & found)
