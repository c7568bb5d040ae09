"""`python -m kedro_aws_batch …`: the commands of `kedro aws-batch`, with only their own output on stdout."""

from __future__ import annotations

from .cli import aws_batch


def main() -> None:
    """Run the command. Importing Kedro starts its logging, which must keep off stdout."""
    aws_batch(prog_name="python -m kedro_aws_batch")


if __name__ == "__main__":
    main()
