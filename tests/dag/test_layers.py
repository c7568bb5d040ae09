"""A node's resources, layer upon layer."""

from __future__ import annotations

from dataclasses import replace

from dag.document import Node
from dag.layers import Layers

NODE = Node("a.b.train", "train: …", "a.b", frozenset({"gpu", "night"}), (), ("model",), {"memory": 1, "attempts": 2})


def test_later_layers_win_key_by_key_and_the_environment_name_by_name() -> None:
    layers = Layers(
        nodes={"a.b.train": {"memory": 50, "environment": {"D": "node"}}},
        namespaces={
            "a.b": {"memory": 40, "gpus": 40},
            "a": {"memory": 30, "priority": 30, "gpus": 30, "environment": {"C": "a", "D": "a"}},
            "b": {"memory": 98},
        },
        tags={"gpu": {"memory": 20, "gpus": 20, "vcpus": 20}, "other": {"memory": 99}},
        default={"memory": 10, "vcpus": 10, "timeout": 60, "environment": {"A": "1", "C": "default"}},
    )
    assert layers.over(NODE.resources, NODE) == {
        "memory": 50,
        "attempts": 2,
        "vcpus": 20,
        "gpus": 40,
        "priority": 30,
        "timeout": 60,
        "environment": {"A": "1", "C": "a", "D": "node"},
    }
    assert Layers().over(NODE.resources, NODE) == NODE.resources


def test_null_takes_back_what_an_earlier_layer_says() -> None:
    asking = {"memory": 1, "timeout": 60, "environment": {"A": "1", "B": "2"}}
    layers = Layers(default={"timeout": None}, nodes={"a.b.train": {"memory": None, "environment": {"A": None}}})
    assert layers.over(asking, NODE) == {"environment": {"B": "2"}}
    assert Layers(default={"environment": None}).over(asking, NODE) == {"memory": 1, "timeout": 60}
    both = Layers(default={"timeout": 300}, tags={"gpu": {"timeout": None}})
    assert both.over({}, NODE) == {}
    assert both.over({}, replace(NODE, tags=frozenset())) == {"timeout": 300}


def test_the_environment_is_text_written_as_yaml_has_it() -> None:
    given = {"FLAG": True, "OFF": False, "COUNT": 3, "RATE": 0.5, "TEXT": "True"}
    assert Layers(default={"environment": given}).over({}, NODE)["environment"] == {
        "FLAG": "true",
        "OFF": "false",
        "COUNT": "3",
        "RATE": "0.5",
        "TEXT": "True",
    }


def test_all_that_layers_name_is_known() -> None:
    layers = Layers(default={"job_queue": "a"}, tags={"gpu": {"job_queue": "b"}}, nodes={"x": {"job_queue": None}})
    assert layers.named("job_queue") == {"a", "b"}
    assert layers.named("job_definition") == set()


def test_names_that_no_node_has_are_told_with_the_nearest() -> None:
    layers = Layers(
        tags={"gpuu": {}, "gpu": {}}, namespaces={"a": {}, "a.b": {}, "c": {}}, nodes={"a.b.trian": {}, "a.b.train": {}}
    )
    assert [str(problem) for problem in layers.unknown([NODE], "here")] == [
        "here.resources.tags: no tag is named 'gpuu'. Did you mean 'gpu'?",
        "here.resources.namespaces: no namespace is named 'c'. Remove it, or correct its name.",
        "here.resources.nodes: no node is named 'a.b.trian'. Did you mean 'a.b.train'?",
    ]
