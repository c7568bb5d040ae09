"""The project's settings: Kedro's own, except how parameters are merged."""

# Kedro merges `--params=split.test_share=0.3` into each environment's parameters before it merges the environments. By
# default an environment's key replaces the base's whole key. So everything else under `split` would be lost in every
# environment with its own parameters file, such as conf/aws_batch. "soft" merges key by key.
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft"},
}
