"""The `flowker` command."""
