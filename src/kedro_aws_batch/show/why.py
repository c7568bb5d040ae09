"""What a node is made of, and what of it differs from a run, as lines and as JSON. No values, no secrets."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from kedro_aws_batch._service.dag.signatures import UNTOLD
from kedro_aws_batch.wording import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kedro_aws_batch.graph.origins import Origin, Origins
    from kedro_aws_batch.graph.signing.ingredients import Ingredients

#: So many of the nodes before it that run again are shown.
_MOST = 10
_CODE = "code of "


@dataclass(frozen=True)
class DatasetRead:
    """A dataset that the node reads."""

    name: str
    #: The node that makes it.
    made_by: str | None
    #: Whether its storage was asked when it was written.
    asked: bool
    written: str | None
    #: Why it can't be told when it was written.
    untold: str | None

    def says(self) -> str:
        """Return where it comes from."""
        if self.made_by is not None:
            return f"made by '{self.made_by}'"
        if self.untold is not None:
            return f"no node makes it; it can't be told when it was written: {self.untold}"
        if self.written is not None:
            return f"no node makes it; written at {self.written}"
        return f"no node makes it{'; it is not there' if self.asked else ''}"


@dataclass(frozen=True)
class Found:
    """What differs from a run."""

    run_id: str
    #: What became of the node in the run.
    status: str
    #: Whether what is deployed was compared, not what is here.
    deployed: bool
    #: Why it would run again, if it would.
    why: str | None
    #: Which nodes before it run again, the nearest first, and why.
    follows: Mapping[str, str]
    #: Whether the answer may have left it out.
    cut: bool
    #: Why it can't be compared.
    refused: str | None


@dataclass(frozen=True)
class Explained:
    """What a node is made of, and what of it differs from a run."""

    node: str
    made: Ingredients
    origins: Origins
    parameters: Sequence[str]
    inputs: Sequence[DatasetRead]
    #: What differs from a run; or a sentence that says why it isn't compared with one.
    found: Found | str


def why_lines(told: Explained) -> Iterator[str]:
    """Yield it for people."""
    made = told.made
    signed = f"signature {made.signature}" if made.signature else f"no signature: {made.untold}"
    yield one_line(f"Node '{told.node}', {signed}")
    yield from _group("Code", ((name.removeprefix(_CODE), "") for name in made.code))
    yield from _group("Versions", [(", ".join(f"{name} {one}" for name, one in made.versions.items()), "")])
    yield from _group("Catalog entries", ((name, _entry(told, name)) for name in made.entries))
    yield from _group("Parameters", ((name, _place(told.origins.of_parameter(name))) for name in told.parameters))
    yield from _group("Inputs", ((one.name, one.says()) for one in told.inputs))
    yield ""
    yield from map(one_line, [told.found] if isinstance(told.found, str) else _differences(told.found))


def _group(title: str, rows: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> Iterator[str]:
    found = [(one_line(name), one_line(says)) for name, says in rows if name]
    width = max((len(name) for name, _ in found), default=0)
    if found:
        yield f"{title}:"
    yield from (f"  {name:<{width}}  {says}".rstrip() for name, says in found)


def _entry(told: Explained, name: str) -> str:
    one = told.made.entries[name]
    untold = f"; it can't be told whether it is the same: {one.removeprefix(UNTOLD)}" if one.startswith(UNTOLD) else ""
    return f"{_place(told.origins.of_entry(name)) or 'has none'}{untold}"


def _place(origin: Origin) -> str:
    """Return where something is defined; what wins comes first."""
    pattern = f"pattern '{origin.pattern}' in " if origin.pattern is not None else ""
    asks = f" (asks for {', '.join(origin.asks)})" if origin.asks else ""
    return f"{pattern}{', then '.join(origin.places)}{asks}" if origin.places else pattern.removesuffix(" in ")


def _differences(found: Found) -> Iterator[str]:
    what = "what is deployed" if found.deployed else "the project here"
    if found.refused is not None:
        yield f"In run {found.run_id} it {_was(found.status)}. It can't be compared: {found.refused}"
        return
    yield f"Run {found.run_id}, where it {_was(found.status)}, compared with {what}:"
    if found.why is None:
        yield "  the answer leaves it out: too many nodes differ" if found.cut else "  nothing differs"
        return
    yield f"  {found.why}"
    yield from (f"  again: {name} ({one})" for name, one in list(found.follows.items())[:_MOST])
    if len(found.follows) > _MOST:
        yield f"  … and {len(found.follows) - _MOST:,} more before it"


def _was(status: str) -> str:
    return status if status.startswith(("SUCCEEDED", "FAILED")) else f"was {status}"


def as_json_of(told: Explained) -> dict[str, Any]:
    """Return it for programs."""
    made, found = told.made, told.found
    return {
        "node": told.node,
        "signature": made.signature,
        "no_signature": made.untold,
        "code": dict(made.code),
        "versions": dict(made.versions),
        "catalog_entries": {
            name: {"hash": one, **_origin(told.origins.of_entry(name))} for name, one in made.entries.items()
        },
        "parameters": {name: _origin(told.origins.of_parameter(name)) for name in told.parameters},
        "inputs": {
            one.name: {key: value for key, value in asdict(one).items() if key != "name"} for one in told.inputs
        },
        "not_compared": found if isinstance(found, str) else found.refused,
        "run": None
        if isinstance(found, str)
        else {"run_id": found.run_id, "status": found.status, "why": found.why, "follows": found.follows},
    }


def _origin(origin: Origin) -> dict[str, Any]:
    return {"places": list(origin.places), "pattern": origin.pattern, "asks_for": list(origin.asks)}
