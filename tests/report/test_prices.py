from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from kedro_aws_batch.client import GroupState, RunState
from kedro_aws_batch.graph.config import read_project_configuration
from kedro_aws_batch.prices import TABLE, Prices, read_prices, wrong_prices

QUEUES = {"job_queue": "q", "job_definition": "d"}


def job(queue: str = "queue", **resources: float) -> GroupState:
    return GroupState(0, ("n",), "SUCCEEDED", resources=resources, job_queue=queue)


def test_a_job_costs_what_it_asked_for_by_the_hour() -> None:
    prices = read_prices({"vcpu_hour": 0.04, "gb_hour": 0.005})
    assert prices.cost(job(vcpus=2, memory=4096), 1800) == pytest.approx((2 * 0.04 + 4 * 0.005) / 2)


def test_spot_is_a_part_of_the_price() -> None:
    usual, spot = read_prices("fargate-arm64"), read_prices({"rates": "fargate-arm64", "spot_factor": 0.3})
    asked = job(vcpus=1, memory=2048)
    assert spot.cost(asked, 600) == pytest.approx(0.3 * (usual.cost(asked, 600) or 0))


def test_fargate_charges_a_minute_at_least_and_ec2_what_was_used() -> None:
    asked = job(vcpus=1, memory=2048)
    fargate, ec2 = read_prices("fargate-x86"), read_prices("ec2-x86")
    assert fargate.cost(asked, 5) == fargate.cost(asked, 60)
    assert ec2.cost(asked, 30) == pytest.approx((ec2.cost(asked, 60) or 0) / 2)


def test_what_never_ran_costs_nothing() -> None:
    assert read_prices("fargate-x86").cost(job(), None) == 0


@pytest.mark.parametrize("asked", [job(), job(vcpus=1), job(memory=2048), job(vcpus=1, memory=2048, gpus=1)])
def test_a_job_whose_size_or_rate_is_not_known_has_no_price(asked: GroupState) -> None:
    assert Prices().cost(asked, 60) is None


def test_a_gpu_has_the_price_that_was_given() -> None:
    prices = read_prices({"gpu_hour": 0.8})
    plain = prices.cost(job(vcpus=1, memory=1024), 3600) or 0
    assert prices.cost(job(vcpus=1, memory=1024, gpus=2), 3600) == pytest.approx(plain + 1.6)


def test_queues_have_prices_of_their_own_on_top_of_the_usual_ones() -> None:
    prices = read_prices({"rates": "fargate-arm64", "queues": {"spot": {"spot_factor": 0.3}, "big": "ec2-x86"}})
    rates = [prices.rates_of(job(queue)) for queue in ("queue", "spot", "big")]
    assert [(each.name, each.spot_factor) for each in rates] == [
        ("fargate-arm64", 1),
        ("fargate-arm64", 0.3),
        ("ec2-x86", 1),
    ]
    assert [what for what, _ in prices.rates] == ["jobs in spot", "jobs in big", "all other jobs"]


@pytest.mark.parametrize(("launch_type", "name"), [("EC2", "ec2-x86"), ("FARGATE", "fargate-x86")])
def test_the_usual_rates_go_by_the_launch_type(launch_type: str, name: str) -> None:
    assert read_prices(None, launch_type).usual == TABLE[name]


def test_rates_that_were_changed_no_longer_claim_to_be_the_published_ones() -> None:
    changed = read_prices({"vcpu_hour": 0.03}).usual
    assert (changed.name, changed.source) == ("configured", "as configured")
    assert read_prices({"vcpu_hour": 0.03, "source": "our contract"}).usual.source == "our contract"
    assert read_prices({"spot_factor": 0.5}).usual.source == TABLE["ec2-x86"].source


def test_every_rate_says_of_when_it_is() -> None:
    assert all("2026" in rates.source for rates in TABLE.values())


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("fargate-arm", "Did you mean 'fargate-arm64'?"),
        ({"vcpu_hours": 1}, "Did you mean 'vcpu_hour'?"),
        ({"vcpu_hour": "1"}, "must be a number, at least 0"),
        ({"spot_factor": -1}, "must be a number, at least 0"),
        ({"gb_hour": True}, "must be a number, at least 0"),
        ({"rates": 1}, "is not a text"),
        ({"source": 1}, "must be a text"),
        ({"queues": []}, "must map job queues to their prices"),
        ({"queues": {"q": {"vcpu_hour": None}}}, "(queue 'q')"),
        ({"queues": {"q": {"queues": {}}}}, "has queues within the queue 'q'"),
        (3, "must name rates"),
    ],
)
def test_prices_that_make_no_sense_are_refused_with_a_reason(value: object, said: str) -> None:
    assert said in (wrong_prices(value) or "")


def test_prices_are_part_of_the_configuration_and_checked_with_it() -> None:
    read, problems = read_project_configuration(
        {"aws_batch": {**QUEUES, "prices": {"rates": "ec2-arm64"}}}, "aws_batch"
    )
    assert (read.prices, problems) == ({"rates": "ec2-arm64"}, [])
    _, problems = read_project_configuration({"aws_batch": {**QUEUES, "prices": "ec2"}}, "aws_batch")
    assert [problem.where for problem in problems] == ["parameters of 'aws_batch', aws_batch.prices"]


def test_the_table_in_the_docs_is_the_one_in_the_code() -> None:
    page = (Path(__file__).parents[2] / "docs/seeing-a-run.md").read_text(encoding="utf-8")
    for rates in TABLE.values():
        least = f"{rates.minimum_seconds} s" if rates.minimum_seconds else ""
        cells = [f"`{rates.name}`", f"${rates.vcpu_hour:g}", f"${rates.gb_hour:g}", least, rates.source]
        assert "| " + " | ".join(cells).replace("|  |", "| |") + " |" in page


def test_the_example_in_the_docs_is_right() -> None:
    page = (Path(__file__).parents[2] / "docs/seeing-a-run.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    value = yaml.safe_load(example)["aws_batch"]["prices"]
    assert wrong_prices(value) is None
    assert read_prices(value).queues["gpu_queue"].gpu_hour == 0.81


@pytest.mark.parametrize(
    ("rates", "large"),
    [("ec2-x86", {4: 0.085, 8: 0.096, 16: 0.126}), ("ec2-arm64", {4: 0.0725, 8: 0.0816, 16: 0.1071})],
)
def test_the_shares_add_up_to_what_an_instance_of_each_family_costs(rates: str, large: dict[int, float]) -> None:
    """For c, m and r: two vCPUs, and two, four and eight GiB for each."""
    prices = read_prices(rates)
    for gib, price in large.items():
        assert prices.cost(job(vcpus=2, memory=gib * 1024), 3600) == pytest.approx(price, rel=0.03)


def test_arm_costs_four_fifths_of_x86_on_fargate() -> None:
    x86, arm = TABLE["fargate-x86"], TABLE["fargate-arm64"]
    assert arm.vcpu_hour / x86.vcpu_hour == pytest.approx(0.8, rel=0.01)
    assert arm.gb_hour / x86.gb_hour == pytest.approx(0.8, rel=0.01)


def whole_cost(prices: Prices, group: GroupState) -> float | None:
    return prices.costs(RunState("r", "SUCCEEDED", 1, 1, (group,)))[group.index]


def test_earlier_jobs_of_a_group_are_priced_by_what_they_asked_for() -> None:
    earlier = {"started_at": 0, "ended_at": 3_600_000, "resources": {"vcpus": 2, "memory": 1024}}
    group = GroupState(
        0,
        ("n",),
        "SUCCEEDED",
        started_at=0,
        ended_at=3_600_000,
        resources={"vcpus": 1, "memory": 2048},
        earlier=(earlier,),
    )
    assert whole_cost(read_prices({"vcpu_hour": 1, "gb_hour": 0.5}), group) == pytest.approx(2 + 0.5 + 1 + 1)
    unknown = {**earlier, "resources": {}}
    assert whole_cost(Prices(), replace(group, earlier=(unknown,))) is None


def test_attempts_that_batch_repeated_are_each_priced_with_their_own_minimum() -> None:
    tries = ({"started_at": 0, "ended_at": 30_000}, {"started_at": 60_000, "ended_at": 180_000})
    asked = {"vcpus": 1, "memory": 1024}
    last = GroupState(0, ("n",), "SUCCEEDED", started_at=240_000, ended_at=3_840_000, resources=asked)
    prices = read_prices({"rates": "fargate-x86", "vcpu_hour": 3600, "gb_hour": 0})
    assert whole_cost(prices, replace(last, batch_attempts=tries)) == pytest.approx(60 + 120 + 3600)
    earlier = {"started_at": 0, "ended_at": 600_000, "resources": asked, "batch_attempts": tries}
    assert whole_cost(prices, replace(last, earlier=(earlier,))) == pytest.approx(600 + 60 + 120 + 3600)


def test_what_need_not_run_is_priced_by_its_size_and_its_queue() -> None:
    queues = {"fargate": "fargate-x86", "dear": {"vcpu_hour": 36}}
    prices = read_prices({"vcpu_hour": 3.6, "gb_hour": 0, "queues": queues})
    size = {"job_queue": "q", "vcpus": 1, "memory": 2048, "gpus": 0, "seconds": 10.0, "with_minimum": 120.0}
    of_both = prices.spared([size, {**size, "job_queue": "dear", "vcpus": 2}])
    assert of_both is not None
    assert of_both.by_currency == {"USD": pytest.approx(0.01 + 0.2)}
    fargate = prices.spared([{**size, "job_queue": "fargate"}])
    assert fargate is not None
    assert fargate.by_currency == {"USD": pytest.approx((0.04048 + 2 * 0.004445) / 30)}  # of two minutes
    for unknown in ([], [size, {**size, "memory": None}], [{**size, "gpus": 1}]):
        assert prices.spared(unknown) is None
