"""The one list of runners. The id of an executor begins with its provider's."""

from collections.abc import Mapping
from typing import Any

from flowker.model.outbound import OutboundRequest
from flowker.nodes.runners.base import Call, Runner, no_runner
from flowker.nodes.runners.http import Http
from flowker.nodes.runners.midaz import Midaz
from flowker.nodes.runners.s3 import S3
from flowker.nodes.runners.tracer import Tracer


class _Unknown(Runner):
    def request(self, call: Call) -> OutboundRequest:
        raise no_runner(call.data)


RUNNERS: Mapping[str, Runner] = {"http": Http(), "midaz": Midaz(), "s3": S3(), "tracer": Tracer()}
"""By provider."""

_UNKNOWN = _Unknown()


def runner_of(data: Mapping[str, Any]) -> Runner:
    """The runner for the executor that a node names; one that only fails where there is none."""
    return RUNNERS.get(str(data.get("executorId")).partition(".")[0], _UNKNOWN)
