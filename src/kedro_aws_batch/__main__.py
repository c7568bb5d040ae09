"""`python -m kedro_aws_batch …`: the commands of `kedro aws-batch`, with nothing but their own output on stdout."""

from __future__ import annotations

from .quiet import stdout_kept_clean


def main() -> None:
    """Import Kedro, which logs when imported, out of stdout's way, then run the command."""
    with stdout_kept_clean():
        import kedro.framework.project  # noqa: F401, PLC0415
    from .cli import aws_batch  # noqa: PLC0415

    aws_batch(prog_name="python -m kedro_aws_batch")


if __name__ == "__main__":
    main()
