"""Orchestration that reads like the business process. Deterministic; imports only `domain` of ours."""
