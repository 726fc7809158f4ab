"""Python runs this when a process starts whose PYTHONPATH names this folder: beside the product's
own vendors there are then those of `tests/chaos/vendors`, found as every vendor is found."""

from pathlib import Path

import providers.vendors

providers.vendors.__path__.append(str(Path(__file__).resolve().parent.parent / "vendors"))
