"""`aws_batch` in the parameters, of a project and of a run: every mistake at once."""

from __future__ import annotations

from typing import Any

import pytest

from dag.configuration import RUN, Configuration, read_configuration, read_overrides
from dag.layers import Layers

WRONG: list[tuple[Any, list[str]]] = [
    (5, [": must contain keys and values, not 5."]),
    ({"max_worker": 5}, [".max_worker: is not a known key. Did you mean 'max_workers'?"]),
    ({"max_workers": True}, [".max_workers: must be a whole number from 1 to 1000000, not True."]),
    (
        {"on_failure": "abrot", "array_jobs": "no", "group_by": "memory"},
        [
            ".on_failure: must be one of abort, drain, continue, not 'abrot'. Did you mean 'abort'?",
            ".array_jobs: must be true or false, not 'no'.",
            ".group_by: must be a list of 'memory', 'namespace' and 'tag:<name>', not 'memory'.",
        ],
    ),
    ({"group_by": ["memroy"]}, [
        ".group_by: knows 'memory', 'namespace' and 'tag:<name>', not 'memroy'. Did you mean 'memory'?"
    ]),
    ({"job_queue": "arn:q"}, [
        (
            ".job_queue: must be 1 to 128 letters, digits, '-' and '_', a letter or digit first, "
            "not 'arn:q' (give the name, not the ARN)."
        )
    ]),
    ({"job_definition": "-x"}, [
        ".job_definition: must be 1 to 128 letters, digits, '-' and '_', a letter or digit first, not '-x'."
    ]),
    *(
        ({"memory_retry": value}, [
            f".memory_retry: must be like {{factor: 2, max: 32000}}: a factor above 1, and the most MiB, not {value!r}."
        ])
        for value in (5, {"factor": 2}, {"factor": 1, "max": 5}, {"factor": "2", "max": 5}, {"factor": 2, "max": 2.5})
    ),
    ({"resources": {"default": {"timeout": 2**31, "vcpus": 1e300, "memory": 2**31 - 1}}}, [
        ".resources.default.timeout: must be at most 2147483647, not 2147483648.",
        ".resources.default.vcpus: must be at most 2147483647, not 1e+300.",
    ]),
    ({"resources": []}, [".resources: must contain keys and values, not []."]),
    ({"resources": {"tag": {}}}, [".resources.tag: is not a known key. Did you mean 'tags'?"]),
    ({"resources": {"default": 5}}, [".resources.default: must contain keys and values, not 5."]),
    ({"resources": {"tags": ["gpu"]}}, [".resources.tags: must contain keys and values, not ['gpu']."]),
    ({"resources": {"tags": {"gpu": "much"}}}, [".resources.tags.gpu: must contain keys and values, not 'much'."]),
    ({"resources": {"default": {"memroy": 1}}}, [
        ".resources.default.memroy: is not a known key. Did you mean 'memory'?"
    ]),
    (
        {"resources": {"nodes": {"a.b": {"memory": "4 GB", "vcpus": float("inf")}}}},
        [
            ".resources.nodes.a.b.memory: must be a whole number of MiB, at least 4, not '4 GB'.",
            ".resources.nodes.a.b.vcpus: must be a number above 0, not inf.",
        ],
    ),
    ({"resources": {"default": {"environment": {"AWS_BATCH_X": "1"}}}}, [
        ".resources.default.environment: has 'AWS_BATCH_X': AWS Batch keeps names that begin with AWS_BATCH to itself."
    ]),
    ({"resources": {"default": {"environment": {"KEDRO_AWS_BATCH_JOB": "{}"}}}}, [
        ".resources.default.environment: has 'KEDRO_AWS_BATCH_JOB', which holds a job's payload."
    ]),
    ({"resources": {"default": {"share_identifier": "team-a"}}}, [
        ".resources.default.share_identifier: must be letters and digits, not 'team-a'."
    ]),
]  # fmt: skip
PLACE = {"job_queue": "queue", "job_definition": "definition"}


@pytest.mark.parametrize(("value", "wrong"), WRONG)
def test_what_is_wrong_in_a_run_s_parameters_is_all_told(value: Any, wrong: list[str]) -> None:
    _, problems = read_overrides({"aws_batch": value})
    assert [str(problem) for problem in problems] == [f"params.aws_batch{text}" for text in wrong]


@pytest.mark.parametrize(("value", "wrong"), WRONG)
def test_it_is_told_in_the_same_words_in_a_project_s(value: Any, wrong: list[str]) -> None:
    _, problems = read_configuration({**PLACE, **value} if isinstance(value, dict) else value, RUN, "here")
    assert [str(problem) for problem in problems] == [f"here{text}" for text in wrong]


def test_a_project_has_to_name_a_queue_and_a_definition() -> None:
    for nothing in (None, dict[str, Any]()):
        assert [str(problem) for problem in read_configuration(nothing, RUN, "here")[1]] == [
            "here: is missing. Add it, with at least job_queue and job_definition."
        ]
    assert [str(problem) for problem in read_configuration({"job_queue": None}, RUN, "here")[1]] == [
        "here.job_queue: is missing. Name the job queue to submit to.",
        "here.job_definition: is missing. Name the job definition to submit to.",
    ]


def test_a_run_may_say_nothing_and_can_t_take_its_queue_or_change_what_machines_there_are() -> None:
    nothing = Configuration({}, Layers())
    assert read_overrides({}) == read_overrides({"aws_batch": None}) == (nothing, [])
    assert [
        str(problem)
        for problem in read_overrides({"aws_batch": {"job_queue": None, "launch_type": "EC2", "job_command": "job"}})[1]
    ] == [
        "params.aws_batch.job_queue: is missing. Name the job queue to submit to.",
        "params.aws_batch.launch_type: can't be changed for one run.",
        "params.aws_batch.job_command: can't be changed for one run.",
    ]


def test_null_stands_for_the_default() -> None:
    nulls = dict.fromkeys(("max_workers", "group_by", "array_jobs", "on_failure", "memory_retry"))
    assert read_overrides({"aws_batch": nulls})[0].settings == {key: RUN[key].default for key in nulls}


def test_what_is_right_is_read_beside_what_is_not() -> None:
    value = {
        "max_workers": 3,
        "array_jobs": 1,
        "resources": {"default": {"memory": 8, "gpus": 0}, "nodes": {"a": None}},
    }
    found, problems = read_overrides({"aws_batch": value})
    assert found == Configuration({"max_workers": 3}, Layers(default={"memory": 8}, nodes={"a": {}}))
    assert len(problems) == 2
