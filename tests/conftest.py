"""Fixtures for every test; each lives in a module named for what it provides."""

pytest_plugins = ["tests.postgres", "tests.world"]
