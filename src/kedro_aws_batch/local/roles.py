"""The one IAM role of the embedded AWS: moto requires an existing role, but checks nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends

if TYPE_CHECKING:
    from kedro_aws_batch.local.place import Place

_NAME = "embedded"


def role_arn(place: Place) -> str:
    """Return the ARN of a role for Batch and Lambda, and make it if necessary."""
    backend = iam_backends[place.account]["aws"]
    try:
        return str(backend.get_role(_NAME).arn)
    except NotFoundException:
        principal = {"Service": ["batch.amazonaws.com", "lambda.amazonaws.com"]}
        trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        return str(backend.create_role(_NAME, document, "/", None, "", [], "3600").arn)
