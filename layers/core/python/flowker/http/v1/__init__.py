"""Routes of the Flowker API, one module per noun (Flowker spec, section a)."""
