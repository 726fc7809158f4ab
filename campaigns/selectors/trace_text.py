"""Which text one recipient of a part was sent, and why just that one."""

from __future__ import annotations

from django.utils.translation import gettext as _

from campaigns.models import Batch, Cohort, Delivery, Device, Part, Person
from campaigns.models.audience import WAYS
from campaigns.selectors.language_names import name_language
from campaigns.selectors.trace_words import Line
from providers.languages import is_same_language
from providers.message import PushMessage


def tell_text(part: Part, batch: Batch, language: str) -> Line:
    """The text that was chosen for somebody of this language, "" where it is not known."""
    message, app = part.message.read(), part.transfer.app
    text = batch.language or message.default_language or app.default_language
    names = {"text": name_language(text), "language": name_language(language)}
    is_own = bool(language) and is_same_language(text, language)
    if not batch.language:
        words = _tell_common(is_own, language)
        names["which"] = _name_common(message, batch.platform)
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
        return _("The text is %(which)s, in their language, %(language)s.")
    if not language:
        return _("The text is %(which)s: no translation fits their language.")
    return _("The text is %(which)s: no translation fits their language, %(language)s.")


def _name_common(message: PushMessage, platform: str) -> str:
    """A platform's own title and text stand in place of the common ones, each by itself."""
    block = getattr(message, platform, None)
    own = [name for name in ("title", "body") if getattr(block, name, None)]
    names = {"platform": dict(WAYS).get(platform, platform)}
    if not own:
        return _("the common one")
    if len(own) == 2:
        return _("the one for %(platform)s") % names
    if own == ["title"]:
        return _("the common one under the title for %(platform)s") % names
    return _("the one for %(platform)s under the common title") % names


def find_language(
    part: Part, delivery: Delivery | None, device: Device | None, person: Person | None
) -> str:
    """Their language as it was counted when they were sent to, else as it is now."""
    cohort = Cohort.objects.filter(pk=delivery.cohort_id).first() if delivery else None
    if cohort is not None:
        return cohort.language
    own = device.language if device else ""
    return own or (person.language if person else "") or part.transfer.app.default_language
