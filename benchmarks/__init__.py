"""Benchmarks: `python -m benchmarks [NAME…]`. docs/performance.md says what they measure, and the results."""
