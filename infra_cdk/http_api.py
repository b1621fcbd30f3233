"""The HTTP API: the routes of `flowker.http.routes`, each to its function, and everything else to `not_found`."""

import json
from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as api
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from flowker.http.routes import FALLBACK, ROUTES
from infra_cdk.log_groups import encrypted_log_group
from infra_cdk.nag import acknowledge
from infra_cdk.stages import Stage

LOGGED = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "ip": "$context.identity.sourceIp",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "route": "$context.routeKey",
    "status": "$context.status",
    "responseLength": "$context.responseLength",
    "latency": "$context.responseLatency",
    "integrationLatency": "$context.integrationLatency",
    "integrationError": "$context.integrationErrorMessage",
    "userAgent": "$context.identity.userAgent",
}
"""No query string: it may hold what customers search for."""


class HttpApi(Construct):
    """Every route takes every method: functions also answer the methods that a path does not have, and preflights."""

    def __init__(
        self, scope: Construct, stage: Stage, functions: Mapping[str, lambda_.Function], key: kms.IKey
    ) -> None:
        super().__init__(scope, "http_api")
        self._functions = functions
        self._integrations: dict[str, str] = {}
        self.api = api.CfnApi(self, "Api", name=stage.prefix, protocol_type="HTTP", description="Flowker")
        for route in ROUTES:
            self._route(f"ANY {route.path}", route.function)
        self._route("$default", FALLBACK)
        self._stage(stage, key)

    @property
    def domain(self) -> str:
        """Where the API answers."""
        stack = cdk.Stack.of(self)
        return f"{self.api.ref}.execute-api.{stack.region}.{stack.url_suffix}"

    def _route(self, key: str, function: str) -> None:
        route = api.CfnRoute(
            self,
            f"route {key}".replace("/", ":"),
            api_id=self.api.ref,
            route_key=key,
            target=f"integrations/{self._integration(function)}",
        )
        reason = "functions check keys and tokens themselves: keys are hashes in their settings, and health is public"
        acknowledge(route, {"AwsSolutions-APIG4": reason})

    def _integration(self, function: str) -> str:
        """One for each function, with one permission for all its routes."""
        if function not in self._integrations:
            target = self._functions[function]
            self._integrations[function] = api.CfnIntegration(
                self,
                f"integration {function}",
                api_id=self.api.ref,
                integration_type="AWS_PROXY",
                integration_uri=target.function_arn,
                payload_format_version="2.0",
                timeout_in_millis=30_000,
            ).ref
            lambda_.CfnPermission(
                self,
                f"permission {function}",
                action="lambda:InvokeFunction",
                function_name=target.function_arn,
                principal="apigateway.amazonaws.com",
                source_arn=cdk.Stack.of(self).format_arn(
                    service="execute-api", resource=self.api.ref, resource_name="*"
                ),
            )
        return self._integrations[function]

    def _stage(self, stage: Stage, key: kms.IKey) -> None:
        group = encrypted_log_group(self, "AccessLog", f"/aws/vendedlogs/apis/{stage.prefix}", stage, key)
        api.CfnStage(
            self,
            "Stage",
            api_id=self.api.ref,
            stage_name="$default",
            auto_deploy=True,
            access_log_settings=api.CfnStage.AccessLogSettingsProperty(
                destination_arn=group.log_group_arn, format=json.dumps(LOGGED)
            ),
            default_route_settings=api.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=stage.requests_per_second,
                throttling_burst_limit=stage.burst,
                detailed_metrics_enabled=True,
            ),
        )
