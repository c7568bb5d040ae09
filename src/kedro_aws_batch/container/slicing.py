"""Gives the nodes of a job their slice of the partitions, and keeps slices out of each other's way.

The dataset lists only the partitions of the slice, so no others are loaded or made into datasets. Loading and saving
stay as lazy as they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner

from kedro_aws_batch._service.dag.problems import listed
from kedro_aws_batch.errors import SliceError
from kedro_aws_batch.wording import counted

if TYPE_CHECKING:
    from kedro.pipeline.node import Node

    from kedro_aws_batch._service.dag.slices import Slice


class SliceRunner(SequentialRunner):
    """Runs each node on its slice. A node with an empty slice has nothing to do, and is not called.

    If there is no partition at all, slice 1 does what `kedro run` does, which may be to fail; the others do nothing. Of
    an input that is made slice by slice, no slice can know that.
    """

    def __init__(self, part: Slice) -> None:
        super().__init__()
        self._part = part
        self._handed: dict[str, frozenset[str]] = {}  #: node → the ids of its partitions
        self._catalog: Any = None
        self._found: dict[str, tuple[frozenset[str], int]] = {}  #: input → the slice's ids, and the number of all

    def _run(self, pipeline: Pipeline, catalog: Any, *args: Any, **kwargs: Any) -> None:
        self._catalog = catalog
        for node in pipeline.nodes:
            if self._narrow(node, catalog):
                super()._run(Pipeline([node]), catalog, *args, **kwargs)

    def _narrow(self, node: Node, catalog: Any) -> bool:
        """Make a node's dataset list only the slice's partitions, and return whether to run the node."""
        name = self._part.over[node.name]
        if name not in self._found:  # another node of the job may read it, too
            self._found[name] = narrow(catalog.get(name), name, self._part)
        mine, total = self._found[name]
        self._handed[node.name] = mine
        found = f"{len(mine):,} of {counted(total, 'partition')} of '{name}'"
        nothing = "" if mine else ": nothing to do"
        print(f"Slice {self._part.number} of {self._part.into} of node '{node.name}': {found}{nothing}.", flush=True)
        return bool(mine) or (not total and self._part.number == 1 and node.name not in self._part.in_parts)

    @hook_impl
    def before_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Raise SliceError for a partition that another slice might also save, before any of these is saved."""
        if node.name in self._part.new_ids:
            return
        others = [one for one in _ids(data) if one not in self._handed[node.name]]
        if others:
            raise SliceError(
                f"Node '{node.name}' returns the partitions {listed(map(str, others))} for '{dataset_name}', which it "
                f"was not given in slice {self._part} of '{self._part.over[node.name]}'. Another slice may save the "
                "same, and one would be lost. Return partitions of the ids that were read. If no two slices make the "
                f"same id, set its `split: {{into: {self._part.into}, ids: new}}`."
            )

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Raise SliceError if partitions are folders of files, and another node reads these slice by slice.

        Each file is listed as a partition, which may belong to a slice that has been read before.
        """
        ids = _ids(data)
        if dataset_name not in self._part.passed_on or not ids:
            return
        dataset, one = self._catalog.get(dataset_name), min(ids)
        versioned = "version" in dataset._dataset_config  # noqa: SLF001  (there is no public door)
        if not versioned and dataset._filesystem.isdir(dataset._partition_to_path(one)):  # noqa: SLF001
            raise SliceError(
                f"Node '{node.name}' saves '{one}' of '{dataset_name}' as a folder, whose files are partitions of "
                "their own to the node that reads them: it would miss some. Set its "
                f"`split: {{into: {self._part.into}, ids: new}}`, so that what follows waits for all slices."
            )


def _ids(data: Any) -> list[Any]:
    """Return the ids in what a node saves: a dict, or all else with items, such as a Series."""
    return [one for one, _ in data.items()] if hasattr(data, "items") else []


def narrow(dataset: Any, name: str, part: Slice) -> tuple[frozenset[str], int]:
    """Make a partitioned dataset list only a slice's partitions; return their ids, and the total number.

    It is listed only once, so that a node gets what was counted. Raises SliceError for a dataset without partitions.
    """
    if not hasattr(dataset, "_list_partitions"):
        raise SliceError(f"Dataset '{name}' ({type(dataset).__name__}) has no partitions to split.")
    paths = dataset._list_partitions()  # noqa: SLF001  (there is no public door)
    ids = {path: dataset._path_to_partition(path) for path in paths}  # noqa: SLF001
    mine = [path for path in paths if part.holds(ids[path])]
    if paths:
        dataset._list_partitions = lambda: mine  # noqa: SLF001
    return frozenset(ids[path] for path in mine), len(set(ids.values()))
