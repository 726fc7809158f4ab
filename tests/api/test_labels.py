"""Labels in bulk over the API: jobs by a segment or by ids, the archive, bad input."""

from __future__ import annotations

import pytest

from campaigns.models import App, AppGroup, Label, Segment, Transfer
from campaigns.services.job_work import drain_jobs
from tests import builders

pytestmark = pytest.mark.database
GERMANS = {"field": "device.country", "op": "eq", "value": "DE"}


@pytest.fixture
def label(app):
    return Label.objects.create(app=app, name="vip")


def test_members_change_in_bulk_by_a_segment_and_by_ids(client, app, label):
    ann = builders.make_person(app.workspace, "ann", email="ann@example.org")
    builders.make_device(app, "t1", person=ann, country="DE")
    segment = Segment.objects.create(app=app, name="Germans", expression=GERMANS)
    address = f"/api/v1/labels/{label.pk}/members/bulk/"

    begun = client.post(address, {"verb": "add", "segment": segment.pk})
    drain_jobs()
    added = client.get(f"/api/v1/jobs/{begun.json()['id']}/").json()
    entries = [
        {"kind": "email", "value": "ann@example.org"},
        {"kind": "phone", "value": "49301"},
    ]
    begun = client.post(address, {"verb": "remove", "entries": entries})
    drain_jobs()
    removed = client.get(f"/api/v1/jobs/{begun.json()['id']}/").json()
    file = client.get(f"/api/v1/jobs/{begun.json()['id']}/files/unknown/")

    label.refresh_from_db()
    assert (begun.status_code, begun.json()["kind"]) == (202, "label_remove")
    assert (added["status"], added["counts"]["changed"]) == ("done", 1)
    assert (removed["counts"], removed["files"]) == (
        {"changed": 1, "same": 0, "unknown": 1},
        ["unknown"],
    )
    assert b"".join(file.streaming_content) == b"phone,49301\n"
    assert label.member_count == 0


def test_a_label_goes_into_the_archive_and_back(client, label):
    address = f"/api/v1/labels/{label.pk}/"

    archived = client.post(f"{address}archive/").json()
    restored = client.post(f"{address}restore/").json()

    assert (archived["archived_at"] is None, restored["archived_at"]) == (False, None)


@pytest.mark.parametrize(
    "body",
    [
        {"verb": "add"},
        {"verb": "add", "segment": 0},
        {"verb": "add", "segment": 999},
        {"verb": "add", "entries": []},
        {"verb": "add", "entries": [{"kind": "email", "value": "a\nb"}]},
        {"verb": "drop", "entries": [{"kind": "email", "value": "a"}]},
        {"verb": "add", "segment": 1, "entries": [{"kind": "email", "value": "a"}]},
    ],
    ids=str,
)
def test_a_bad_body_begins_nothing(client, label, body):
    answer = client.post(f"/api/v1/labels/{label.pk}/members/bulk/", body)

    assert (answer.status_code, client.get("/api/v1/jobs/").json()["results"]) == (400, [])


def test_a_segment_of_another_app_is_none_of_the_labels(client, app, label):
    other = App.objects.create(workspace=app.workspace, name="Other", slug="other")
    segment = Segment.objects.create(app=other, name="All", expression={"and": []})

    answer = client.post(
        f"/api/v1/labels/{label.pk}/members/bulk/", {"verb": "add", "segment": segment.pk}
    )

    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["segment"])


@pytest.fixture
def other(app):
    """An app that has a label of that name, too, and a campaign to those who carry it."""
    second = builders.make_app(app.workspace, slug="second")
    Label.objects.create(app=second, name="vip")
    return second


def test_a_label_of_the_same_name_in_another_app_keeps_nobody_from_changing_it(
    client, app, label, other, now
):
    campaign = builders.make_campaign(other, now, audience={"labels": ["vip"]})
    transfer = Transfer.objects.create(
        app=other, group=other.groups.get(), due_at=now, created_at=now, status_since=now
    )
    transfer.parts.create(message=campaign.message, audiences=[{"labels": ["vip"]}])
    address = f"/api/v1/labels/{label.pk}/"

    renamed = client.patch(address, {"name": "best"})
    deleted = client.delete(address)

    assert (renamed.status_code, deleted.status_code) == (200, 204)
    assert Label.objects.get().app == other


def test_a_campaign_to_a_group_of_its_apps_uses_the_label(client, app, label, other, now):
    both = AppGroup.objects.create(workspace=app.workspace, name="Both", slug="b", group_key="k")
    both.apps.set([app, other])
    campaign = builders.make_campaign(app, now, audience={"labels": ["vip"]})
    type(campaign).objects.update(app=None, app_group=both)

    refused = client.delete(f"/api/v1/labels/{label.pk}/")

    assert (refused.status_code, refused.json()["code"]) == (409, "in_use")
    assert "Spring" in refused.json()["message"]
