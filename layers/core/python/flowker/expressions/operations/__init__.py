"""The operations that transform documents, one way of working per module; `registry` is the list of them."""
