"""What several views read from a request: words of a few, bodies of known fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.request import Request

from campaigns.errors import Invalid
from campaigns.models import ApiKey


def choose(request: Request, name: str, known: Sequence[str]) -> str | None:
    """A query parameter that is one of a few words; raises Invalid."""
    value = request.query_params.get(name)
    if value is not None and value not in known:
        sentence = _("One of %(known)s.") % {"known": ", ".join(known)}
        raise Invalid(sentence, fields={name: sentence})
    return value


def choose_flag(request: Request, name: str) -> bool:
    """A query parameter that is `true` or `false`, false without it; raises Invalid."""
    return choose(request, name, ("true", "false")) == "true"


def refuse_others(body: Mapping[str, Any], known: set[str]) -> None:
    """Raise Invalid for fields that are not known."""
    faults = {str(name): _("Unknown field.") for name in body if name not in known}
    if faults:
        raise Invalid(_("Some fields are unknown; see fields."), fields=faults)


def read_rate(request: Request) -> Any:
    """The `rate` of a body that holds nothing else; raises Invalid."""
    body = request.data
    if not isinstance(body, dict) or "rate" not in body:
        sentence = _('Send a JSON object: {"rate": 100}, or null for no rate of its own.')
        raise Invalid(sentence, fields={"rate": sentence})
    refuse_others(body, {"rate"})
    return body["rate"]


def may_bypass(request: Request) -> bool:
    """Whether a key launches without the approval that its app needs."""
    scopes = request.user.scopes if isinstance(request.user, ApiKey) else ()
    return ApiKey.Scope.BYPASS_APPROVAL in scopes
