"""What a campaign's audience names that nobody has: told before a launch, refused to nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from campaigns.models import App, Segment
from campaigns.selectors.audience import Audience, AudienceKind, list_parts, read_audience
from campaigns.selectors.doubts import list_doubts
from campaigns.selectors.expressions import check_expression
from campaigns.services.messages import Problem


def find_audience_doubts(apps: Sequence[App], body: Mapping[str, Any]) -> Iterator[Problem]:
    """Of its segments and expressions; expects a body that was checked before."""
    for path, part in list_parts(read_audience(apps, body, principal=None)) if apps else ():
        for sentence in _list_sentences(apps, part, is_left_out=".exclude" in path):
            yield Problem(
                code="unknown_value", field="audience", sentence=sentence, is_blocking=False
            )


def _list_sentences(apps: Sequence[App], part: Audience, *, is_left_out: bool) -> Iterator[str]:
    name, expression = "", part.expression
    if part.kind is AudienceKind.SEGMENT:
        segment = Segment.objects.filter(pk=part.segment).first()
        if segment is None:
            return
        name, expression = f"{segment.name}: ", check_expression(segment.expression)
    if expression is not None:
        for doubts in list_doubts(apps, expression, is_left_out=is_left_out):
            yield from (f"{name}{words}" for words in doubts)
