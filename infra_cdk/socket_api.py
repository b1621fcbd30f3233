"""The WebSocket API: sockets that follow runs. CloudFront leads to it, see edge.py, because it knows no paths."""

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as api
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra_cdk.nag import acknowledge
from infra_cdk.stages import Stage

STAGE = "live"
"""The first segment of the path of every request."""
ROUTES = ("$connect", "$disconnect", "$default")


class SocketApi(Construct):
    """Made before the functions, which are told its address; `serve` then names the one that answers."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        super().__init__(scope, "socket_api")
        self._stage = stage
        self.api = api.CfnApi(
            self,
            "Api",
            name=f"{stage.prefix}-sockets",
            protocol_type="WEBSOCKET",
            route_selection_expression="$request.body.type",
            description="Flowker: sockets",
        )

    @property
    def domain(self) -> str:
        """Where sockets are opened, under the path of the stage."""
        stack = cdk.Stack.of(self)
        return f"{self.api.ref}.execute-api.{stack.region}.{stack.url_suffix}"

    @property
    def endpoint(self) -> str:
        """Where messages to sockets are posted."""
        return f"https://{self.domain}/{STAGE}"

    @property
    def connections(self) -> str:
        """The ARN of all sockets, for those who post to them and close them."""
        return cdk.Stack.of(self).format_arn(
            service="execute-api", resource=self.api.ref, resource_name=f"{STAGE}/*/@connections/*"
        )

    def serve(self, function: lambda_.Function) -> None:
        """Let the function answer all that sockets do."""
        stack = cdk.Stack.of(self)
        integration = api.CfnIntegration(
            self,
            "Integration",
            api_id=self.api.ref,
            integration_type="AWS_PROXY",
            integration_uri=f"arn:{stack.partition}:apigateway:{stack.region}:lambda:path/2015-03-31/functions/"
            f"{function.function_arn}/invocations",
        )
        routes = [self._route(key, integration) for key in ROUTES]
        lambda_.CfnPermission(
            self,
            "Permission",
            action="lambda:InvokeFunction",
            function_name=function.function_arn,
            principal="apigateway.amazonaws.com",
            source_arn=stack.format_arn(
                service="execute-api", resource=self.api.ref, resource_name=f"{STAGE}/*"
            ),
        )
        made = api.CfnStage(
            self,
            "Stage",
            api_id=self.api.ref,
            stage_name=STAGE,
            auto_deploy=True,
            default_route_settings=api.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=self._stage.requests_per_second,
                throttling_burst_limit=self._stage.burst,
                detailed_metrics_enabled=True,
            ),
        )
        for route in routes:
            made.add_dependency(route)
        reason = "it needs a role that is set for a whole account and region, and would log addresses that hold tokens"
        acknowledge(made, dict.fromkeys(["AwsSolutions-APIG1", "Serverless-APIGWAccessLogging"], reason))

    def _route(self, key: str, integration: api.CfnIntegration) -> api.CfnRoute:
        route = api.CfnRoute(
            self,
            f"route {key}",
            api_id=self.api.ref,
            route_key=key,
            target=f"integrations/{integration.ref}",
            route_response_selection_expression="$default" if key == "$default" else None,
        )
        reason = "the function checks tokens and tickets itself, in $connect"
        acknowledge(route, {"AwsSolutions-APIG4": reason})
        if key == "$default":
            api.CfnRouteResponse(
                self, "Answer", api_id=self.api.ref, route_id=route.ref, route_response_key="$default"
            )
        return route
