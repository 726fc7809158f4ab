"""A worker that may have so many calls in flight: `gateway_worker.py STREAMS NAME`.

What a gateway's dialect names is left aside in this process alone.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))


def main() -> None:
    streams, name = int(sys.argv[1]), sys.argv[2]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pushadmin.settings")
    import django

    django.setup()
    from django.core.management import call_command

    from providers import registry

    for dialect in registry.all_dialects():
        if dialect.fans_out:
            object.__setattr__(dialect, "limits", replace(dialect.limits, streams=streams))
    call_command("dispatch", name=name)


if __name__ == "__main__":
    main()
