"""Settings, from the environment and from ``~/.config/aloop/config.toml``."""
