"""A text that a page of a message left where it is stored, once somebody wants to see it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from campaigns.errors import NotFound
from campaigns.pages.shell import draw_fragment, operator_page
from campaigns.pages.stored_texts import Stored, find_stored, read_stored_fields
from campaigns.pages.translation_form import TranslationForm
from campaigns.selectors.row_ids import read_id
from providers import registry


@operator_page
def texts(request: HttpRequest) -> HttpResponse:
    """What is said in `language`, as the row `number` of the page, with what is wrong with it; or
    one `field` of the message itself."""
    asked = request.GET
    if "field" in asked:
        return _draw_field(find_stored(request.user, asked.get("stored_in", "")), asked["field"])
    number = read_id(asked.get("number", ""))
    row = find_stored(request.user, asked.get("stored_in", "")).find_row(asked.get("language", ""))
    if row is None:
        raise NotFound(_("This text is not stored so any more. Reload the page."))
    shown = TranslationForm(initial=row, prefix=f"translations-{number}")
    form = TranslationForm(dict(shown.hidden_values), prefix=shown.prefix)
    context: dict[str, Any] = {"form": form, "number": number}
    return draw_fragment(request, "pages/translation_thin.html", context)


def _draw_field(stored: Stored, name: str) -> HttpResponse:
    fields = read_stored_fields(stored, registry.all_dialects())
    if not stored.content or name not in fields.fields:
        raise NotFound(_("This text is not stored so any more. Reload the page."))
    return HttpResponse(fields[name].as_field_group())
