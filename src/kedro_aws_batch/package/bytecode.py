"""Compiles a tree for Lambda: /var/task is read-only, so without bytecode every cold start would compile again.

It runs by path, in a process of its own with only the standard library: the bytecode would otherwise depend on what a
process has loaded and on the seed of its hashes.
"""

import py_compile
import sys
from pathlib import Path

#: Where Lambda unpacks the zip: the path that tracebacks show.
_TASK_ROOT = "/var/task"


def main(root: Path) -> None:
    """Write a .pyc for each module below a directory that is never checked against its source."""
    for path in sorted(root.rglob("*.py")):
        py_compile.compile(
            str(path),
            dfile=f"{_TASK_ROOT}/{path.relative_to(root).as_posix()}",
            doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
