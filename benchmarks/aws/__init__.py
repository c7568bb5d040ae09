"""An AWS in virtual time, with its quotas, latencies and prices. The real handlers run whole pipelines on it."""
