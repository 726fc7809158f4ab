"""Which text one recipient of a part was sent, and why just that one."""

from __future__ import annotations

from django.utils.translation import gettext as _

from campaigns.models import Batch, Cohort, Delivery, Device, Part, Person
from campaigns.selectors.language_names import name_language
from campaigns.selectors.trace_words import Line
from providers.languages import is_same_language


def tell_text(part: Part, batch: Batch, language: str) -> Line:
    """The text that was chosen for somebody of this language, "" where it is not known."""
    message, app = part.message.read(), part.transfer.app
    text = batch.language or message.default_language or app.default_language
    names = {"text": name_language(text), "language": name_language(language)}
    is_own = bool(language) and is_same_language(text, language)
    if not batch.language:
        words = _tell_common(is_own, language)
    elif is_own or not language:
        own = _("The text is the %(text)s translation, in their language.")
        words = own if is_own else _("The text is the %(text)s translation.")
    elif message.fallbacks is None:
        words = _(
            "The text is the %(text)s translation: there is none in their language, %(language)s, "
            "and it stands in by the app's languages instead."
        )
    else:
        words = _(
            "The text is the %(text)s translation: there is none in their language, %(language)s, "
            "and it stands in by the message's languages instead."
        )
    return Line(code="text", words=words % names)


def _tell_common(is_own: bool, language: str) -> str:
    if is_own:
        return _("The text is the common one, in their language, %(language)s.")
    if not language:
        return _("The text is the common one: no translation fits their language.")
    return _("The text is the common one: no translation fits their language, %(language)s.")


def find_language(
    part: Part, delivery: Delivery | None, device: Device | None, person: Person | None
) -> str:
    """Their language as it was counted when they were sent to, else as it is now."""
    cohort = Cohort.objects.filter(pk=delivery.cohort_id).first() if delivery else None
    if cohort is not None:
        return cohort.language
    own = device.language if device else ""
    return own or (person.language if person else "") or part.transfer.app.default_language
