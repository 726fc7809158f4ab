"""How a field of a form stands on a page."""

from __future__ import annotations

from django import forms

from campaigns.pages.fields import PageForm


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
