"""The rendered texts of a batch, kept with it until everybody in it is settled.

They are rendered once and never again: whoever sends it, and however often, says the same.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from campaigns.models import Batch
from campaigns.models.packing import unpack_ids
from providers.message import PushMessage
from providers.message_fields import LIQUID
from providers.templates import Sheet, Slot

LEVEL = 1
Rendered = tuple[str, ...]  # the texts of a sheet's slots for one recipient


@dataclass(frozen=True, slots=True)
class Texts:
    """Different `choices` of texts for `slots`, and which one each recipient gets."""

    slots: tuple[Slot, ...]
    choices: Sequence[Rendered]
    places: Mapping[int, int]

    def pack(self, recipients: Collection[int]) -> bytes:
        """What a batch of these recipients, in their order, keeps."""
        used = list(dict.fromkeys(self.places[one] for one in recipients))
        numbers = {old: new for new, old in enumerate(used)}
        body = {
            "slots": [[slot.kind, slot.maximum, slot.source] for slot in self.slots],
            "choices": [self.choices[one] for one in used],
            "places": [numbers[self.places[one]] for one in recipients] if len(used) > 1 else [],
        }
        return zlib.compress(json.dumps(body, ensure_ascii=False).encode(), LEVEL)

    def fill(self, sheet: Sheet, place: int) -> PushMessage:
        """The message with the texts of one place."""
        known = dict(zip(self.slots, self.choices[place], strict=True))
        return sheet.fill([known[slot] for slot in sheet.slots])


def read_texts(packed: bytes | memoryview, recipients: Sequence[int]) -> Texts:
    """What `Texts.pack` kept of these recipients."""
    body = json.loads(zlib.decompress(packed))
    places = body["places"] or [0] * len(recipients)
    return Texts(
        tuple(Slot(*slot) for slot in body["slots"]),
        [tuple(choice) for choice in body["choices"]],
        dict(zip(recipients, places, strict=True)),
    )


def find_texts(batch: Batch) -> Texts | None:
    """The rendered texts of a batch, None for one without variables."""
    if batch.texts is None:
        return None
    return read_texts(batch.texts, unpack_ids(batch.recipients))


def needs_rendering(batch: Batch) -> bool:
    """Whether a batch says something else to each of its recipients, and nobody knows yet what."""
    content = batch.part.message.content
    return content.get("template") == LIQUID and batch.texts is None
