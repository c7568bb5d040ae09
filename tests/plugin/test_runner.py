"""`kedro run --runner=kedro_aws_batch.AWSBatchRunner`, called like a user does, against a deployed service."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from kedro.framework.cli.project import run as kedro_run

from kedro_aws_batch import AWSBatchRunner

from .deployed import deployed, interrupt_when

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.forking import Interpreter

    from .deployed import Deployed

HAS_RUNNER_PARAMS = any(option.name == "runner_params" for option in kedro_run.params)
RUN = ("run", "--env=aws_batch", "--runner=kedro_aws_batch.AWSBatchRunner")


@pytest.fixture
def there(tmp_path: Path, interpreter: Interpreter) -> Iterator[Deployed]:
    with deployed(tmp_path, interpreter=interpreter) as service:
        yield service


def id_in(output: str) -> str:
    found = re.search(r"^Run (\S+): ", output, re.MULTILINE)
    assert found, output
    return found[1]


def test_a_run_does_what_was_selected_and_ends_as_kedro_s_own(there: Deployed) -> None:
    options = ["--runner-params=description=half,max_workers=1"] if HAS_RUNNER_PARAMS else []
    part = replace(there, interpreter=None).call(*RUN, "--to-nodes=second", "--params=way=a;b", *options)
    assert part.returncode == 0, part.stdout + part.stderr
    assert "Completed 2 out of 2 tasks" in part.stdout
    assert there.stored() == {"middle.pkl", "final.pkl"}
    state = there.ended(id_in(part.stdout))
    asked = ("half", 1) if HAS_RUNNER_PARAMS else (None, None)
    assert (state.description, state.max_workers, state.nodes_total) == (*asked, 2)
    assert state.request["params"] == {"way": "a;b"}
    missing = there.call(*RUN, "--only-missing-outputs")
    assert "Completed 1 out of 1 tasks" in missing.stdout, missing.stdout + missing.stderr
    again = there.call(*RUN, "--only-missing-outputs")
    assert (again.returncode, "All outputs exist: nothing to run." in again.stdout) == (0, True)


def test_a_failure_says_why_and_from_where_to_go_on(there: Deployed) -> None:
    failed = there.call(*RUN, "--params=way=fail")
    run_id = id_in(failed.stdout)
    assert failed.returncode == 1
    assert re.search(r"^second FAILED: RuntimeError: .* \(pipeline_registry.py:\d+\)$", failed.stdout, re.MULTILINE)
    assert "  RuntimeError: it went wrong\n" in failed.stdout
    assert f"To resume it: kedro aws-batch resume {run_id}\n" in failed.stdout
    assert "Completed 1 out of 3 tasks\n" in failed.stdout

    before = there.stored()
    replayed = there.call("aws-batch", "replay", "second", "--pdb")
    assert replayed.returncode == 1
    assert "(Pdb)" in replayed.stdout
    assert re.search(
        r"^Replaying 'second' of run \S+, where it FAILED: RuntimeError: it went wrong \(pipeline_registry.py:\d+\)$",
        replayed.stderr,
        re.MULTILINE,
    )
    assert 'Failed in "second": RuntimeError: it went wrong' in replayed.stderr
    assert there.stored() == before

    there.aws.client("batch").update_job_queue(jobQueue=there.aws.job_queue, state="DISABLED")
    refused = there.call(*RUN)
    assert (refused.returncode, "Traceback" in refused.stdout + refused.stderr) == (1, False)
    assert refused.stderr.splitlines()[-1].startswith("Error: No run was started. The job queue 'main_queue' is DISABL")
    assert '  --from-nodes "second"\n' in failed.stdout
    assert failed.stderr.startswith(f"Error: Run {run_id} FAILED")


def test_what_a_run_may_not_set_is_refused_in_the_service_s_words(there: Deployed) -> None:
    refused = there.call(*RUN, "--params=aws_batch.resources.default.environment.PATH=x")
    assert (refused.returncode, "'PATH' is not a variable that a run may set." in refused.stderr) == (1, True)
    assert there.service.list_runs() == []


def test_a_project_that_is_not_what_was_deployed_is_refused_with_what_differs(there: Deployed) -> None:
    registry = next(there.project.glob("src/*/pipeline_registry.py"))
    registry.write_text(registry.read_text().replace('name="third"', 'name="fourth"'))
    drifted = there.call(*RUN, "--to-nodes=first")
    assert drifted.returncode == 1
    assert drifted.stderr == (
        "Error: This project is not what was deployed: node 'fourth' added; node 'third' removed. "
        "Deploy again, or check out what was deployed.\n"
    )
    assert there.service.list_runs() == []


def test_ctrl_c_leaves_the_run_which_goes_on(there: Deployed) -> None:
    with there.calling(*RUN, "--params=way=sleep") as process:
        output = interrupt_when(process, there.project / "shared/sleeping")
    run_id = id_in(output)
    assert process.returncode == 130, output
    assert f"Detached: the run goes on.\n  to return to it:  kedro aws-batch status {run_id} --watch\n" in output
    assert f"  to cancel it:     kedro aws-batch cancel {run_id}\n" in output
    (there.project / "shared/wake").touch()
    assert there.ended(run_id).status == "SUCCEEDED"


@pytest.mark.skipif(not HAS_RUNNER_PARAMS, reason="kedro run has no --runner-params before Kedro 1.6")
def test_detached_it_returns_when_the_run_is_started(there: Deployed) -> None:
    detached = there.call(*RUN, "--params=way=sleep", "--runner-params=detach=True")
    assert detached.returncode == 0, detached.stdout + detached.stderr
    assert f"kedro aws-batch status {id_in(detached.stdout)} --watch" in detached.stdout
    there.service.cancel_run(id_in(detached.stdout))


@pytest.mark.parametrize(
    ("options", "message"), [({"detatch": True}, "Did you mean 'detach'?"), ({"x": 1}, "There are: ")]
)
def test_a_runner_parameter_that_does_not_exist_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception, match=r"AWSBatchRunner has no parameter") as raised:
        AWSBatchRunner(**options)
    assert message in str(raised.value)
