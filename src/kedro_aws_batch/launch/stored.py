"""When inputs that no node makes were last written: a resumed run repeats what read them before that.

Nobody can set when an object was put into an object store. A file's time can be set, but not when its entry was last
changed. What is neither, such as a table, doesn't tell.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from kedro.io import AbstractVersionedDataset
from kedro.io.core import VersionNotFoundError

from kedro_aws_batch.moment import Moment
from kedro_aws_batch.quiet import stdout_kept_clean
from kedro_aws_batch.world.versions import written_at

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from kedro_aws_batch.graph.project import Project

_AT_ONCE = 16
#: Seconds for all of them together.
PATIENCE = 20.0
#: So many inputs that don't tell are named.
_NAMED = 5


class _UntoldError(Exception):
    """A dataset doesn't say when it was written; the message says why."""


@dataclass(frozen=True)
class Stored:
    """What storage says of inputs."""

    #: Dataset → when it was last written, in the form of a run's id.
    written: Mapping[str, str] = field(default_factory=dict)
    untold: Mapping[str, str] = field(default_factory=dict)  #: dataset → why it can't be told

    def request(self) -> dict[str, Any]:
        """Return the fields of a request to start_run."""
        return {"inputs_written": dict(self.written)} if self.written else {}

    def notes(self) -> list[str]:
        """Return lines that name the inputs of which it can't be told."""
        told = [f"'{name}': {why}" for name, why in sorted(self.untold.items())]
        more = [f"and {len(told) - _NAMED} more"] if len(told) > _NAMED else []
        if not told:
            return []
        head = (
            "It can't be told whether these inputs have changed since. What has read them is taken over; if they have"
        )
        return [f"{head} changed, start a new run.", *(f"  {line}" for line in (*told[:_NAMED], *more))]


def written_since(project: Project, names: Collection[str], note: Callable[[str], None]) -> dict[str, Any]:
    """Return what a request to resume a run says of these inputs. Notes those of which it can't be told."""
    stored = last_written(project, names)
    for sentence in stored.notes():
        note(sentence)
    return stored.request()


def last_written(project: Project, names: Collection[str], patience: float = PATIENCE) -> Stored:
    """Return when datasets were last written. One that isn't there is left out.

    Each is asked with one request, or one for each thousand of its files, sixteen at a time.
    """
    with stdout_kept_clean():
        asked = {name: _asking(project, name) for name in sorted(names)}
        pool = ThreadPoolExecutor(_AT_ONCE)
        answers = {name: pool.submit(ask) for name, ask in asked.items()}
        wait(answers.values(), timeout=patience)
        pool.shutdown(wait=False, cancel_futures=True)
    late = f"its storage hasn't answered within {patience:g} s"
    found = {
        name: answer.result() if answer.done() and not answer.cancelled() else late for name, answer in answers.items()
    }
    return Stored(
        {name: Moment.of(one).run_id for name, one in found.items() if one is not None and not isinstance(one, str)},
        {name: one for name, one in found.items() if isinstance(one, str)},
    )


def _asking(project: Project, name: str) -> Callable[[], datetime | str | None]:
    """Return what asks for a dataset's time. Datasets are made one by one: their imports are no place for threads."""
    try:
        return partial(_answer, project.catalog.get(name))
    except Exception as error:  # noqa: BLE001  (whatever a dataset's own code raises, it is told to the user)
        return partial(str, _sentence(error))


def _answer(dataset: Any) -> datetime | str | None:
    try:
        return _look(dataset)
    except (FileNotFoundError, VersionNotFoundError):
        return None
    except _UntoldError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  (as above)
        return _sentence(error)


def _sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _look(dataset: Any) -> datetime | None:
    dataset = getattr(dataset, "_dataset", None) or dataset  # inside of a CachedDataset
    filesystem = getattr(dataset, "_fs", None) or getattr(dataset, "_filesystem", None)
    path = getattr(dataset, "_normalized_path", None) or getattr(dataset, "_filepath", None)
    if isinstance(dataset, AbstractVersionedDataset) and dataset._version:  # noqa: SLF001  (there is no public door)
        path = dataset._get_load_path()  # noqa: SLF001
    if filesystem is None or path is None:
        raise _UntoldError(f"a {type(dataset).__name__} does not say when it was written")
    filesystem.invalidate_cache()
    moments = [_put(info) for info in filesystem.find(str(path), detail=True).values()]
    return max(moments, default=None)


def _put(info: Mapping[str, Any]) -> datetime:
    """Return when a file got where it is; `created` is when its entry was changed, which nobody sets."""
    moments = [written_at(info), written_at({"mtime": info.get("created")})]
    known = [moment for moment in moments if moment is not None]
    if not known:
        raise _UntoldError("its storage does not say when it was written")
    return max(known)
