"""A split node goes to Batch as one array, and a resumed run submits the slices that had failed."""

from __future__ import annotations

from dataclasses import replace

from dag.document import Dataset, GraphDocument
from tests.runs.stage import Stage
from tests.simulation.graphs import chain, document

PARTS = Dataset("partitions.PartitionedDataset", "remote", versioned=False, partitions="kept")


def split_chain(slices: int) -> GraphDocument:
    """Return n0 → n1, split → n2."""
    of = document(chain(3), array_jobs=True, on_failure="drain")
    n0, n1, n2 = of.nodes
    nodes = (n0, replace(n1, resources={**n1.resources, "split": slices}), n2)
    return replace(of, nodes=nodes, datasets={**of.datasets, "d0": PARTS, "d1": PARTS})


def test_fifty_slices_are_one_submission_and_three_that_failed_are_resumed_alone() -> None:
    stage = Stage(split_chain(50))
    first = stage.start()
    stage.finish(0)
    assert stage.batch.counts["SubmitJob"] == 2
    for group in range(1, 51):
        stage.finish(group, exit_code=1 if group in (3, 17, 50) else 0)
    told = stage.described()
    assert (told["status"], told["nodes_total"], told["groups_total"]) == ("FAILED", 3, 52)
    assert told["reason"].startswith("n1[3/50] failed")
    assert told["groups"][7]["slice"] == {"number": 7, "into": 50}
    assert "slice" not in told["groups"][0]

    stage.reconcile(later=600_000)
    again = stage.start("given:2", resume_from=first.run_id)
    told = stage.described()
    assert [group["slice"]["number"] for group in told["groups"] if "slice" in group] == [3, 17, 50]
    assert [one["node"] for one in told["reused_nodes"]] == ["n0"]  # no slices of what runs
    assert stage.batch.counts["SubmitJob"] == 3
    assert again.resumed
    assert again.resumed["again"]["n1"] == "3 of its 50 slices have not succeeded"
    for group in range(4):
        stage.finish(group)
    assert stage.described()["status"] == "SUCCEEDED"
