"""The HTTP edge: parse, authorise, wake a workflow, read a row. No business rule lives here."""
