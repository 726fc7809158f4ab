"""How a field of a form stands on a page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django import forms
from django.utils.translation import override

from campaigns.pages.field_html import draw_field
from campaigns.pages.fields import PageForm
from campaigns.pages.message_form import MessageForm
from campaigns.pages.samples import FieldFate
from providers import registry
from providers.contract import Fate


class KindsForm(PageForm):
    kinds = forms.MultipleChoiceField(
        choices=[("a", "A")], help_text="Any of them.", widget=forms.CheckboxSelectMultiple
    )


def test_a_group_of_boxes_names_its_help_and_what_is_wrong_with_it():
    shown = KindsForm()["kinds"].as_field_group()
    refused = KindsForm({})["kinds"].as_field_group()

    assert 'pa-field-wide" aria-describedby="id_kinds_helptext">' in shown
    assert 'aria-describedby="id_kinds_helptext id_kinds_error"' in refused
    assert all(f'id="id_kinds_{part}"' in refused for part in ("helptext", "error"))


def make_messages() -> Iterator[MessageForm]:
    """The form as it is opened, filled, sent empty and wrong, and for others."""
    dialects = list(registry.all_dialects())
    filled = {"title": "Hi", "android-badge": 0, "android-silent": True, "ios-silent": False}
    yield MessageForm(dialects=dialects)
    yield MessageForm(dialects=dialects, initial=filled)
    yield MessageForm(dialects=dialects, data={})
    yield MessageForm(dialects=dialects, data=dict.fromkeys(MessageForm().fields, "{"))
    yield MessageForm(dialects=dialects, prefix="other")
    told = MessageForm(dialects=dialects)
    for field in told.fields.values():
        setattr(field, "fates", [FieldFate("Vendor", Fate.DROPPED, "", "")])  # noqa: B010
    yield told
    yield MessageForm(dialects=dialects)


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_field_that_was_drawn_before_is_drawn_as_it_is_now(language):
    with override(language):
        for form in make_messages():
            for field in form:
                drawn = draw_field(field)
                setattr(field.field, "is_kept", False)  # noqa: B010 - drawn anew then
                assert draw_field(field) == drawn
