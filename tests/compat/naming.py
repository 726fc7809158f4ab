"""By what scripts name somebody. Each dialect's `naming.list_calls` has its calls that do."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any

Call = tuple[str, str, Any]  # method, path behind the dialect's mount, body


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody with one device. `device` is what every vendor calls it."""

    user: str
    mail: str
    phone: str
    token: str
    device: str
    alias: str

    def list_names(self) -> tuple[str, ...]:
        """All of them."""
        return astuple(self)
