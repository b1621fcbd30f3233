"""Flowker on AWS, composed: data below, functions on it, and the ways in."""

import aws_cdk as cdk
from constructs import Construct

from flowker.adapters import keys
from infra_cdk.change_feed import ChangeFeed
from infra_cdk.data import Data
from infra_cdk.edge import Edge
from infra_cdk.engine import Engine
from infra_cdk.functions import QUEUES, Functions, LayerFiles
from infra_cdk.http_api import HttpApi
from infra_cdk.observability import Observability, Watched
from infra_cdk.schedules import FlowSchedules, Schedules
from infra_cdk.secrets import Secrets
from infra_cdk.socket_api import STAGE, SocketApi
from infra_cdk.stages import Stage

REPEATED = "W3005"
"""The CDK repeats dependencies that follow from references; it does no harm. Here, SAM's linter finds it as well."""


class FlowkerStack(cdk.Stack):
    """One stage. `files` are the layers as `make build` has made them."""

    def __init__(self, scope: Construct, stage: Stage, files: LayerFiles) -> None:
        super().__init__(
            scope,
            stage.prefix,
            description=f"Flowker, workflow orchestration: {stage.name}",
            env=cdk.Environment(account=stage.account, region=stage.region),
            termination_protection=stage.durable,
            tags={"application": "flowker", "stage": stage.name},
        )
        self.template_options.metadata = {"cfn-lint": {"config": {"ignore_checks": [REPEATED]}}}
        data = Data(self, stage)
        engine = Engine(self, stage, data)
        secrets = Secrets(self, stage, data.key)
        socket_api = SocketApi(self, stage)
        timers = FlowSchedules(self, stage)
        functions = Functions(self, stage, data, engine, socket_api, timers, secrets, files)
        socket_api.serve(functions.all["websocket"])
        engine.report_ends(functions.all["record_execution"])
        http_api = HttpApi(self, stage, functions.all, data.key)
        Schedules(self, stage, functions.all["reconcile"])
        ChangeFeed(self, data.tables[keys.EXECUTIONS], functions.all, functions.dead_letters)
        given_up = {QUEUES[name]: queue for name, queue in functions.dead_letters.items()}
        queues = {**given_up, "status-events": engine.dead_letters}
        Observability(self, stage, Watched(http_api.api.ref, functions, queues), data.key)
        domain, sockets = http_api.domain, f"{socket_api.domain}/{STAGE}?execution_id="
        if stage.edge:
            domain = Edge(self, stage, http_api, socket_api, secrets.origin).domain
            sockets = f"{domain}/ws/executions/"
        cdk.CfnOutput(self, "Url", value=f"https://{domain}", description="Where the API answers")
        cdk.CfnOutput(
            self, "Sockets", value=f"wss://{sockets}", description="Where sockets open; append a run's id"
        )
