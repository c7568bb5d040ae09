"""Runs a job by the code of a container, but in the test's process, where what it changes is undone after it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import AbstractVersionedDataset, core
from omegaconf import OmegaConf

from kedro_aws_batch import world as world_of_a_run
from kedro_aws_batch._service.dag.payload import payload
from kedro_aws_batch.container.failing import Whereabouts
from kedro_aws_batch.container.payload import read_payload
from kedro_aws_batch.container.session import run_payload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kedro_aws_batch._service.dag.plan import Plan
    from kedro_aws_batch._service.dag.shards import Mark

#: What a job replaces in its process.
REPLACED = [
    (core, "generate_timestamp"),
    (AbstractVersionedDataset, "_fetch_latest_load_version"),
    (AbstractVersionedDataset, "_get_save_path"),
    (OmegaConf, "_get_resolver"),
    (OmegaConfigLoader, "_get_runtime_value"),
]


@contextmanager
def a_process() -> Iterator[None]:
    """Undo what is changed in the process."""
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in REPLACED:
            patch.setattr(owner, name, getattr(owner, name))
        try:
            yield
        finally:
            world_of_a_run._for_good.close()


def run_job(project: Path, plan: Plan, mark: Mark) -> None:
    """Run an attempt of a group of a plan."""
    told = json.dumps(payload(plan, [mark]))
    with a_process():
        run_payload(project, read_payload({"KEDRO_AWS_BATCH_JOB": told}), Whereabouts())
