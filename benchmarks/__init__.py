"""Benchmarks: `python -m benchmarks [NAME…]`. What they measure and what came out is told in docs/performance.md."""
