"""The OpenAPI 3.1 document of `/v1`, one module per noun, as in `http/v1`.

Only `document.py` is for others, and only the function that serves the document and `docs/generate.py` import it: the
functions that answer requests must not pay for it when they start.
"""
