"""What a node's signature is made of, for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag.signatures import UNTOLD, VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kedro_aws_batch._service.dag.document import Node
    from kedro_aws_batch._service.dag.signatures import Signatures


@dataclass(frozen=True)
class Ingredients:
    """What a node's signature is made of: hashes, and versions, by what each is called in a resumed run's reasons."""

    signature: str | None
    #: Why it has none.
    untold: str | None
    code: Mapping[str, str]
    versions: Mapping[str, str]
    #: Dataset → hash of its catalog entry, or UNTOLD and why there is none.
    entries: Mapping[str, str]


def ingredients(signatures: Signatures, index: int, node: Node) -> Ingredients:
    """Return what the signature of a document's node is made of."""
    signature = signatures.sign(index, node)
    _, lists = signatures.parts_of(index, node)
    led = {name: one for some in lists for name, one in signatures.lists[some].items()}
    own = {name: signatures.parts[name] for name in signatures.nodes[index][2:]}
    told = not signature.startswith(UNTOLD)
    return Ingredients(
        signature=signature if told else None,
        untold=None if told else signature.removeprefix(UNTOLD),
        code=own | {name: one for name, one in sorted(led.items()) if not name.startswith(VERSION)},
        versions={name.removeprefix(VERSION): one for name, one in sorted(led.items()) if name.startswith(VERSION)},
        entries={name: signatures.entries[name][0] for name in _datasets(node) if name in signatures.entries},
    )


def _datasets(node: Node) -> list[str]:
    return list(dict.fromkeys((*node.inputs, *node.outputs)))
