"""What a run's nodes are made of, compared with what they were made of before."""

from __future__ import annotations

from dag.document import Node
from dag.signatures import VERSION, MadeOf, Signatures

NODES = 300
#: What all nodes lead to, by what each of these was and is.
SHARED = {f"code of demo/m{number:03}.py": ("old", "new") for number in range(200)}


class Counted(dict[str, str]):
    """Parts that count how often one is looked up."""

    looked_up = 0

    def get(self, *args: object) -> str | None:  # type: ignore[override]  # one signature of three
        self.looked_up += 1
        return super().get(*args)  # type: ignore[call-overload,no-any-return]


def node(number: int, *, reads: str = "raw") -> Node:
    return Node(
        name=f"n{number}",
        display=f"n{number}",
        namespace=None,
        tags=frozenset(),
        inputs=(reads,),
        outputs=(f"out{number}",),
        resources={},
    )


def signed(which: int, nodes: int = NODES) -> Signatures:
    """Return the signatures of nodes with a function each, before (0) and after (1) all has changed."""
    own = {f"code of demo/n{number}": ("before", "after")[which] for number in range(nodes)}
    shared = {name: both[which] for name, both in SHARED.items()}
    return Signatures(
        nodes=[[f"hash {number} {which}", 0, f"code of demo/n{number}"] for number in range(nodes)],
        parts={**shared, f"{VERSION}pandas": ("2.2", "2.3")[which], **own},
        made_of=[[*range(len(shared))], [len(shared)]],
        entries={"raw": ["same", 1]},
    )


def test_what_all_nodes_share_is_compared_once_however_many_there_are() -> None:
    nodes = {number: node(number) for number in range(NODES)}
    before = signed(0).made(nodes)
    parts = Counted(before.parts)
    why = MadeOf(before.nodes, parts).others(signed(1), nodes)
    assert len(why) == NODES
    assert parts.looked_up < len(SHARED) + 10 * NODES  # of 200 × 300


def test_a_reason_begins_with_the_node_s_own_and_counts_the_rest() -> None:
    nodes = {0: node(0), 1: node(1, reads="other")}
    why = signed(0).made(nodes).others(signed(1), nodes)
    first = "has changed, code of demo/m000.py has changed, code of demo/m001.py has changed, and"
    assert why == {"n0": f"code of demo/n0 {first} 199 more", "n1": f"code of demo/n1 {first} 198 more"}


def test_it_is_kept_as_text_which_says_the_same() -> None:
    made = signed(0).made({0: node(0)})
    assert MadeOf.unpacked(made.packed) == made != MadeOf()
    assert (MadeOf().packed, MadeOf.unpacked("")) == ("", MadeOf())


def test_what_is_both_its_own_and_shared_counts_once() -> None:
    def of(which: str) -> Signatures:
        return Signatures(nodes=[[which, 0, "code of a"]], parts={"code of a": which}, made_of=[[0]])

    assert of("1").made({0: node(0)}).others(of("2"), {0: node(0)}) == {"n0": "code of a has changed"}
