"""Flowker on AWS, composed: data below, functions on it, and the ways in."""

import aws_cdk as cdk
from constructs import Construct

from flowker.adapters import keys
from infra_cdk.change_feed import ChangeFeed
from infra_cdk.data import Data
from infra_cdk.edge import Edge
from infra_cdk.engine import Engine
from infra_cdk.functions import Functions, LayerFiles
from infra_cdk.http_api import HttpApi
from infra_cdk.observability import Observability, Watched
from infra_cdk.schedules import Schedules
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
        functions = Functions(self, stage, data, engine.role.role_arn, files)
        engine.report_ends(functions.all["record_execution"])
        http_api = HttpApi(self, stage, functions.all, data.key)
        Schedules(self, stage, functions.all["reconcile"])
        ChangeFeed(
            self, data.tables[keys.EXECUTIONS], functions.all["append_audit"], functions.stream_dead_letters
        )
        queues = {"change-feed": functions.stream_dead_letters, "status-events": engine.dead_letters}
        Observability(self, stage, Watched(http_api.api.ref, functions, queues), data.key)
        domain = Edge(self, stage, http_api).domain if stage.edge else http_api.domain
        cdk.CfnOutput(self, "Url", value=f"https://{domain}", description="Where the API answers")
