"""What a node is made of, as hashes: code, versions and catalog entries (docs/seeing-a-run.md)."""
