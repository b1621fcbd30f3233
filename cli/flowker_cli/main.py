"""`flowker`: one verb for each thing that is done at a terminal."""

import argparse
import sys
from collections.abc import Sequence

from flowker.settings import product_version
from flowker_cli import audit, cost, dev


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb and return the exit code: 0 done, 1 a proof has failed, 2 unusable arguments or surroundings."""
    parser = argparse.ArgumentParser(
        prog="flowker", description="Workflow orchestration for financial validation."
    )
    parser.add_argument("--version", action="version", version=f"flowker {product_version()}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    dev.add_arguments(verbs.add_parser("dev", help="run Flowker on this machine", description=dev.__doc__))
    audit.add_arguments(
        verbs.add_parser("audit", help="export the audit trail, prove an export", description=audit.__doc__)
    )
    cost.add_arguments(
        verbs.add_parser("cost", help="tell what a workflow costs on AWS", description=cost.__doc__)
    )
    options = parser.parse_args(arguments)
    run = {"dev": dev.run, "audit": audit.run, "cost": cost.run}[options.verb]
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
