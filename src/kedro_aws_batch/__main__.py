"""`python -m kedro_aws_batch …`: the commands of `kedro aws-batch`, with nothing but their own output on stdout."""

from __future__ import annotations

from .cli import aws_batch


def main() -> None:
    """Run the command, which imports Kedro, whose logging begins with that, out of stdout's way."""
    aws_batch(prog_name="python -m kedro_aws_batch")


if __name__ == "__main__":
    main()
