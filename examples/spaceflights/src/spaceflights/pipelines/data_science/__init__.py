"""Two models of the fare, trained on the same flights and measured on the same others."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
