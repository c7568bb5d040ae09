"""Counts are in the log at once, in the form from which CloudWatch reads metrics."""

from __future__ import annotations

import json

import pytest
from aws_lambda_powertools import Metrics

from handlers.service import EmbeddedMetrics


def test_each_count_is_a_line_of_its_own_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    counts = EmbeddedMetrics(Metrics(service="kedro-aws-batch-dev", namespace="KedroAwsBatch"))
    counts.add({"JobsSubmitted": 3, "JobsEnded": 1})
    first = json.loads(capsys.readouterr().out)
    counts.add({"JobsSubmitted": 4})
    second = json.loads(capsys.readouterr().out)

    (metrics,) = first["_aws"]["CloudWatchMetrics"]
    assert (metrics["Namespace"], metrics["Dimensions"]) == ("KedroAwsBatch", [["service"]])
    assert [(each["Name"], each["Unit"]) for each in metrics["Metrics"]] == [
        ("JobsSubmitted", "Count"),
        ("JobsEnded", "Count"),
    ]
    assert (first["service"], first["JobsSubmitted"], first["JobsEnded"]) == ("kedro-aws-batch-dev", [3.0], [1.0])
    assert (second["JobsSubmitted"], "JobsEnded" in second) == ([4.0], False)
