"""Random projects whose code, parameters, entries and inputs are edited, with a model of what each node is made of."""

from __future__ import annotations

import pickle
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from hypothesis import strategies as st

from ..project import CONFIGURATION, PREAMBLE, pickled

PACKAGE = "resumed"
RAW = ("raw0", "raw1")
PARAMETERS = ("p0", "m.p1")
#: What can be edited, besides each node's own code and each dataset's entry: two of each.
SHARED = ("helper0", "helper1", "module0", "module1", "wrapper", *PARAMETERS, "given", "comments", *RAW)
#: How a function is made, and how its output is kept.
MAKES = ("plain", "plain", "decorated", "partial", "closure", "lambda")
KEEPS = ("file", "file", "versioned", "memory")

#: What is written now, by what it is: a number for each thing that can be edited.
State = Mapping[str, int]


@dataclass(frozen=True)
class Shape:
    """A node of a random project; its number is its place."""

    inputs: tuple[str, ...]
    parameters: tuple[str, ...]
    helpers: tuple[int, ...]
    module: int
    names_constant: bool
    make: str
    keeps: str


@dataclass(frozen=True)
class Step:
    """Edits, then a run that does some groups and fails at others; maybe somebody else's run before."""

    #: What is written another way, and how many ways further, of three.
    edits: tuple[tuple[str, int], ...]
    #: For each group in turn: whether its job does its work, and whether it is told as succeeded; the rest succeeds.
    outcomes: tuple[tuple[bool, bool], ...]
    #: The edits of somebody who ran all nodes anew in between, and left the project as it was; None: nobody did.
    other: tuple[tuple[str, int], ...] | None = None


@dataclass(frozen=True)
class Story:
    """A project, and what happens to it."""

    shapes: tuple[Shape, ...]
    steps: tuple[Step, ...]

    def begin(self) -> dict[str, int]:
        """Return the first state."""
        own = [f"{kind}{number}" for number in range(len(self.shapes)) for kind in "fd"]
        return dict.fromkeys((*SHARED, *own), 0)


#: Work done and told, neither, or done and not told: a job that is killed after it has saved.
_OUTCOME = st.sampled_from(((True, True), (True, True), (True, True), (False, False), (True, False)))
_OUTCOMES = st.lists(_OUTCOME, min_size=5, max_size=5)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Draw a project of a few nodes, and a few edits and runs."""
    shapes: list[Shape] = []
    for number in range(draw(st.integers(3, 5))):
        known = [*RAW, *(f"d{above}" for above in range(number))]
        shapes.append(
            Shape(
                inputs=tuple(draw(st.lists(st.sampled_from(known), min_size=1, max_size=2, unique=True))),
                parameters=tuple(draw(st.lists(st.sampled_from(PARAMETERS), max_size=1))),
                helpers=tuple(sorted(draw(st.sets(st.integers(0, 1))))),
                module=draw(st.integers(0, 1)),
                names_constant=draw(st.booleans()),
                make=draw(st.sampled_from(MAKES)),
                keeps=draw(st.sampled_from(KEEPS)),
            )
        )
    story = Story(tuple(shapes), ())
    edits = st.lists(st.tuples(st.sampled_from(_worth_editing(story)), st.integers(1, 2)), min_size=1, max_size=2)
    steps = [Step((), tuple(draw(_OUTCOMES)))]
    steps += [Step(tuple(draw(edits)), tuple(draw(_OUTCOMES))) for _ in range(draw(st.integers(1, 2)))]
    others = st.none() | st.none() | edits.map(lambda some: tuple(one for one in some if one[0] not in RAW))
    return Story(story.shapes, (*steps, Step(tuple(draw(edits)), (), draw(others))))


def _worth_editing(story: Story) -> list[str]:
    """Return what to edit: mostly what some node is made of."""
    made = {name for number in range(len(story.shapes)) for name in ingredients(story, number, story.begin())}
    return [*sorted(made), *sorted(made), *SHARED]


def given(state: State) -> dict[str, Any]:
    """Return the run's own parameters."""
    return {"p0": f"given {state['given']}"} if state["given"] else {}


def ingredients(story: Story, number: int, state: State) -> dict[str, Any]:
    """Return all that a node is made of."""
    shape = story.shapes[number]
    names = {f"f{number}"}
    if shape.make == "lambda":  # of the registry, which runs both modules
        names |= _run(story, 0) | _run(story, 1)
    else:
        names |= _named(story, number) | _run(story, shape.module)
    made = {name: state[name] for name in names}
    for name in shape.parameters:
        made[name] = given(state).get(name, state[name])
    for name in (*shape.inputs, f"d{number}"):
        if not (name.startswith("d") and story.shapes[int(name[1:])].keeps == "memory"):
            made[name] = state[name]
    return made


def _named(story: Story, number: int) -> set[str]:
    """Return what a function in a module leads to."""
    shape = story.shapes[number]
    found = {f"f{number}", *(f"helper{one}" for one in shape.helpers)}
    found |= {f"module{shape.module}"} if shape.names_constant else set()
    return found | ({"wrapper"} if shape.make == "decorated" else set())


def _run(story: Story, module: int) -> set[str]:
    """Return what importing a module does: it runs decorators, each on a function with all that it leads to."""
    of = (number for number, shape in enumerate(story.shapes) if (shape.module, shape.make) == (module, "decorated"))
    return {name for number in of for name in _named(story, number)}


def run_again(
    story: Story, state: State, done: Mapping[int, Mapping[str, Any]], overwritten: Collection[int]
) -> set[int]:
    """Return the nodes that must run again, no more and no less, if these were done with these ingredients.

    Somebody else may have written what some of them had.
    """
    numbers = range(len(story.shapes))
    again = {number for number in numbers if done.get(number) != ingredients(story, number, state)}
    again |= {number for number in overwritten if story.shapes[number].keeps == "file"}
    while True:
        more = {number for number in numbers if any(f"d{above}" in story.shapes[number].inputs for above in again)}
        more |= {
            number
            for number in numbers
            if story.shapes[number].keeps == "memory"
            and any(f"d{number}" in story.shapes[below].inputs for below in again)
        }
        if more <= again:
            return again
        again |= more


def write(project: Path, story: Story, state: State) -> None:
    """Write the project's code and configuration as they are now; the inputs are data."""
    source = project / "src" / PACKAGE
    files = {
        source / "pipeline_registry.py": _registry(story, state),
        source / "decorating.py": _DECORATING.format(number=state["wrapper"]),
        **{source / f"nodes{module}.py": _module(story, module, state) for module in (0, 1)},
        **{source / f"helpers{one}.py": _HELPERS.format(one=one, number=state[f"helper{one}"]) for one in (0, 1)},
        project / "conf/aws_batch/parameters.yml": yaml.safe_dump(
            {"p0": state["p0"], "m": {"p1": state["m.p1"]}, "aws_batch": {**CONFIGURATION, "shared_paths": ["data"]}}
        ),
        project / "conf/aws_batch/catalog.yml": yaml.safe_dump(dict(_catalog(story, state))),
    }
    for file, text in files.items():
        file.write_text(text)


def write_input(project: Path, name: str, number: int) -> None:
    """Write an input's data."""
    (project / "data" / f"{name}.pkl").write_bytes(pickle.dumps([name, number]))


def place(number: int, state: State) -> str:
    """Return where the output of a node lies."""
    return f"data/d{number}_{state[f'd{number}']}.pkl"


_DECORATING = """\
import functools
def traced(function):
    @functools.wraps(function)
    def wrapper(*args):
        return [{number}, function(*args)]
    return wrapper
"""
_HELPERS = """\
_NUMBER = {number}
def help{one}():
    return ["help{one}", _NUMBER]
"""


def _catalog(story: Story, state: State) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from ((name, pickled(f"data/{name}.pkl")) for name in RAW)
    for number, shape in enumerate(story.shapes):
        if shape.keeps != "memory":
            yield f"d{number}", pickled(place(number, state), versioned=shape.keeps == "versioned")


def _module(story: Story, module: int, state: State) -> str:
    text = [f"# {state['comments']}", "from .decorating import traced"]
    text += [f"from .helpers{one} import help{one}" for one in (0, 1)]
    text.append(f"CONSTANT = {state[f'module{module}']}")
    for number, shape in enumerate(story.shapes):
        if shape.module == module and shape.make != "lambda":
            text += _function(number, shape, state)
    return "\n".join(text) + "\n"


def _function(number: int, shape: Shape, state: State) -> Iterator[str]:
    local = ("own", "mine", "ours")[state["comments"]]
    parts = [f"'f{number}'", local, *(f"help{one}()" for one in shape.helpers)]
    parts += ["CONSTANT"] if shape.names_constant else []
    body = [f"'''Say {state['comments']}.'''", f"return [{', '.join(parts)}, *args]"]
    if shape.make == "partial":
        local_is = f"{local} = given"
        yield from (f"def f{number}(given, *args):", *(f"    {line}" for line in (body[0], local_is, body[1])))
    elif shape.make == "closure":
        yield f"def make{number}(given):"
        yield from (f"    {line}" for line in (f"def f{number}(*args):", f"    {local} = given", f"    {body[1]}"))
        yield f"    return f{number}"
    else:
        yield from ["@traced"] if shape.make == "decorated" else []
        local_is = f"{local} = {state[f'f{number}']}"
        yield from (f"def f{number}(*args):", *(f"    {line}" for line in (body[0], local_is, body[1])))


def _registry(story: Story, state: State) -> str:
    nodes = []
    for number, shape in enumerate(story.shapes):
        called = {
            "partial": f"functools.partial(nodes{shape.module}.f{number}, {state[f'f{number}']})",
            "closure": f"nodes{shape.module}.make{number}({state[f'f{number}']})",
            "lambda": f"lambda *args: ['f{number}', {state[f'f{number}']}, *args]",
        }.get(shape.make, f"nodes{shape.module}.f{number}")
        inputs = [*shape.inputs, *(f"params:{name}" for name in shape.parameters)]
        nodes.append(f"        node({called}, {inputs}, 'd{number}', name='n{number}', tags='{state['comments']}'),")
    head = "import functools\nfrom . import nodes0, nodes1\n"
    rows = "\n".join(nodes)
    return f"{PREAMBLE}\n{head}\ndef register_pipelines():\n    return {{'__default__': pipeline([\n{rows}\n    ])}}\n"
