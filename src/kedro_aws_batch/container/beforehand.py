"""What a container that carries on imports once, before it forks a process for its first group.

That is nothing that starts a thread, and no code of the project. It isn't known yet which libraries the groups need:
`container.libraries` shares those between the later ones.
"""

from __future__ import annotations

import gc
import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from .setting import variable_set

#: Kedro's: names the file that it configures logging by, when it is imported.
_LOGGING = "KEDRO_LOGGING_CONFIG"


def import_what_all_need() -> None:
    """Import Kedro, and what it imports late in every process; leave all of that out of later garbage collections."""
    with _no_logging():
        import kedro.framework.project  # noqa: PLC0415  (only where containers carry on)
    import kedro.framework.context  # noqa: F401, PLC0415

    from kedro_aws_batch.container import session  # noqa: F401, PLC0415
    from kedro_aws_batch.graph import project  # noqa: F401, PLC0415

    if "pydantic" in sys.modules:  # Kedro looks for pydantic's models among the parameters
        import pydantic.main  # noqa: F401, PLC0415
    if find_spec("kedro_telemetry"):  # its hooks are part of Kedro
        import requests  # noqa: F401, PLC0415
    gc.freeze()


def configure_logging() -> None:
    """Configure logging, as Kedro does when it is imported, if that was held back then.

    A process for one group has other loggers by then than this one, so none of those that exist is disabled.
    """
    if (project := sys.modules.get("kedro.framework.project")) is None or project.LOGGING.data:
        return
    project.LOGGING.__init__()
    if project.LOGGING.data.get("disable_existing_loggers", True):
        project.LOGGING.data["disable_existing_loggers"] = False
        for logger in logging.root.manager.loggerDict.values():
            if isinstance(logger, logging.Logger):
                logger.disabled = False


@contextmanager
def _no_logging() -> Iterator[None]:
    """Let Kedro configure nothing meanwhile: the file of a project may open others, and each group has its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write('{"version": 1, "disable_existing_loggers": false}')
        file.flush()
        with variable_set(_LOGGING, file.name):
            yield
    sys.modules["kedro.framework.project"].LOGGING.data = {}
