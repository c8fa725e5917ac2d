"""The TypeScript client, installed and built once."""

import pytest

from clients.building import compiler, install


@pytest.fixture(scope="session")
def built() -> None:
    """Its packages are there, and `dist` is what `src` says."""
    install()
    compiler()
