"""The API on a real socket, with real Postgres, and with Temporal where a workflow must answer."""
