"""The one place that configures logging. Inner rooms use `logging.getLogger(__name__)`; records become JSON here.

Bodies, credentials and customer data are never logged; records carry ids (`execution_id`, `node_id`, `request_id`).
"""

import logging
from functools import cache

from aws_lambda_powertools import Logger


@cache
def logger() -> Logger:
    """The structured logger of this process; standard loggers below `flowker` write through it."""
    configured = Logger(service="flowker", name="flowker", log_uncaught_exceptions=False)
    logging.getLogger("flowker").propagate = False
    return configured
