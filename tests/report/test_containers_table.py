"""The containers of a run in its report."""

from __future__ import annotations

from dataclasses import replace

from kedro_aws_batch.prices import read_prices
from kedro_aws_batch.report.containers_table import Piece, RanBy, container_rows
from kedro_aws_batch.report.content import content
from kedro_aws_batch.report.page import render

from . import runs, warm

PRICES = read_prices({"rates": "fargate-x86", "vcpu_hour": 3600, "gb_hour": 0})
RAN = "SUCCEEDED"


def test_each_container_has_a_row_with_what_it_ran_when_and_what_it_cost() -> None:
    first, second = container_rows(warm.shared(), PRICES)
    assert first.groups == (RanBy(0, "node_0"), RanBy(1, "node_1"), RanBy(3, "node_3"))
    assert (first.started_in, first.ran, first.idle) == ("40.0 s", "1 min 20 s", "50.0 s")
    assert (first.asked, first.cost, first.remark) == ("vcpus 2, memory 4096", "$160.00", "")
    assert (second.ran, second.idle, second.cost) == ("15.0 s", "5.0 s", "$120.00")


def test_the_band_of_a_container_says_what_it_did_from_the_run_s_start_to_its_end() -> None:
    first, second = container_rows(warm.shared(), PRICES)
    assert first.band == (
        Piece("", 1000),
        Piece("starting", 40_000, "starting"),
        Piece("idle", 4000, "no node"),
        Piece(RAN, 10_000, "node_0"),
        Piece(RAN, 10_000, "node_1"),
        Piece("idle", 46_000, "no node"),
        Piece(RAN, 10_000, "node_3"),
        Piece("", 0),
    )
    assert sum(piece.lasts for piece in second.band) == 121_000
    assert second.band[-2:] == (Piece("idle", 1000, "no node"), Piece("", 10_000))


def test_a_container_that_waits_and_one_whose_host_was_lost_say_so() -> None:
    waiting = replace(warm.going_on(), groups=(*warm.going_on().groups, *warm.shared().groups[1:2]))
    assert container_rows(waiting, PRICES)[0].remark == "waits for a node"
    state = warm.shared()
    lost = {"started_at": warm.at(5), "ended_at": warm.at(25)}
    again = [replace(one, container={**(one.container or {}), "batch_attempts": [lost]}) for one in state.groups]
    first = container_rows(replace(state, groups=tuple(again)), PRICES)[0]
    assert first.remark == "begun 2 times: Batch lost its host"
    assert [piece.kind for piece in first.band][:4] == ["", "starting", "idle", "starting"]


def test_where_nothing_carried_on_there_is_no_such_table() -> None:
    assert container_rows(runs.succeeded(), PRICES) == []
    assert 'id="containers"' not in render(content(runs.succeeded(), PRICES, lambda _: None))


def test_the_page_leads_from_a_container_to_the_rows_of_its_nodes() -> None:
    page = render(content(warm.shared(), PRICES, lambda _: None))
    part = page[page.index('<section id="containers">') : page.index('<section id="facts">')]
    assert '<a href="#g0">node_0</a>, <a href="#g1">node_1</a>, <a href="#g3">node_3</a>' in part
    assert part.count('class="starting"') == 2
