"""What storage says of datasets as a run starts: by it a run tells what is still what an earlier one read or wrote.

Nobody can set when an object was put into an object store. A file's time can be set, but not when its entry was last
changed. What is neither, such as a table, doesn't tell.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from fsspec.core import url_to_fs  # type: ignore[import-untyped]  # it has no types
from kedro.io import AbstractVersionedDataset
from kedro.io.core import VersionNotFoundError

from kedro_aws_batch._service.dag.asked import is_source, source_name, version_asked
from kedro_aws_batch._service.dag.meaning import resumed_request, to_ask
from kedro_aws_batch._service.dag.stored import ABSENT, AT_ONCE, PATIENCE, File, Seen, late, seen_of
from kedro_aws_batch.quiet import silent, stdout_kept_clean
from kedro_aws_batch.world.versions import written_at

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from kedro_aws_batch._service.dag.document import GraphDocument
    from kedro_aws_batch.graph.project import Project

#: Seconds for each if they are very many.
_PATIENCE_EACH = 0.05
#: The protocols of stores in which an object may have the name of a folder.
_OBJECT_STORES = frozenset({"s3", "gs", "abfs"})
#: So many datasets that don't tell are named.
_NAMED = 5
#: Bytes of what a request says of storage: a request takes 6 MB in all (`dag.limits.INVOKE_BYTES`).
_MOST_BYTES = 5_500_000


class _UntoldError(Exception):
    """A dataset doesn't say when it was written; the message says why."""


@dataclass(frozen=True)
class Stored:
    """What storage says of datasets."""

    seen: Mapping[str, Seen] = field(default_factory=dict)
    untold: Mapping[str, str] = field(default_factory=dict)  #: dataset → why it can't be told
    absent: frozenset[str] = frozenset()

    def request(self) -> dict[str, Any]:
        """Return the fields of a request to start_run; what makes it too large is left out, as if nobody had asked."""
        untold = {**self.untold, **dict.fromkeys(sorted(self.absent), ABSENT)}
        told = {
            name: {key: value for key, value in vars(seen).items() if value or key == "at"}
            for name, seen in self.seen.items()
        }
        stored = {**told, **{name: {"untold": why} for name, why in untold.items()}}
        sizes = accumulate(len(json.dumps({name: one})) for name, one in stored.items())
        kept = dict(one for one, size in zip(stored.items(), sizes, strict=True) if size <= _MOST_BYTES)
        return {"stored": kept} if kept else {}

    def only(self, names: Collection[str]) -> Stored:
        """Return what storage says of these datasets alone."""
        return Stored(
            {name: seen for name, seen in self.seen.items() if name in names},
            {name: why for name, why in self.untold.items() if name in names},
            self.absent & {*names},
        )

    def notes(self) -> list[str]:
        """Return lines that name the datasets of which it can't be told."""
        told = [f"'{name}': {why}" for name, why in sorted(self.untold.items()) if not is_source(name)]
        more = [f"and {len(told) - _NAMED} more"] if len(told) > _NAMED else []
        if not told:
            return []
        head = "It can't be told whether these have changed since. What has read or written them is taken over; if they"
        return [f"{head} have changed, start a new run.", *(f"  {line}" for line in (*told[:_NAMED], *more))]


def stored_for(
    project: Project,
    document: GraphDocument,
    request: Mapping[str, Any],
    earlier: Mapping[str, Any],
    *,
    notes: bool = False,
) -> Stored:
    """Return what storage says of the datasets whose state a run of a request needs; `earlier` is of a resumed run.

    With `notes` it needs its inputs in any case (`dag.meaning.to_ask`).
    """
    return ask_storage(project, to_ask(document, request, earlier, notes=notes), resumed_request(request, earlier))


def ask_storage(
    project: Project, names: Collection[str], request: Mapping[str, Any], patience: float = PATIENCE
) -> Stored:
    """Return what storage says of datasets, in the versions for which a request asks, and of its conf source.

    Each is asked with one request, or for a folder with two more and one for each thousand of its files, 32 at a time.
    """
    with stdout_kept_clean(), silent("kedro.io.catalog_config_resolver"):  # it warns as in `graph.datasets`
        asked = {name: _asking(project, name, version_asked(request, name)) for name in sorted(names)}
        if "://" in (source := request.get("conf_source", "")):
            asked[source_name(source)] = partial(_answer, partial(_look_into, source))
        pool = ThreadPoolExecutor(AT_ONCE)
        answers = {name: pool.submit(ask) for name, ask in asked.items()}
        wait(answers.values(), timeout=max(patience, _PATIENCE_EACH * len(asked)))
        pool.shutdown(wait=False, cancel_futures=True)
    found = {
        name: answer.result() if answer.done() and not answer.cancelled() else late(patience)
        for name, answer in answers.items()
    }
    return Stored(
        {name: one for name, one in found.items() if isinstance(one, Seen)},
        {name: one for name, one in found.items() if isinstance(one, str)},
        frozenset(name for name, one in found.items() if one is None),
    )


def _asking(project: Project, name: str, version: str | None) -> Callable[[], Seen | str | None]:
    """Return what asks for a dataset. Datasets are made one by one: their imports are no place for threads."""
    try:
        return partial(_answer, partial(_look, project.catalog.get(name), version, f"{project.path.as_posix()}/"))
    except Exception as error:  # noqa: BLE001  (whatever a dataset's own code raises, it is told to the user)
        return partial(str, _sentence(error))


def _answer(look: Callable[[], Seen | None]) -> Seen | str | None:
    try:
        return look()
    except (FileNotFoundError, VersionNotFoundError):
        return None
    except _UntoldError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  (as above)
        return _sentence(error)


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _look(dataset: Any, asked: str | None, own_folder: str) -> Seen | None:
    dataset = getattr(dataset, "_dataset", None) or dataset  # inside of a CachedDataset
    filesystem = getattr(dataset, "_fs", None) or getattr(dataset, "_filesystem", None)
    path = getattr(dataset, "_normalized_path", None) or getattr(dataset, "_filepath", None)
    version = None
    if isinstance(dataset, AbstractVersionedDataset) and dataset._version:  # noqa: SLF001  (there is no public door)
        version = asked or dataset.resolve_load_version()
        path = dataset._get_versioned_path(asked) if asked else dataset._get_load_path()  # noqa: SLF001
    if filesystem is None or path is None:
        raise _UntoldError(f"a {type(dataset).__name__} does not say when it was written")
    return _files_at(filesystem, path, version, own_folder)


def _look_into(conf_source: str) -> Seen | None:
    filesystem, path = url_to_fs(conf_source)
    return _files_at(filesystem, path, None, "")


def _files_at(filesystem: Any, path: Any, version: str | None, own_folder: str) -> Seen | None:
    filesystem.invalidate_cache()
    found = {
        name: _followed(filesystem, name) if info.get("islink") else info
        for name, info in filesystem.find(str(path), detail=True).items()
    }
    if not found:
        return None
    whole = filesystem._strip_protocol(str(path))  # noqa: SLF001  (the form of the names it found)
    if [*found] != [whole] and (beside := _beside(filesystem, whole)):
        found[whole] = beside
    files = {name: File(_size(info), _tag(info), _put(info).timestamp()) for name, info in found.items()}
    return seen_of(files, whole, version, own_folder)


def _beside(filesystem: Any, folder: str) -> Mapping[str, Any] | None:
    """Return what is known of an object with the name of a folder, which object stores may have beside it."""
    protocols = [filesystem.protocol] if isinstance(filesystem.protocol, str) else filesystem.protocol
    if _OBJECT_STORES.isdisjoint(protocols):
        return None
    info: Mapping[str, Any] = filesystem.info(folder, refresh=True)
    return info if info["type"] == "file" else None


def _followed(filesystem: Any, link: str) -> Mapping[str, Any]:
    """Return what is known of the file to which a link of a folder leads: the link itself stays as it is."""
    info: Mapping[str, Any] = filesystem.info(link)
    if info["type"] != "file":
        raise _UntoldError(f"its folder has a link, '{PurePath(link).name}', that leads to no file")
    return info


def _size(info: Mapping[str, Any]) -> Any:
    return info.get("size", info.get("Size"))


def _tag(info: Mapping[str, Any]) -> Any:
    """Return the ETag, under its name in S3, Google's and Azure's stores; files have none."""
    return next((info[key] for key in ("ETag", "etag", "md5Hash") if info.get(key)), "")


def _put(info: Mapping[str, Any]) -> datetime:
    """Return when a file got where it is; `created` is when its entry was changed, which nobody sets."""
    moments = [written_at(info), written_at({"mtime": info.get("created")})]
    known = [moment for moment in moments if moment is not None]
    if not known:
        raise _UntoldError("its storage does not say when it was written")
    return max(known)
