"""The state that local runs save for the next: the objects on S3 and the items of the run table.

It lies in `<project>/.kedro_aws_batch/local/`: each object once, by its ETag, under `objects/`; the list of objects in
`index.json`; and the items, as they were written, in `items.jsonl`. Runs at the same time have an embedded AWS each,
so one's changes are added to what others have saved meanwhile, and never overwrite it. However a command ends, its
last save is whole: items that say that a job has succeeded are written after the objects that the job made.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kedro_aws_batch.files import write_atomically

from .commands import in_progress_now
from .items import append_items, read_items
from .place import locked
from .runs import KEPT_RUNS, raw_runs, save_run

if TYPE_CHECKING:
    from pathlib import Path

    from kedro_aws_batch.client import RunState
    from kedro_aws_batch.local.storage import Storage
    from kedro_aws_batch.stored import Objects, Times


FORMAT = 2
INDEX, ITEMS, OBJECTS = "index.json", "items.jsonl", "objects"


@dataclass
class State:
    """What a command holds in its embedded AWS, and what of that is saved."""

    project: Path
    storage: Storage
    #: The command's own name.
    command: str = ""
    _kept: Objects = field(default_factory=dict)
    _times: Times = field(default_factory=dict)  #: when those were put
    #: Whether there has been an index. If there is none any more, somebody has deleted what was saved.
    _saved: bool = False
    #: Whether that has happened since the last save.
    _deleted: bool = False

    def load(self) -> None:
        """Restore the state of earlier runs, without the runs that other commands still have in progress."""
        with locked(self.project) as place:
            times, index = _read_times(place), _read_index(place)
            for bucket, keys in (index or {}).items():
                self.storage.create_bucket(bucket)
                for key, etag in keys.items():
                    written = times.get(bucket, {}).get(key)
                    self.storage.put_object(bucket, key, (place / OBJECTS / etag).read_bytes(), etag, written)
            items = read_items(place / ITEMS, self._oldest_run())
            foreign = self._foreign_runs()
        self._kept, self._times = self.storage.objects()
        self._saved = index is not None
        self.storage.put_items([item for name, item in items.items() if not any(run in name for run in foreign)])

    def save(self, run: RunState | None = None) -> None:
        """Save what has changed since the last save, and a run's state if one is given.

        Raises OSError, for example if the disk is full; what was saved before stays intact.
        """
        with locked(self.project) as place:
            self._deleted = self._deleted or (self._saved and not (place / INDEX).exists())
        # first: the objects read next include all that these refer to
        written = self.storage.everything() if self._deleted else self.storage.written()
        objects, put = self.storage.objects()
        with locked(self.project) as place:
            self._save_objects(place, objects, put)
            if run is not None:
                save_run(self.project, run, self.command)
            append_items(place / ITEMS, written.items)
        self._saved, self._deleted = True, False
        self.storage.kept(written)

    def close(self) -> None:
        """Drop objects that nothing refers to any more."""
        with locked(self.project) as place:
            index = _read_index(place) or {}
            kept = {etag for keys in index.values() for etag in keys.values()}
            for file in (place / OBJECTS).glob("*"):
                if file.name not in kept:
                    file.unlink()

    def _save_objects(self, place: Path, objects: Objects, put: Times) -> None:
        """Write new objects, then add the changes to the index."""
        index = _read_index(place)
        if index is None:  # the object is gone
            index, self._kept = {}, {}
        elif objects == self._kept and put == self._times:
            return
        times = _read_times(place)
        for bucket, keys in objects.items():
            before, others = self._kept.get(bucket, {}), index.setdefault(bucket, {})
            for key in before.keys() - keys.keys():
                others.pop(key, None)
            for key, etag in list(keys.items()):
                at = put.get(bucket, {}).get(key)
                if before.get(key) == etag and at == self._times.get(bucket, {}).get(key):
                    continue  # else the same was put again, which S3 tells by its time
                if self._save_object(place / OBJECTS / etag, (bucket, key)):
                    others[key] = etag
                    if at is not None:
                        times.setdefault(bucket, {})[key] = at
                else:
                    del keys[key]  # it has changed since, and the next save has the new one
        for bucket in self._kept.keys() - objects.keys():
            index.pop(bucket, None)
        told = {"format": FORMAT, "objects": index, "written": _of(index, times)}
        write_atomically(place / INDEX, json.dumps(told).encode())
        self._kept, self._times = objects, put

    def _save_object(self, file: Path, where: tuple[str, str]) -> bool:
        """Write an object's content, unless it is saved; return whether it was still available."""
        if file.exists():
            return True
        content = self.storage.read(*where, file.name)
        if content is not None:
            write_atomically(file, content)
        return content is not None

    def _oldest_run(self) -> str:
        """Return the id of the oldest saved run; empty if none had to go yet."""
        kept = [run.state.run_id for run in raw_runs(self.project)]
        return kept[-1] if len(kept) >= KEPT_RUNS else ""

    def _foreign_runs(self) -> list[str]:
        living = in_progress_now(self.project).keys() - {self.command}
        return [kept.state.run_id for kept in raw_runs(self.project) if kept.command in living and not kept.state.over]


def _read_index(place: Path) -> Objects | None:
    """Return the saved objects; None if the index can't be read: then a run starts from nothing."""
    try:
        index = json.loads((place / INDEX).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    sound = isinstance(index, dict) and index.get("format") == FORMAT
    return index["objects"] if sound else None


def _read_times(place: Path) -> Times:
    """Return when the saved objects were put, as far as that is known."""
    try:
        index = json.loads((place / INDEX).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return index.get("written", {}) if isinstance(index, dict) else {}


def _of(index: Objects, times: Times) -> Times:
    """Return the times of those objects that are in the index."""
    return {
        bucket: {key: at for key, at in times.get(bucket, {}).items() if key in keys} for bucket, keys in index.items()
    }
