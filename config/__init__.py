"""What an installation may set: the environment, and a file of sellers."""

from config.settings import PREFIX, Settings

__all__ = ["PREFIX", "Settings"]
