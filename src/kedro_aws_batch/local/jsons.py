"""What AWS's APIs take and answer."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
