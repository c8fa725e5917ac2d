"""What is true of billing, without clock, randomness or I/O. Standard library only."""
