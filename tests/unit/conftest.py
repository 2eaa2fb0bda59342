"""Property tests judge results, not how fast a busy machine gives them."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("srctl", deadline=None, max_examples=60)
settings.load_profile("srctl")
