"""Prints the metrics of the last local distributed run, from the embedded S3.

The contents of that S3 are in .kedro_aws_batch/local: index.json names each object's content, under objects/.
"""

import json
import sys
from pathlib import Path
from typing import Any

STATE = Path(__file__).parents[1] / ".kedro_aws_batch" / "local"
BUCKET, KEY = "spaceflights", "08_reporting/metrics_comparison.json"


def read_object(bucket: str, key: str) -> bytes:
    """Return the content of an object on the embedded S3."""
    index = json.loads((STATE / "index.json").read_bytes())
    etag = index["objects"][bucket][key]
    return (STATE / "objects" / etag).read_bytes()


def table(comparison: dict[str, Any]) -> str:
    """Return the models one below the other, the better one marked."""
    models = {name: metrics for name, metrics in comparison.items() if name != "better"}
    columns = list(next(iter(models.values())))
    lines = [f"{'model':12}" + "".join(f"{column:>15}" for column in columns)]
    for name, metrics in models.items():
        mark = "  better" if name == comparison["better"] else ""
        lines.append(f"{name:12}" + "".join(f"{metrics[column]:>15}" for column in columns) + mark)
    return "\n".join(f"  {line}" for line in lines)


def main() -> None:
    """Print the table, or say that there is none yet."""
    try:
        comparison = json.loads(read_object(BUCKET, KEY))
    except (FileNotFoundError, KeyError):
        sys.exit("There are no metrics yet: run `kedro aws-batch run --local` first.")
    print(f"  s3://{BUCKET}/{KEY}")
    print(table(comparison))


if __name__ == "__main__":
    main()
