"""Options of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--target",
        action="append",
        default=[],
        help="where end-to-end tests run: local, moto or the URL of a deployment; may be repeated (default: local, moto)",
    )
    parser.addoption("--api-key", default="", help="API key for a deployment given as --target")
