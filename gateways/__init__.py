"""Outside systems, one file each behind a small protocol."""
