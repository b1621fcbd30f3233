"""The Lambda functions of the checkout, loaded as they are deployed: `functions/<name>/handler.py`."""

import importlib.util
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from flowker.http.routes import FALLBACK, ROUTES

Handler = Callable[[dict[str, Any], object], Any]

FOLDER = Path(__file__).resolve().parents[2] / "functions"

HTTP_FUNCTIONS = tuple(dict.fromkeys([*(route.function for route in ROUTES), FALLBACK]))


@cache
def handler(name: str) -> Handler:
    """The function's entry point."""
    path = FOLDER / name / "handler.py"
    spec = importlib.util.spec_from_file_location(f"functions.{name}.handler", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Handler = module.lambda_handler
    return found


class Context:
    """What handlers may ask of a Lambda context."""

    def __init__(self, name: str, request_id: str) -> None:
        self.function_name = name
        self.function_version = "$LATEST"
        self.memory_limit_in_mb = 1024
        self.invoked_function_arn = f"arn:aws:lambda:local:000000000000:function:{name}"
        self.aws_request_id = request_id
