"""Fields of a person as pages name them."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

PERSON_FIELDS = {
    "external_user_id": gettext_lazy("External user id"),
    "email": gettext_lazy("E-mail"),
    "phone": gettext_lazy("Phone"),
    "language": gettext_lazy("Language"),
    "country": gettext_lazy("Country"),
    "timezone": gettext_lazy("Time zone"),
}
