"""What a container that carries on imports once, before it forks a process for its first group.

That is nothing that starts a thread, and no code of the project. It isn't known yet which libraries the groups need:
`container.libraries` shares those between the later ones.
"""

from __future__ import annotations

import gc
import sys
from importlib.util import find_spec


def import_what_all_need() -> None:
    """Import Kedro, and what it imports late in every process; leave all of that out of later garbage collections."""
    import kedro.framework.context  # noqa: F401, PLC0415  (only where containers carry on)

    from kedro_aws_batch.container import session  # noqa: F401, PLC0415
    from kedro_aws_batch.graph import project  # noqa: F401, PLC0415

    if "pydantic" in sys.modules:  # Kedro looks for pydantic's models among the parameters
        import pydantic.main  # noqa: F401, PLC0415
    if find_spec("kedro_telemetry"):  # its hooks are part of Kedro
        import requests  # noqa: F401, PLC0415
    gc.freeze()
