"""`python -m api`: serve by the settings."""

import uvicorn

from api.app import create_app
from config import Settings
from domain.errors import Misconfigured


def main() -> None:
    """Serve until told to stop; requests under way are finished first."""
    try:
        settings = Settings()
    except Misconfigured as error:
        raise SystemExit(f"Bahi does not start: {error}") from error
    uvicorn.run(
        create_app(settings),
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=20,
    )


if __name__ == "__main__":
    main()
