"""The amounts that jobs ask for. EC2 and Fargate check them in different ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kedro_aws_batch._service.dag import limits
from kedro_aws_batch._service.dag.resources import amount
from kedro_aws_batch._service.dag.sizes import FARGATE
from kedro_aws_batch.local.errors import ClientException

if TYPE_CHECKING:
    from collections.abc import Collection

    from kedro_aws_batch.local.jsons import Json


_FARGATE_VCPUS = {amount(vcpus): sizes for vcpus, sizes in FARGATE.items()}


def requirements(platforms: Collection[str], *layers: Json) -> list[dict[str, str]]:
    """Return what a job asks for, later layers over earlier ones; ClientException for what Batch refuses."""
    wanted: dict[str, str] = {}
    for layer in layers:
        if layer.get("vcpus"):
            wanted["VCPU"] = str(layer["vcpus"])
        if layer.get("memory"):
            wanted["MEMORY"] = str(layer["memory"])
        wanted |= {each["type"]: each["value"] for each in layer.get("resourceRequirements") or []}
    if "FARGATE" in platforms:
        _check_fargate(wanted)
    else:
        _check_plain(wanted)
    return [{"type": kind, "value": value} for kind, value in wanted.items()]


def _check_plain(wanted: dict[str, str]) -> None:
    for kind, value in wanted.items():
        if not limits.AMOUNT.allows(value):
            raise ClientException(limits.AMOUNT.answer(value, kind))
    for kind, limit in (("VCPU", limits.EC2_VCPUS), ("MEMORY", limits.MEMORY_MIB)):
        if kind in wanted and not limit.allows(int(wanted[kind])):
            raise ClientException(limit.answer(int(wanted[kind])))


def _check_fargate(wanted: dict[str, str]) -> None:
    if "GPU" in wanted:
        raise ClientException(limits.FARGATE_GPU.answer)
    vcpus, memory = wanted.get("VCPU", ""), wanted.get("MEMORY", "")
    for kind, value, fits in (("VCPU", vcpus, _is_number(vcpus)), ("MEMORY", memory, limits.AMOUNT.allows(memory))):
        if not fits:
            raise ClientException(limits.AMOUNT.answer(value, kind))
    if int(memory) not in _FARGATE_VCPUS.get(vcpus, ()):
        raise ClientException(limits.FARGATE_SIZE.answer.format(vcpus=float(vcpus), memory=memory))


def _is_number(text: str) -> bool:
    return limits.AMOUNT.allows(text) or text in _FARGATE_VCPUS
