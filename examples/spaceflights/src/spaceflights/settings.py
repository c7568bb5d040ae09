"""The project's settings: Kedro's own, but for how parameters are merged."""

# Kedro merges `--params=split.test_share=0.3` into each environment's parameters before it merges the environments. By
# default an environment's key replaces the base's whole, so that all else under `split` would be lost in every
# environment with a parameters file of its own, as conf/aws_batch is. "soft" merges key by key.
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft"},
}
