"""What every test shares."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# Machines are slow and busy: a run is the same every time and no example is too slow.
settings.register_profile(
    "suite",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("suite")
