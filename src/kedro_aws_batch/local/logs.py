"""CloudWatch Logs, for writers inside the process."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import logs_backends

if TYPE_CHECKING:
    from typing import BinaryIO

    from kedro_aws_batch.local.place import Place


class Logs:
    """Log groups and streams, written line by line."""

    def __init__(self, place: Place) -> None:
        self._backend = logs_backends[place.account][place.region]
        self._lock = threading.Lock()

    def open(self, group: str, stream: str) -> None:
        """Create a stream, and its group if there is none."""
        with self._lock:
            if group not in self._backend.groups:
                self._backend.create_log_group(group, {})
            self._backend.create_log_stream(group, stream)

    def write(self, group: str, stream: str, lines: Iterable[str]) -> None:
        """Append lines, stamped now. Empty ones become a blank, since Logs takes no empty message."""
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line or " "} for line in lines]
        if events:
            # If somebody deletes the group of a running job, only its output is lost.
            with self._lock, contextlib.suppress(ResourceNotFoundException):
                self._backend.put_log_events(group, stream, events)

    def pump(self, source: BinaryIO, group: str, stream: str) -> None:
        """Write a pipe's output until it ends."""
        rest = b""
        with source:
            while chunk := os.read(source.fileno(), 65536):
                *lines, rest = (rest + chunk).split(b"\n")
                self.write(group, stream, [_text(line) for line in lines])
        if rest:
            self.write(group, stream, [_text(rest)])


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r")
