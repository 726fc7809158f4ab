"""How often Python's garbage collector looks for cycles in a process that runs for days."""

from __future__ import annotations

import gc

# A batch is ten thousand calls, of some objects each, among which there are no cycles: after 700 of
# them each, as Python comes, a worker spent a twelfth of its time looking for such.
YOUNG = 50_000


def relax() -> None:
    """Look more rarely, and never again at what was loaded so far."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
