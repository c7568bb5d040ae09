"""Datasets' own access keys, which they use instead of the environment's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from kedro_aws_batch.graph.datasets import entry

if TYPE_CHECKING:
    from collections.abc import Iterator

#: As fsspec, boto3, pyarrow and object stores spell them, in any case, with or without `aws_`.
_IDS, _SECRETS = ("key", "access_key", "access_key_id"), ("secret", "secret_key", "secret_access_key")


def own_keys(catalog: Any, datasets: Iterable[str]) -> dict[str, str]:
    """Return these datasets' access keys, id → secret, from the credentials of the catalog.

    Blank ones, as `${oc.env:KEY,""}` leaves them, don't count: clients take those of their environment instead.
    """
    return dict(pair for name in datasets for pair in _within(entry(catalog, name)))


def _within(config: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(config, Mapping):
        return
    spelled = {str(name).lower().removeprefix("aws_"): value for name, value in config.items()}
    key_id, secret = (next((spelled[name] for name in names if name in spelled), None) for names in (_IDS, _SECRETS))
    if isinstance(key_id, str) and isinstance(secret, str) and key_id.strip() and secret.strip():
        yield key_id, secret
    for value in config.values():
        yield from _within(value)
