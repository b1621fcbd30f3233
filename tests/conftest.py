"""Options of the whole suite, and what all of it may listen to."""

import logging
import os
from collections.abc import Iterator

import pytest

from flowker.observability import logger
from statemachines.stand_ins.postgres import Postgres, binaries, running


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What Flowker logs; its records do not reach the root logger, where pytest listens."""
    standard = logging.getLogger(logger().name)
    standard.addHandler(caplog.handler)
    yield caplog
    standard.removeHandler(caplog.handler)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server."""
    programs = binaries()
    if programs is not None:
        with running(programs) as server:
            yield server
        return
    missing = "PostgreSQL is not installed: Debian's package is called postgresql"
    pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--target",
        action="append",
        default=[],
        help="where end-to-end tests run: local, moto or the URL of a deployment; may be repeated (default: local, moto)",
    )
    parser.addoption("--api-key", default="", help="API key for a deployment given as --target")
