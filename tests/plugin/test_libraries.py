"""Libraries that a container imports once for its further groups: what each process sees of them is as if it had."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kedro_aws_batch.container import libraries

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is shared")

#: Forks twice after an import, and prints what both have seen.
FORKS = """
import json, os, sys
from kedro_aws_batch.container.libraries import import_shared, set_apart

def apart(work):
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, json.dumps(work()).encode())
        os._exit(0)
    os.wait()
    return json.loads(os.read(reading, 10_000))

def seen():
    set_apart()
    import numpy, scipy.linalg, threadpoolctl
    square = numpy.ones((300, 300))
    return [float((square @ square).sum()), numpy.random.rand(), threads(threadpoolctl)]

def threads(threadpoolctl):
    return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["internal_api"] == "openblas"]

names = ["numpy.random", "scipy.linalg", "pandas", "pyarrow", "no.such.module", "scipy.nothing"]
fit = import_shared(names) if {shared} else True
print(json.dumps([fit, "pandas" in sys.modules, "OPENBLAS_NUM_THREADS" in os.environ, apart(seen), apart(seen)]))
"""


def printed(script: str, environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Any:
    environment = {"PATH": "", "PYTHONPATH": str(folder or ""), **(environment or {})}
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=folder,
        timeout=120,
    )
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "environment",
    [{}, {"OMP_NUM_THREADS": "3"}, {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "3"}, {"OMP_NUM_THREADS": "1"}],
    ids=lambda environment: " ".join(environment) or "none",
)
def test_a_fork_computes_with_as_many_threads_as_a_process_that_imports_for_itself(environment: dict[str, str]) -> None:
    fit, has_pandas, is_set, first, second = printed(FORKS.replace("{shared}", "True"), environment)
    assert (fit, has_pandas) == (True, True)
    assert is_set is ("OPENBLAS_NUM_THREADS" in environment)
    alone = printed(FORKS.replace("{shared}", "False"), environment)[3]
    assert alone[2]
    assert first[2] == second[2] == alone[2]
    assert first[0] == second[0] == alone[0] == 300**3


def test_forks_draw_different_numbers() -> None:
    *_, first, second = printed(FORKS.replace("{shared}", "True"))
    assert first[1] != second[1]


#: What an import does → whether the process may be forked after it.
IMPORTS = {
    "value = 1": True,
    "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()": False,
    "import socket; opened = socket.socket()": False,
    "raise SyntaxError('not for this Python')": True,
}


@pytest.mark.parametrize(("does", "fit"), IMPORTS.items(), ids=list(IMPORTS))
def test_a_process_with_a_thread_or_an_open_file_of_an_import_may_not_be_forked(
    tmp_path: Path, does: str, fit: bool
) -> None:
    (tmp_path / "plotly.py").write_text(does, encoding="utf-8")
    script = """
    import json, sys
    from kedro_aws_batch.container.libraries import import_shared
    print(json.dumps([import_shared(["plotly"]), "plotly" in sys.modules]))
    """
    assert printed(script, folder=tmp_path) == [fit, not does.startswith("raise")]


def test_the_filters_of_warnings_that_libraries_add_stay_and_their_warnings_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "plotly.py").write_text(
        "import warnings\nwarnings.warn('shown by the first')\nwarnings.simplefilter('always', ResourceWarning)\n",
        encoding="utf-8",
    )
    script = """
    import contextlib, io, json, warnings
    from kedro_aws_batch.container.libraries import import_shared
    import_shared(["numpy"])  # what numpy warns of is not of interest
    before = [*warnings.filters]
    with contextlib.redirect_stderr(io.StringIO()) as shown:
        import_shared(["plotly"])
    at_import = shown.getvalue()
    with contextlib.redirect_stderr(shown):
        for _ in range(2):
            warnings.warn("left open", ResourceWarning)
    print(json.dumps([at_import, shown.getvalue().count("left open"), warnings.filters[1:] == before]))
    """
    assert printed(script, folder=tmp_path) == ["", 2, True]


def test_only_known_libraries_are_imported(tmp_path: Path) -> None:
    (tmp_path / "project.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    script = """
    import json
    from kedro_aws_batch.container.libraries import import_shared
    print(json.dumps(import_shared(["project", "kedro_datasets.polars", "kedro_datasets.pandas.sql_dataset"])))
    """
    assert printed(script, folder=tmp_path) is True


def test_what_was_imported_is_told_of_known_libraries_only(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = ["numpy", "pandas.core.frame", "kedro_datasets.pandas.csv_dataset", "kedro_datasets.pickle.pickle_dataset"]
    left = ["project", "pandas.core.arrays.base", "numpylike", "kedro_datasets.spark.spark_dataset", "torch"]
    monkeypatch.setattr(sys, "modules", dict.fromkeys([*kept, *left]))
    assert libraries.imported(libraries.settings()) == sorted(kept)


def test_that_libraries_are_imported_changes_no_settings() -> None:
    script = """
    import json
    from kedro_aws_batch.container import libraries
    before = libraries.settings()
    assert libraries.import_shared(sorted(libraries._LIBRARIES))
    print(json.dumps(libraries.imported(before)))
    """
    assert {"numpy", "pandas", "pyarrow", "s3fs", "sklearn", "threadpoolctl"} <= {*printed(script)}


@pytest.mark.parametrize(
    "name", ["OMP_NUM_THREADS", "MPLBACKEND", "PANDAS_COPY_ON_WRITE", "PLOTLY_RENDERER", "S3FS_LOGGING_LEVEL"]
)
def test_nothing_is_shared_if_the_project_has_changed_how_libraries_are_imported(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = libraries.settings()
    monkeypatch.setitem(sys.modules, "numpy", sys)
    assert "numpy" in libraries.imported(before)
    monkeypatch.setenv(name, "7")
    assert libraries.imported(before) == []
