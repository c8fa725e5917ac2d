"""Every effect a workflow asks for. Each class implements some of `workflows.ports` with what it needs."""
