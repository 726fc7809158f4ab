"""From a job that changes a label one gets to the label, and to whom it was asked for."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Job, Label, Segment
from campaigns.services.job_work import drain_jobs
from campaigns.services.labels import BulkVerb, change_by_search, change_by_segment
from tests import builders

BY = {"actor": "owner", "now": timezone.now()}


@pytest.fixture
def label(app):
    return Label.objects.create(app=app, name="VIP")


def read_links(client, job):
    return client.get(reverse("job", args=[job.pk])).context["links"]


def test_the_page_of_a_job_leads_to_the_label_and_the_search(client, owner, workspace, label):
    builders.make_person(workspace, "ann+1")
    client.force_login(owner)

    job = change_by_search(label, BulkVerb.ADD, "ann+*", principal=owner, **BY)
    drain_jobs()
    listed = client.get(reverse("jobs")).content.decode()

    assert read_links(client, job) == [
        ("Label: VIP", reverse("label", args=[label.pk])),
        ("Search: ann+*", reverse("people") + "?who=ann%2B%2A"),
    ]
    assert "VIP: everybody whom the search finds by ann+*." in listed


def test_it_leads_to_the_segment_and_to_nothing_that_is_gone(client, owner, app, label):
    expression = {"and": []}
    segment = Segment.objects.create(app=app, name="iPhones", expression=expression)
    client.force_login(owner)

    job = change_by_segment(label, BulkVerb.REMOVE, segment, **BY)
    drain_jobs()
    before = read_links(client, job)
    segment.delete()
    label.delete()

    assert before == [
        ("Label: VIP", reverse("label", args=[job.params["label"]])),
        ("Segment: iPhones", reverse("segment", args=[job.params["segment"]])),
    ]
    assert read_links(client, Job.objects.get()) == []
