"""For tests that package the functions, which Lambda takes for no older Python."""

import sys

import pytest

packages = pytest.mark.skipif(sys.version_info < (3, 11), reason="Lambda takes no new functions for this Python")
