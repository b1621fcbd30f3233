"""The languages that users write inside nodes and edges: conditions and mappings. Pure functions over JSON values."""
