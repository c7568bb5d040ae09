"""The two replacements for AWS's DynamoDB, and tables in them."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import yaml
from botocore.config import Config

from adapters.run_table import DynamoRunTable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROOT = Path(__file__).parents[2]
_numbers = itertools.count()


@dataclass(frozen=True)
class Dynamo:
    """A run table in a DynamoDB, and how to look behind it."""

    client: DynamoDBClient
    name: str

    @property
    def table(self) -> DynamoRunTable:
        """Return the run table."""
        return DynamoRunTable(self.client, self.name)


def why_no_dynalite() -> str | None:
    """Return why dynalite can't be started here, or None where it can."""
    if shutil.which("node") is None:
        return "there is no Node: install Node 20 or newer and npm, then `make test` does the rest"
    if not (ROOT / "node_modules" / "dynalite").exists():
        return "dynalite is not installed: run `npm ci`"
    return None


@contextmanager
def dynalite() -> Iterator[DynamoDBClient]:
    """Run dynalite in its own process, which ends with this one, however that ends."""
    command = ["node", str(Path(__file__).with_name("dynalite.js"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url, "dynalite did not start: its standard error says why"
            client = _client(url)
            yield client
            client.close()
        finally:
            process.kill()


def _client(url: str) -> DynamoDBClient:
    return boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - dynalite takes any
        config=Config(max_pool_connections=50, retries={"total_max_attempts": 1}, proxies={}),
    )


@contextmanager
def fresh_table(client: DynamoDBClient) -> Iterator[Dynamo]:
    """Create a table with the deployed keys, and delete it in the end."""
    resources = yaml.safe_load((ROOT / "resources" / "run_table.yml").read_text(encoding="utf-8"))["Resources"]
    properties = resources["RunTable"]["Properties"]
    kept = {name: properties[name] for name in ("AttributeDefinitions", "BillingMode", "KeySchema")}
    name = f"runs-{next(_numbers)}"
    client.create_table(TableName=name, **kept)
    while client.describe_table(TableName=name)["Table"]["TableStatus"] != "ACTIVE":
        time.sleep(0.002)
    yield Dynamo(client, name)
    client.delete_table(TableName=name)
