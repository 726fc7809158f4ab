"""A person and a device of a chunk of imported rows, as they are after the rows so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from campaigns.models.audience import PLATFORMS


@dataclass(slots=True)
class Held:
    """A person or a device as it is after the rows so far; `pk` 0 until it is written."""

    pk: int = 0
    values: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    is_new: bool = False
    is_changed: bool = False


@dataclass(slots=True)
class HeldPerson(Held):
    """A person by the key of the file."""

    key: str = ""
    opted_out: bool = False
    labels: set[int] = field(default_factory=set)
    new_labels: set[int] = field(default_factory=set)
    is_hidden: bool = False
    is_untold: bool = False  # what is stored of them


@dataclass(slots=True)
class HeldDevice(Held):
    """A device with its ids by kind."""

    platform: str = ""
    token: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    owner: HeldPerson | None = None
    owner_id: int = 0
    is_off: bool = False  # its token is dead, or signed off
    is_retokened: bool = False
    is_moved: bool = False
    new_ids: set[str] = field(default_factory=set)

    @property
    def is_sent_to(self) -> bool:
        """Whether it was stored with its token, and is not switched off."""
        return bool(self.pk) and not self.is_retokened and not self.is_off

    @property
    def platform_name(self) -> str:
        """Its platform in words."""
        return str(dict(PLATFORMS)[self.platform])

    @property
    def name(self) -> str:
        """What its page is called."""
        return f"{self.platform_name} #{self.pk}"
