"""The one list of node types of flows, by what `type:` says (FlowRunner spec d)."""

from collections.abc import Mapping

from flowker.nodes.flow.agent import Agent
from flowker.nodes.flow.base import FlowNodeType
from flowker.nodes.flow.condition import Condition
from flowker.nodes.flow.cron import Cron
from flowker.nodes.flow.delay import Delay
from flowker.nodes.flow.dynamodb import DynamoDbTable
from flowker.nodes.flow.email_receive import EmailReceive
from flowker.nodes.flow.email_send import EmailSend
from flowker.nodes.flow.flow import Flow
from flowker.nodes.flow.http_request import HttpRequest
from flowker.nodes.flow.join import Join
from flowker.nodes.flow.llm import Llm
from flowker.nodes.flow.mcp import Mcp
from flowker.nodes.flow.node_type import NodeType
from flowker.nodes.flow.pass_through import PassThrough
from flowker.nodes.flow.postgres import Postgres
from flowker.nodes.flow.split import Split
from flowker.nodes.flow.store import Store
from flowker.nodes.flow.transform import BatchTransform, Transform
from flowker.nodes.flow.wait import Wait
from flowker.nodes.flow.webhook import Webhook

_BATCHES = (
    BatchTransform("batch", "serial", "one after the other"),
    BatchTransform("async_batch", "async", "one after the other"),
    BatchTransform("parallel_batch", "parallel", "all at once"),
    BatchTransform("worker_pool", "worker_pool", "a few at a time"),
)

_CALLING = (
    HttpRequest(), Webhook(), Llm(), Mcp(), EmailSend(), EmailReceive(), Postgres(), DynamoDbTable(),
)  # fmt: skip
"""What calls somebody outside in one go, so that an agent can use it as a tool."""

NODE_TYPES: Mapping[str, NodeType] = {
    kind.name: kind
    for kind in (
        *_CALLING, Agent(_CALLING), Transform(), Condition(), Split(), Join(), Delay(), Wait(), Store(), Flow(), Cron(),
        PassThrough(), *_BATCHES,
    )
}  # fmt: skip
"""With their documentation."""

FLOW_NODE_TYPES: Mapping[str, FlowNodeType] = NODE_TYPES
