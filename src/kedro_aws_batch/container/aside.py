"""Saves nodes' outputs apart: as files in a folder, whatever the catalog says."""

from __future__ import annotations

import pickle  # only of data made by this process  # nosec B403
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl
from kedro.io import AbstractDataset

from kedro_aws_batch.files import file_name
from kedro_aws_batch.graph.datasets import entry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kedro.pipeline import Pipeline

#: The keys of a dataset's place.
_PATHS = ("filepath", "path")
#: Keys that are about the real place of the data, and don't apply to a file here.
_OF_ELSEWHERE = ("versioned", "version", "credentials", "storage_options", "metadata")
_OPENING = ("open_args_load", "open_args_save")


@dataclass
class Aside:
    """A hook that saves the outputs of a pipeline in a folder."""

    folder: Path
    #: The outputs that one node of the pipeline passes to another in memory.
    passed: frozenset[str] = frozenset()
    #: What was not saved, and why.
    lost: list[str] = field(default_factory=list)
    #: The files, or folders, with the outputs that were saved.
    saved: set[Path] = field(default_factory=set)
    #: The dataset that is being loaded; None if none is.
    loading: str | None = None
    _places: dict[str, Path] = field(default_factory=dict)

    @hook_impl(tryfirst=True)
    def before_dataset_loaded(self, dataset_name: str) -> None:
        """Note what is being loaded."""
        self.loading = dataset_name

    @hook_impl(tryfirst=True)
    def after_dataset_loaded(self) -> None:
        """Note that it was."""
        self.loading = None

    @hook_impl(tryfirst=True)
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Note an output of the folder, unless it could not be saved."""
        place = self._places.get(dataset_name)
        if place is not None and place.exists():
            self.saved.add(place)

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline, catalog: Any) -> None:
        """Replace the catalog's datasets by datasets of the folder, before any of them is made."""
        for name in sorted(pipeline.all_outputs() - self.passed):
            catalog[name] = self._dataset(catalog, name)

    def _dataset(self, catalog: Any, name: str) -> Any:
        made = name in getattr(catalog, "_datasets", {})  # a hook made it, and we don't know how
        config = {} if made else entry(catalog, name)
        key = next((key for key in _PATHS if isinstance(config.get(key), str)), None)
        if key is None:
            self._places[name] = self.folder / f"{file_name(name)}.pkl"
            return Pickled(self._places[name], self.lost)
        suffixes = "".join(Path(config[key].rpartition("/")[2]).suffixes[-2:])
        self._places[name] = self.folder / f"{file_name(name)}{suffixes}"
        return AbstractDataset.from_config(name, _here(config, key, self._places[name]))


class Pickled(AbstractDataset[Any, Any]):
    """Data without a known file format: pickled if possible, else not saved."""

    def __init__(self, file: Path, lost: list[str]) -> None:
        self._file, self._lost = file, lost

    def load(self) -> Any:
        """Return the saved data."""
        return pickle.loads(self._file.read_bytes())  # noqa: S301 - this process wrote it  # nosec B301

    def save(self, data: Any) -> None:
        """Save data, or note that it can't be."""
        try:
            content = pickle.dumps(data)
        except Exception as error:  # noqa: BLE001  (objects may do anything when they are pickled)
            self._lost.append(f"{self._file.stem}, which can't be pickled: {error}")
            self._file.unlink(missing_ok=True)  # an earlier replay's would pass for this one's
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_bytes(content)

    def _describe(self) -> dict[str, Any]:
        return {"file": str(self._file)}


def _here(config: Mapping[str, Any], key: str, file: Path) -> dict[str, Any]:
    """Return an entry with its data in a file here."""
    kept = {name: value for name, value in config.items() if name not in _OF_ELSEWHERE}
    opening = {name: value for name, value in (config.get("fs_args") or {}).items() if name in _OPENING}
    return {**kept, **({"fs_args": opening} if "fs_args" in config else {}), key: str(file)}
