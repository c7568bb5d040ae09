"""One run, one world: the configuration in each process of a run, and check's messages about the rest."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kedro_aws_batch._service.dag.document import read_document
from kedro_aws_batch._service.dag.errors import ShapeMismatchError
from kedro_aws_batch._service.dag.preview import plan_of
from kedro_aws_batch._service.dag.shape import fingerprint
from kedro_aws_batch.graph.compile import compile_project
from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.project import open_project

from .commands import call
from .jobs import passed, put, saved, start_job
from .project import CONFIGURATION, REMOTE_CHAIN, Sources, pickled

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[[Sources], Path]

RUN = "2026-11-22T13.11.00.123Z"
CLOCKS = """\
import datetime as dates
import functools
import time
from datetime import date, datetime, timezone
from kedro.config import OmegaConfigLoader

class Day:
    def __call__(self, form):
        return date.today().strftime(form)

def helped(form):
    return _help().strftime(form)

def _help():
    return datetime.now(timezone.utc)

CONFIG_LOADER_ARGS = {"base_env": "base", "default_run_env": "local", "custom_resolvers": {
    "now": lambda form: datetime.now().strftime(form),
    "module": lambda: dates.datetime.now(dates.timezone.utc).isoformat(),
    "day": Day(),
    "partial": functools.partial(helped, "%Y %H"),
    "seconds": lambda: time.time(),
    "told": lambda form: time.strftime(form, time.gmtime()),
    "kind": lambda: isinstance(datetime.now(), datetime) and isinstance(date.today(), date),
    "given": lambda: datetime(2020, 1, 1).isoformat(),
}}
"""
READ = {
    "now": "${now:%Y}",
    "module": "${module:}",
    "day": "${day:%Y}",
    "partial": "${partial:}",
    "seconds": "${seconds:}",
    "told": "${told:%Y-%m-%d %H:%M:%S}",
    "kind": "${kind:}",
    "given": "${given:}",
    "run": "${runtime_params:aws_batch.run_id,none} ${runtime_params:aws_batch.run_date}",
}


@pytest.fixture(autouse=True)
def _no_resolvers() -> Any:
    """Kedro registers a resolver once a process, whichever project it is of."""
    from omegaconf import OmegaConf  # noqa: PLC0415

    OmegaConf.clear_resolvers()
    yield
    OmegaConf.clear_resolvers()


def checked(project: Path) -> Any:
    """Return check's output for a project, as JSON."""
    before = Path.cwd()
    os.chdir(project)
    try:
        return json.loads(call("check", "--json").stdout)
    finally:
        os.chdir(before)


def test_resolvers_that_read_the_clock_read_the_moment_at_which_the_run_began(make_project: Make) -> None:
    project = open_project(Opening(path=make_project(Sources(settings=CLOCKS, parameters=READ)), run_id=RUN))
    found = {key: value for key, value in project.parameters.items() if key != "aws_batch"}
    assert found == {
        "now": "2026",
        "module": "2026-11-22T13:11:00.123000+00:00",
        "day": "2026",
        "partial": "2026 13",
        "seconds": 1795353060.123,
        "told": "2026-11-22 13:11:00",
        "kind": True,
        "given": "2020-01-01T00:00:00",
        "run": f"{RUN} 2026-11-22",
    }
    assert abs(time.time() - datetime.now(timezone.utc).timestamp()) < 60


def test_a_job_resolves_paths_by_the_clock_and_the_id_of_its_run(make_project: Make) -> None:
    clock = '${now:"%Y-%m-%dT%H.%M.%S.%f"}'
    project = make_project(
        Sources(
            settings=CLOCKS,
            catalog={
                "raw": pickled("data/${runtime_params:aws_batch.run_date}/raw.pkl"),
                "middle": pickled(f"data/{clock}/middle.pkl"),
                "final": pickled("data/${runtime_params:aws_batch.run_id}/final.pkl"),
            },
        )
    )
    put(project / "data/2026-11-22/raw.pkl", 7)
    for name in ("first", "second"):
        passed(start_job(project, [name]))
    assert saved(project / f"data/{RUN}/final.pkl") == 7


#: What to do about what differs between two openings.
FROM_THE_RUN = (
    "Take it from the run, as ${runtime_params:aws_batch.run_id} or, for its day, "
    "${runtime_params:aws_batch.run_date}; or let the nodes share a job."
)


def test_check_names_what_differs_between_two_openings_and_not_what_the_run_settles(make_project: Make) -> None:
    project = make_project(
        Sources(
            settings="""
            import os, platform, socket, uuid
            from datetime import date, datetime
            from time import strftime

            DAY, YEAR = date.today().isoformat(), strftime("%Y")
            GIVEN = date(2020, 1, 1).isoformat()

            def hidden():
                from datetime import date
                return date.today().isoformat()

            CONFIG_LOADER_ARGS = {"base_env": "base", "default_run_env": "local", "custom_resolvers": {
                "now": lambda form: datetime.now().strftime(form), "uuid": lambda: uuid.uuid4().hex,
                "pid": os.getpid, "hidden": hidden, "day": lambda: DAY, "year": lambda: YEAR, "given": lambda: GIVEN,
                "name": lambda: socket.gethostname(), "node": platform.node, "uname": lambda: os.uname().nodename,
                "host": lambda: os.environ.get("HOSTNAME", "here"),
            }}
            """,
            registry="""
            def register_pipelines():
                return {"__default__": pipeline([
                    node(same, "raw", "middle", name="first"),
                    node(pair, ["middle", "table", "params:seed"], "next", name="second"),
                    node(pair, ["next", "table", "params:seed"], "final", name="third"),
                ])}
            """,
            catalog={
                "raw": pickled("s3://bucket/${uuid:}/raw.pkl"),
                "middle": pickled("s3://bucket/${hidden:}/middle.pkl", fs_args={"x": "${host:}"}),
                "table": pickled(
                    "s3://bucket/table.pkl",
                    fs_args=dict.fromkeys(("given", "now"), "${given:} ${now:%Y}")
                    | {name: f"${{{name}:}}" for name in ("day", "year", "name", "node", "uname")},
                ),
                "next": pickled("s3://bucket/${now:%H%M%S%f}/next.pkl", credentials={"key": "${uuid:}"}),
                "final": pickled("s3://bucket/${pid:}/final.pkl"),
            },
            parameters={"seed": "${pid:}", "unused": "${uuid:}"},
        )
    )
    varies = "differs in each process, or at another time"
    others = f"{varies}, and 'second', 'third' run in several."
    told = checked(project)
    assert [(each["where"], each["what"], each["to_do"]) for each in told["problems"]] == [
        (
            "dataset 'middle'",
            f"its 'filepath', 'fs_args.x' {varies}, and 'first', 'second' run in several.",
            FROM_THE_RUN,
        ),
        (
            "dataset 'table'",
            f"its 'fs_args.day', 'fs_args.name', 'fs_args.node', 'fs_args.uname', 'fs_args.year' {others}",
            FROM_THE_RUN,
        ),
        (
            "parameter 'seed'",
            f"{varies}, and 'second', 'third' run in several.",
            FROM_THE_RUN,
        ),
    ]


def test_a_project_whose_nodes_are_another_s_in_another_process_is_told_of(make_project: Make) -> None:
    project = make_project(
        Sources(
            registry="""
            import uuid
            def register_pipelines():
                return {"__default__": pipeline([node(same, "raw", "final", name=f"n{uuid.uuid4().hex}")])}
            """,
            catalog=REMOTE_CHAIN,
        )
    )
    told = checked(project)
    assert {re.sub("n[0-9a-f]{32}", "n", each["where"]) for each in told["problems"]} == {"node 'n'"}


def test_a_project_that_opens_in_one_process_alone_is_told_of(make_project: Make) -> None:
    project = make_project(
        Sources(
            registry="""
            import os
            def register_pipelines():
                assert "HOSTNAME_OF_TEST" in os.environ or os.environ.get("AWS_BATCH_JOB_ID") is None, "only here"
                return {"__default__": pipeline([node(same, "raw", "final", name="one")])}
            """,
            catalog=REMOTE_CHAIN,
        )
    )
    told = checked(project)
    assert [(each["where"], each["warning"]) for each in told["problems"]] == [("the project", True)]
    assert "only here" in told["problems"][0]["what"]


def test_jobs_that_run_plain_kedro_have_no_world_of_their_own_and_check_says_so(make_project: Make) -> None:
    project = make_project(
        Sources(
            settings=CLOCKS,
            configuration={**CONFIGURATION, "job_command": "kedro-run"},
            catalog={
                "raw": pickled("s3://bucket/raw.pkl"),
                "middle": pickled("s3://bucket/${now:%Y}/${runtime_params:aws_batch.run_id,none}/middle.pkl"),
                "final": pickled("s3://bucket/final.pkl"),
            },
        )
    )
    assert [each["where"] for each in checked(project)["problems"]] == ["dataset 'middle'"]


def test_what_varies_in_one_job_alone_is_no_problem(make_project: Make) -> None:
    project = make_project(
        Sources(
            settings="import uuid\nCONFIG_LOADER_ARGS = {'base_env': 'base', 'default_run_env': 'local', "
            "'custom_resolvers': {'uuid': lambda: uuid.uuid4().hex}}",
            catalog={**REMOTE_CHAIN, "final": pickled("s3://bucket/${uuid:}/final.pkl")},
        )
    )
    assert checked(project)["problems"] == []


SHAPED = Sources(
    configuration={**CONFIGURATION, "job_queue": "${runtime_params:queue,main_queue}"},
    parameters={"rate": "${runtime_params:rate,1}"},
    catalog={
        "raw": pickled("s3://${runtime_params:bucket,usual}/${runtime_params:day}/raw.pkl"),
        "middle": {**pickled("s3://b/middle.pkl"), "type": "${runtime_params:engine,pickle}.PickleDataset"},
        "final": pickled("s3://b/final.pkl", versioned="${runtime_params:keep,false}"),
    },
)


def shaped_by(project: Path, **params: Any) -> Any:
    return compile_project(open_project(Opening(path=project, params=params))).document.get("shaped_by")


def test_kedro_s_warnings_of_what_only_we_ask_are_not_shown(
    make_project: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, shown = make_project(SHAPED), list[logging.LogRecord]()
    opened = open_project(Opening(path=project))
    monkeypatch.setattr(logging.getLogger("kedro.io.catalog_config_resolver"), "handle", shown.append)
    assert "shaped_by" in compile_project(opened).document
    assert shown == []


def test_a_graph_says_which_runtime_parameters_its_shape_depends_on(make_project: Make) -> None:
    project = make_project(SHAPED)
    usual = {
        "engine": [fingerprint("pickle"), None],
        "keep": [fingerprint(False), None],
        "queue": [fingerprint("main_queue"), None],
    }
    assert {name: set(held) for name, held in shaped_by(project, day=1).items()} == {
        name: set(held) for name, held in usual.items()
    }
    assert (
        shaped_by(project, day=2, bucket="other", rate=3) == shaped_by(project) == shaped_by(project, engine="pickle")
    )
    assert shaped_by(project, queue="large")["queue"] == [fingerprint("large")]
    assert shaped_by(make_project(Sources(catalog=REMOTE_CHAIN))) is None


def test_the_service_refuses_parameters_that_mean_another_graph_and_takes_the_rest(make_project: Make) -> None:
    project = make_project(SHAPED)
    compiled = compile_project(open_project(Opening(path=project)))
    document = read_document(json.dumps(compiled.document))
    plan = plan_of(document, {"params": {"day": "monday", "bucket": "other", "queue": "main_queue"}})
    assert plan.params["day"] == "monday"
    with pytest.raises(ShapeMismatchError, match=r"'engine' changes the catalog .* Leave it out, or deploy"):
        plan_of(document, {"params": {"engine": "pandas"}})
    other = compile_project(open_project(Opening(path=project, params={"queue": "large"}))).document
    with pytest.raises(ShapeMismatchError, match=r"'queue' .* Give it the value that the graph was compiled with"):
        plan_of(read_document(json.dumps(other)), {})
