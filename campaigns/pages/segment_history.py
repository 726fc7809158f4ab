"""What a segment was before: one version beside what it is now, and back to it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from campaigns.errors import Invalid, Refused
from campaigns.models import Membership
from campaigns.pages.segment_editor import dump
from campaigns.pages.segments import find_segment
from campaigns.pages.shell import draw_page, operator_page, tell_refusal
from campaigns.selectors.segment_words import outline_body
from campaigns.services.access import has_role, name_actor, require_role
from campaigns.services.audience import update_segment
from campaigns.services.segment_versions import find_version

Role = Membership.Role
INDENT = "\N{NO-BREAK SPACE}" * 4
MARKS = {"+": "added", "-": "removed", " ": "same"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a comparison: `mark` is added, removed or same."""

    mark: str
    text: str


def compare(former: Any, present: Any, zone: str) -> list[Line]:
    """What became of a former expression, line by line, moments in a zone."""
    lines = difflib.ndiff(write_lines(former, zone), write_lines(present, zone))
    return [Line(MARKS[line[0]], line[2:]) for line in lines if line[0] in MARKS]


def write_lines(body: Any, zone: str) -> list[str]:
    """The expression as indented lines; as JSON where a field of it is no longer known."""
    try:
        return [INDENT * depth + words for depth, words in outline_body(body, zone)]
    except Invalid:
        return dump(body).splitlines()


@operator_page
def segment_version(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """A version beside what the segment is now."""
    segment = find_segment(request.user, pk)
    version = find_version(segment, number)
    context = {
        "segment": segment,
        "version": version,
        "lines": compare(version.expression, segment.expression, segment.app.timezone),
        "is_present": version.expression == segment.expression,
        "may_change": has_role(request.user, segment.app, Role.COMPOSER),
    }
    title = _("%(name)s, version %(number)d") % {"name": segment.name, "number": number}
    return draw_page(request, "pages/segment_version.html", title, context)


@require_POST
@operator_page
def restore_segment(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Let the segment mean again what it meant; that is a version, too."""
    segment = find_segment(request.user, pk)
    require_role(request.user, segment.app, Role.COMPOSER)
    version = find_version(segment, number)
    try:
        update_segment(
            segment,
            expression=version.expression,
            actor=name_actor(request.user),
            now=timezone.now(),
        )
        messages.success(request, _("Version %(number)d is restored.") % {"number": number})
    except Refused as refusal:
        tell_refusal(request, refusal)
    return redirect("segment", pk=pk)
