"""What all tests share."""

import os

from hypothesis import settings

# Before anything imports the handlers, whose logger reads it once.
os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "CRITICAL")
os.environ.setdefault("KEDRO_DISABLE_TELEMETRY", "1")
os.environ.setdefault("DO_NOT_TRACK", "1")

settings.register_profile("few", max_examples=100, deadline=None, print_blob=True)
settings.register_profile("many", max_examples=1000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "few"))
