"""Orchestration that reads like the business process. Deterministic: imports `domain` and nothing else of ours."""
