"""Each implementation of the run table, for the suite that all of them pass."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from adapters.ports import RunTable
from kedro_aws_batch.local import EmbeddedAws
from tests.contract.dynamodb import Dynamo, dynalite, fresh_table, why_no_dynalite
from tests.simulation.run_table import MemoryRunTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture(scope="package")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    """An embedded AWS without functions; not for the session, since a process can have only one at a time."""
    with EmbeddedAws(jobs_cwd=tmp_path_factory.mktemp("project"), stop_timeout=1) as running:
        yield running


@pytest.fixture(scope="session")
def dynalite_client() -> Iterator[DynamoDBClient]:
    """A client of dynalite, an independent DynamoDB with strict validation."""
    if why := why_no_dynalite():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"No dynalite: {why}")
    with dynalite() as client:
        yield client


def _client(kind: str, request: pytest.FixtureRequest) -> DynamoDBClient:
    if kind == "dynalite":
        client: DynamoDBClient = request.getfixturevalue("dynalite_client")
        return client
    aws: EmbeddedAws = request.getfixturevalue("aws")
    return aws.client("dynamodb")


@pytest.fixture(params=["embedded", "dynalite"])
def dynamo(request: pytest.FixtureRequest) -> Iterator[Dynamo]:
    """An empty run table in a DynamoDB."""
    with fresh_table(_client(request.param, request)) as fresh:
        yield fresh


@pytest.fixture
def dynalite_table(dynalite_client: DynamoDBClient) -> Iterator[Dynamo]:
    """An empty run table in dynalite."""
    with fresh_table(dynalite_client) as fresh:
        yield fresh


@pytest.fixture(params=["memory", "embedded", "dynalite"])
def table(request: pytest.FixtureRequest) -> Iterator[RunTable]:
    """An empty run table. The one in memory has small pages, as DynamoDB sometimes has."""
    if request.param == "memory":
        yield MemoryRunTable(page_size=4)
        return
    with fresh_table(_client(request.param, request)) as fresh:
        yield fresh.table


@pytest.fixture(autouse=True)
def _quick_switches() -> Iterator[None]:
    """Let threads take turns often, so that races show."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    yield
    sys.setswitchinterval(interval)
