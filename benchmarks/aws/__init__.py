"""An AWS in virtual time, with its quotas, latencies and prices: on it the real handlers run whole pipelines."""
