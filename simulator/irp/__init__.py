"""A stand-in for an invoice registration portal: a process of its own, sharing nothing with what it tests."""
