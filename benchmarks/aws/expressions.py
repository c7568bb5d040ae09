"""The expressions of UpdateItem that the run table uses, evaluated."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

Item = dict[str, Any]


def value_size(value: Mapping[str, Any]) -> int:
    """Return the bytes that DynamoDB counts for an attribute's value."""
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        return _number_size(content)
    if kind == "B":
        return len(content)
    if kind in ("NULL", "BOOL"):
        return 1
    if kind == "NS":
        return sum(map(_number_size, content))
    if kind == "SS":
        return sum(len(each.encode()) for each in content)
    raise NotImplementedError(kind)


def _number_size(digits: str) -> int:
    return (len(digits.lstrip("-")) + 1) // 2 + 1


_CLAUSES = re.compile(r"\b(SET|ADD|DELETE) (.*?)(?= (?:SET|ADD|DELETE) |$)")
_CLAUSE = re.compile(r"([#\w]+) (?:= )?(if_not_exists\(\w+, )?(:\w+)\)?|(\w+) = (\w+)")


def refuse_duplicates(values: Item) -> None:
    """Raise DynamoDB's ValidationException for a set in which something comes twice."""
    for name, value in values.items():
        for kind in ("NS", "SS"):
            if len(set(value.get(kind, ()))) < len(value.get(kind, ())):
                why = "ExpressionAttributeValues contains invalid value: Input collection contains duplicates for key "
                raise ClientError({"Error": {"Code": "ValidationException", "Message": why + name}}, "UpdateItem")


def read_changes(expression: str, names: Mapping[str, str], values: Item) -> Iterable[tuple[str, str, Item]]:
    for action, clauses in _CLAUSES.findall(expression):
        for name, unless, value, copy, of in _CLAUSE.findall(clauses):
            if copy:
                yield "COPY", copy, {"S": of}
            else:
                yield f"{action}?" if unless else action, names.get(name, name), values[value]


def apply_change(item: Item, action: str, name: str, value: Item) -> int:
    """Change an item and return by how many bytes it grew."""
    if action == "COPY":
        action, value = "SET", item[value["S"]]
    old = item.get(name)
    if action in ("SET", "SET?"):
        if action == "SET?" and old is not None:
            return 0
        item[name] = value
        return value_size(value) - value_size(old) if old is not None else len(name) + value_size(value)
    ((kind, content),) = value.items()
    before: set[str] = set(old[kind]) if old is not None else set()
    changed = before | set(content) if action == "ADD" else before - set(content)
    difference = {kind: changed ^ before}
    if not changed:
        item.pop(name, None)
        return -(len(name) + value_size(difference)) if before else 0
    item[name] = {kind: list(changed)}  # never changed again, so that answers may share it
    grown = value_size(difference) if action == "ADD" else -value_size(difference)
    return grown + (len(name) if old is None else 0)


def _is_running(item: Item | None, values: Item) -> bool:
    return item is not None and item["status"] == values[":running"]


def _has_room(item: Item | None, values: Item) -> bool:
    return item is not None and len(item.get("slots", {"NS": ()})["NS"]) <= int(values[":room"]["N"])


def _may_ask(item: Item | None, values: Item) -> bool:
    if item is None:
        return ":k" not in values or values[":k"]["N"] == "0"
    if item["first_mark"] != values[":first"] or "closed" in item:
        return False
    epoch = int(item["epoch"]["N"]) <= int(values[":epoch"]["N"])
    if ":k" not in values:
        return epoch
    k = int(values[":k"]["N"])
    return epoch and int(item["done"]["N"]) <= k <= int(item["answered"]["N"]) <= k + 1


def _may_be_answered(item: Item | None, values: Item) -> bool:
    if item is None or "closed" in item:
        return False
    return bool(item["answered"] == values[":k"] and item["epoch"] == values[":epoch"])


_SAME = "first_mark = :first AND epoch <= :epoch AND attribute_not_exists(closed)"
_NEXT = f"({_SAME} AND done <= :k AND answered BETWEEN :k AND :next)"
_CONDITIONS: dict[str, Callable[[Item | None, Item], bool]] = {
    "attribute_exists(pk)": lambda item, values: item is not None,  # noqa: ARG005
    "attribute_not_exists(pk)": lambda item, values: item is None,  # noqa: ARG005
    "attribute_not_exists(#status)": lambda item, values: item is None or "status" not in item,  # noqa: ARG005
    "run_id = :old": lambda item, values: item is not None and item["run_id"] == values[":old"],
    f"({_SAME}) OR attribute_not_exists(pk)": _may_ask,
    f"{_NEXT} OR attribute_not_exists(pk)": _may_ask,
    _NEXT: _may_ask,
    "changes = :before": lambda item, values: item is not None and item["changes"] == values[":before"],
    "answered = :k AND epoch = :epoch AND attribute_not_exists(closed)": _may_be_answered,
    "#status = :running": _is_running,
    "#status = :running AND (attribute_not_exists(slots) OR size(slots) <= :room)": (
        lambda item, values: _is_running(item, values) and _has_room(item, values)
    ),
}


def condition_holds(condition: str, item: Item | None, values: Item) -> bool:
    if condition not in _CONDITIONS:
        raise NotImplementedError(condition)
    return _CONDITIONS[condition](item, values)
