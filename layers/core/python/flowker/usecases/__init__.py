"""What users can do, one module per noun. Talks to the outside only through `ports`."""
