"""What long JSON is known by in pages and caches."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest(body: Any) -> str:
    """32 hexadecimal digits, the same for the same JSON in whatever order its keys are."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]
