"""A text that a page of a message left where it is stored, once somebody wants to see it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from campaigns.errors import NotFound
from campaigns.pages.shell import draw_fragment, operator_page
from campaigns.pages.stored_texts import find_stored
from campaigns.pages.translation_form import TranslationForm
from campaigns.selectors.row_ids import read_id


@operator_page
def texts(request: HttpRequest) -> HttpResponse:
    """What is said in `language`, as the row `number` of the page, with what is wrong with it."""
    asked = request.GET
    number = read_id(asked.get("number", ""))
    row = find_stored(request.user, asked.get("stored_in", "")).find_row(asked.get("language", ""))
    if row is None:
        raise NotFound(_("This text is not stored so any more. Reload the page."))
    shown = TranslationForm(initial=row, prefix=f"translations-{number}")
    form = TranslationForm(dict(shown.hidden_values), prefix=shown.prefix)
    context = {"form": form, "number": number}
    return draw_fragment(request, "pages/translation_thin.html", context)
