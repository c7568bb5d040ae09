"""What a project's code mentions that may run while Kedro opens it, and whether it is therefore opened twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kedro_aws_batch.graph.opening import Opening
from kedro_aws_batch.graph.reached import Reached
from kedro_aws_batch.graph.varying import varies

from .project import CHAIN, Sources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[[Sources], Path]

#: Code → whether it mentions a clock when the project is opened.
CODE = {
    "import time\nNOW = time.time()": True,
    "import time\ndef train(x):\n    return time.time()": False,
    "import time\ndef train(x):\n    time.time()\ndef create_pipeline():\n    return [node(train, 'a', 'b')]": False,
    "import time\ndef train(x):\n    return time.time()\ndef create_pipeline():\n    return train(1)": True,
    "import time\ndef at(x):\n    return time.time()\ndef create_pipeline():\n    return node(run, 'a', at(2))": True,
    "import time\ndef at(x):\n    time.time()\ndef create_pipeline():\n    return node(wrapped(at), 'a', 'b')": True,
    "import time\ndef at(x):\n    time.time()\ndef create_pipeline():\n    node(func=nodes.at, inputs='a')": False,
    "import time\nclass M:\n    def __init__(self):\n        time.time()\nx = node(M().train, 'a', 'b')": True,
    "from time import time as now\ndef register_pipelines():\n    return now()": True,
    "import datetime as d\ndef train(x: d.datetime, y: int = 1) -> d.date:\n    return x": False,
    "import datetime as d\ndef train(x=d.datetime.now()):\n    return x": True,
    "import time\nclass Hooks:\n    def after(self):\n        return time.time()\nHOOKS = (Hooks(),)": True,
    "import time\nclass Hooks:\n    def after(self):\n        return time.time()": False,
    "import time\ndef timed(f):\n    print(time.time())\n    return f\n@timed\ndef train(x):\n    return x": True,
    "import time\ndef a():\n    return b()\ndef b():\n    return time.time()\nx = [a() for _ in range(2)]": True,
}


@pytest.mark.parametrize(("code", "mentioned"), CODE.items())
def test_code_counts_that_runs_while_the_project_is_opened(code: str, mentioned: bool) -> None:
    assert ("time" in Reached([code]).words or "datetime" in Reached([code]).words) is mentioned


def test_what_a_root_calls_counts_wherever_it_is() -> None:
    modules = ("def path(x):\n    return far(x)", "from elsewhere.deep import far", "from other import unused")
    assert Reached(["from .paths import path\nR = {'path': path}"], modules).packages() == {".", "elsewhere"}


def test_a_chain_of_a_thousand_functions_is_followed() -> None:
    functions = "\n".join(f"def f{number}():\n    return f{number + 1}()" for number in range(1_500))
    assert "f1500" in Reached([f"{functions}\nf0()"]).words


NODES = "import random, time\ndef train(x):\n    return random.random() + time.time()\n"
RESOLVERS = 'CONFIG_LOADER_ARGS = {{"base_env": "base", "default_run_env": "local", "custom_resolvers": {{"r": {}}}}}\n'


@pytest.mark.parametrize(
    ("settings", "nodes", "thoroughly", "for_a_run"),
    [
        ("", NODES, False, False),
        ("", f"{NODES}SEED = random.random()\n", True, False),
        (f"from pathlib import Path\n{RESOLVERS.format('lambda x: str(Path(x))')}", NODES, False, False),
        (f"import os\n{RESOLVERS.format('lambda: os.environ[chr(65)]')}", NODES, False, False),
        (f"import os\n{RESOLVERS.format('lambda: os.environ.get(chr(65), [])')}# HOSTNAME\n", NODES, True, True),
        (f"import os\n{RESOLVERS.format('os.getpid')}", "", True, True),
        (f"import omegaconf, rich\n{RESOLVERS.format('lambda: rich.get_console()')}", "", True, True),
        (f"import uuid\n{RESOLVERS.format('lambda: uuid.uuid4().hex')}", "", True, True),
        ("", "this is no Python\n", True, False),
    ],
)
def test_a_project_is_opened_twice_only_if_what_runs_then_may_vary(
    make_project: Make, settings: str, nodes: str, thoroughly: bool, for_a_run: bool
) -> None:
    opening = Opening(path=make_project(Sources(CHAIN, settings=settings, modules={"nodes.py": nodes})))
    assert (varies(opening, thorough=True), varies(opening, thorough=False)) == (thoroughly, for_a_run)
