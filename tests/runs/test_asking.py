from __future__ import annotations

from dataclasses import replace

import pytest

from dag.errors import InvalidRequestError, NotAllowedError, UnknownRunError
from dag.payload import token
from dag.shards import Mark
from runs.advance import Dispatcher
from runs.asking import payload_of
from runs.plans import Plans
from tests.runs.stage import Stage
from tests.simulation.graphs import document


def started() -> Stage:
    stage = Stage(document([[], [], [], [0]], array_jobs=True))
    stage.start(params={"rate": 2})
    return stage


def test_a_child_of_an_array_learns_its_part_alone_and_may_ask_again() -> None:
    stage = started()
    plan = stage.dispatcher.plan(stage.run_id)
    for _ in range(2):
        told = payload_of(stage.dispatcher, stage.run_id, "0-0a0", token(plan, "0-0a0"), 1)
        assert (told["params"], [group["nodes"] for group in told["groups"]]) == ({"rate": 2}, [("n1",)])


def test_children_have_their_array_read_once_although_its_id_is_not_recorded_yet() -> None:
    stage = started()
    plan = stage.dispatcher.plan(stage.run_id)
    arrays = stage.table._arrays[stage.run_id]
    arrays[Mark(0)] = replace(arrays[Mark(0)], job_id=None)
    reader = Dispatcher(stage.dispatcher.ports, Plans())
    stage.calls.clear()
    told = [payload_of(reader, stage.run_id, "0-0a0", token(plan, "0-0a0"), index) for index in range(3)]
    assert [payload["groups"][0]["nodes"] for payload in told] == [("n0",), ("n1",), ("n2",)]
    assert stage.calls["get_array"] == 1


def test_a_job_of_its_own_learns_what_it_runs() -> None:
    stage = started()
    plan = stage.dispatcher.plan(stage.run_id)
    told = payload_of(stage.dispatcher, stage.run_id, "3-0", token(plan, "3-0"), None)
    assert [group["nodes"] for group in told["groups"]] == [("n3",)]


def test_another_job_s_token_is_none() -> None:
    stage = started()
    plan = stage.dispatcher.plan(stage.run_id)
    for wrong in (token(plan, "1-0"), "", "ü"):
        with pytest.raises(NotAllowedError, match="The token is not that of job '3-0'"):
            payload_of(stage.dispatcher, stage.run_id, "3-0", wrong, None)


def test_an_index_beyond_the_array_and_an_unknown_run_are_refused() -> None:
    stage = started()
    plan = stage.dispatcher.plan(stage.run_id)
    for index in (3, None):
        with pytest.raises(InvalidRequestError, match="has 3 parts, none at index"):
            payload_of(stage.dispatcher, stage.run_id, "0-0a0", token(plan, "0-0a0"), index)
    with pytest.raises(UnknownRunError):
        payload_of(stage.dispatcher, "2020-01-01T00.00.00.000Z", "0-0", "t", None)


def test_an_array_that_nobody_wrote_down_has_no_parts() -> None:
    stage = started()
    plan = stage.dispatcher.plan(stage.run_id)
    with pytest.raises(InvalidRequestError, match="has 0 parts"):
        payload_of(stage.dispatcher, stage.run_id, "0-0a5", token(plan, "0-0a5"), 0)
