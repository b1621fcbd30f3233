"""The read-only registry of providers, executors and triggers: data and JSON Schemas (Flowker spec, section g)."""
