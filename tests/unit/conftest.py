"""Property tests judge results, not how fast a busy machine gives them, and try the same cases in each run."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "srctl", deadline=None, max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("srctl")
