"""Libraries that are imported once for several processes, which are forked after that.

Imports of NumPy, pandas and others are most of what a small group costs. A fork copies only the thread that forks, with
the locks of all others as they are, so a process may share what it has imported only as long as it has one thread:

- OpenBLAS starts its threads as NumPy or SciPy is imported, and calls of it have hung after forks
  (OpenMathLib/OpenBLAS#5520). It starts none if it is told to use one; each process then gives it its usual number.
- jemalloc, which comes with PyArrow, has one. It stops it before a fork, and goes without it in the child.
- A process with any other thread, or with a new open file, is not forked.

NumPy seeds its global generator at import. So each process seeds it anew, or all of them would draw the same numbers.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .setting import variable_set

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: Libraries whose import is the same in whichever process it happens: it opens nothing, and starts no thread but those
#: above. The project's own modules, and what is not known here, are imported by each process.
_LIBRARIES = frozenset(
    {
        "PIL", "aiobotocore", "boto3", "botocore", "fsspec", "joblib", "matplotlib", "numpy", "openpyxl", "pandas",
        "plotly", "pyarrow", "s3fs", "scipy", "seaborn", "sklearn", "threadpoolctl",
    }
)  # fmt: skip
#: Of kedro-datasets, those that need no other library than these.
_DATASETS = tuple(
    f"kedro_datasets.{name}"
    for name in (
        "json", "matplotlib", "pandas.csv_dataset", "pandas.excel_dataset", "pandas.feather_dataset",
        "pandas.generic_dataset", "pandas.json_dataset", "pandas.parquet_dataset", "partitions", "pickle", "pillow",
        "plotly", "text", "yaml",
    )
)  # fmt: skip
#: Beginnings of the variables by which these libraries are set as they are imported.
_SETTINGS = (
    "ARROW_", "AWS_", "BLIS_", "BOTO_", "FSSPEC_", "GOTO_", "JOBLIB_", "KMP_", "LOKY_", "MKL_", "MPL", "NPY_",
    "NUMEXPR_", "NUMPY_", "OMP_", "OPENBLAS_", "OPENPYXL_", "PANDAS_", "PILLOW_", "PLOTLY_", "S3FS_",
    "SCIPY_", "SKLEARN_", "XDG_",
)  # fmt: skip
#: Of these, the ones that threadpoolctl and scikit-learn set themselves.
_THEIR_OWN = frozenset({"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"})
#: The variables that say how many threads OpenBLAS has, the first of them that is set; else it has one a core.
_THREADS = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
#: Threads that need no care, by their names in proc(5).
_CAREFREE = frozenset({"jemalloc_bg_thd"})
#: Parts of the names of imported modules: deeper ones come with these.
_DEPTH = 3


def settings() -> dict[str, str]:
    """Return the environment's variables that these libraries read as they are imported."""
    return {name: value for name, value in os.environ.items() if name.startswith(_SETTINGS) and name not in _THEIR_OWN}


def imported(before: Mapping[str, str]) -> list[str]:
    """Return the modules of these libraries that this process has imported; none if their settings were others then."""
    if settings() != before:
        return []
    return sorted(name for name in sys.modules if _is_shared(name) and name.count(".") < _DEPTH)


def import_shared(names: Iterable[str]) -> bool:
    """Import modules of these libraries, and return whether this process may be forked after that.

    If not, it is of no use: it has imported what nobody can take back. Modules that can't be imported are left out, and
    left to those who need them.
    """
    if sys.platform != "linux":
        return False
    files = _open_files()
    with variable_set(_THREADS[0], "1"), _no_warnings_shown():
        for name in filter(_is_shared, names):
            with suppress(Exception):
                importlib.import_module(name)
    gc.collect()
    gc.freeze()
    return _threads() == 1 and _open_files() == files


def set_apart() -> None:
    """Make this process, a fork of one that has imported these libraries, what it would be if it had done so itself."""
    if (random := sys.modules.get("numpy.random")) is not None:
        random.seed()
    if "numpy" in sys.modules and (wanted := _usual_threads()) > 1:
        pools = importlib.import_module("threadpoolctl").ThreadpoolController()
        pools.select(internal_api="openblas").limit(limits=wanted)


def _is_shared(module: str) -> bool:
    inside = f"{module}."
    return module.partition(".")[0] in _LIBRARIES or any(inside.startswith(f"{name}.") for name in _DATASETS)


def _usual_threads() -> int:
    """Return how many threads OpenBLAS would start here: as many as it is told, but no more than there are cores."""
    cores = len(os.sched_getaffinity(0))
    for name in _THREADS:
        with suppress(KeyError, ValueError):
            if (told := int(os.environ[name])) > 0:
                return min(told, cores)
    return cores


@contextmanager
def _no_warnings_shown() -> Iterator[None]:
    """Show no warnings: who imported the libraries first has shown them. The filters that libraries add stay."""
    before = warnings.showwarning
    warnings.showwarning = lambda *_, **__: None
    try:
        yield
    finally:
        warnings.showwarning = before


def _threads() -> int:
    """Return how many threads this process has that a fork would not copy properly, and itself."""
    names = [task.read_text(encoding="utf-8").strip() for task in Path("/proc/self/task").glob("*/comm")]
    return sum(name not in _CAREFREE for name in names)


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
