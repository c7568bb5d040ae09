"""The project's settings: Kedro's own, with the two environments that are its defaults."""

CONFIG_LOADER_ARGS = {"base_env": "base", "default_run_env": "local"}
