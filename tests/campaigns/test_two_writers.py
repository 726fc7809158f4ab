"""Two who change one segment or template at the same moment: both arrive, or one is told."""

from __future__ import annotations

import pytest

from campaigns.errors import ChangedMeanwhile, NotFound
from campaigns.models import MessageTemplate, Segment
from campaigns.services.audience import create_segment, delete_segment, update_segment
from campaigns.services.templates import TemplateValues, create_template, update_template

pytestmark = pytest.mark.database
GERMANS = {"field": "person.country", "op": "eq", "value": "DE"}
FRENCH = GERMANS | {"value": "FR"}
CONTENT = {"title": "Hi", "body": "There"}


@pytest.fixture
def by(now):
    return {"actor": "ann", "now": now}


@pytest.fixture
def segments(app, by):
    """One, as two have read it."""
    made = create_segment(app, name="Mine", expression=GERMANS, **by)
    return [Segment.objects.get(pk=made.pk) for _reader in range(2)]


@pytest.fixture
def templates(app, by):
    """One, as two have read it."""
    made = create_template(app.workspace, app, TemplateValues("Sale", "", CONTENT), **by)
    return [MessageTemplate.objects.get(pk=made.pk) for _reader in range(2)]


def test_both_changes_of_a_segment_arrive(segments, by):
    first, second = segments

    update_segment(first, expression=FRENCH, **by)
    update_segment(second, description="of the south", **by)

    now = Segment.objects.get()
    assert (now.expression, now.description) == (FRENCH, "of the south")
    assert now.versions.order_by("number").last().expression == FRENCH


def test_both_changes_of_a_template_arrive(templates, by):
    first, second = templates

    update_template(first, TemplateValues(content=CONTENT | {"title": "Ho"}), **by)
    update_template(second, TemplateValues(description="for the sale"), **by)

    now = MessageTemplate.objects.get()
    assert (now.content["title"], now.description) == ("Ho", "for the sale")


def test_who_has_read_it_before_another_changed_it_is_told(segments, templates, by):
    first, second = segments
    one, other = templates
    update_segment(first, expression=FRENCH, **by)
    later = {**by, "now": by["now"].replace(year=2031)}
    update_template(one, TemplateValues(description="new"), **later)

    with pytest.raises(ChangedMeanwhile):
        update_segment(second, name="Theirs", seen=second.updated_at.isoformat(), **by)
    with pytest.raises(ChangedMeanwhile):
        update_template(other, TemplateValues("B"), seen=other.updated_at.isoformat(), **by)

    assert (Segment.objects.get().name, MessageTemplate.objects.get().name) == ("Mine", "Sale")


def test_what_was_deleted_meanwhile_is_not_there(segments, templates, by):
    delete_segment(segments[0], **by)
    MessageTemplate.objects.all().delete()

    with pytest.raises(NotFound):
        update_segment(segments[1], name="Theirs", **by)
    with pytest.raises(NotFound):
        update_template(templates[1], TemplateValues("Theirs"), **by)
