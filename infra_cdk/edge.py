"""CloudFront in front of both APIs: one name, TLS near to the caller, and a place for a web ACL.

Nothing is cached: every answer depends on who asks. `/ws/*` goes to the WebSocket API, everything else to the HTTP API. Both
are told where a request comes from, and by a secret that it is this distribution that says so.
"""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from constructs import Construct

from flowker.http.arrival import ORIGIN
from infra_cdk.http_api import HttpApi
from infra_cdk.nag import acknowledge
from infra_cdk.socket_api import STAGE, SocketApi
from infra_cdk.stages import Stage

VIEWER_REQUEST = Path(__file__).with_name("viewer_request.js")
"""What is done with a request first."""
SOCKETS = "/ws/*"


class Edge(Construct):
    """`domain` is what callers are told."""

    def __init__(
        self,
        scope: Construct,
        stage: Stage,
        http_api: HttpApi,
        socket_api: SocketApi,
        secret: cdk.SecretValue,
    ) -> None:
        super().__init__(scope, "edge")
        self._proof = {ORIGIN: secret.unsafe_unwrap()}
        self._first = cloudfront.Function(
            self,
            "ViewerRequest",
            function_name=f"{stage.prefix}-viewer-request",
            comment="Flowker: where the request comes from, and which run a socket is about",
            code=cloudfront.FunctionCode.from_file(file_path=str(VIEWER_REQUEST)),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
        )
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"Flowker {stage.name}",
            default_behavior=self._behaviour(http_api.domain),
            additional_behaviors={SOCKETS: self._behaviour(socket_api.domain, f"/{STAGE}")},
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            web_acl_id=stage.web_acl or None,
        )
        reasons = {
            "AwsSolutions-CFR1": "customers are everywhere; a web ACL can restrict countries",
            "AwsSolutions-CFR3": "nothing is cached, so the API's access log has every request",
            "AwsSolutions-CFR4": "the name is CloudFront's own until a domain with a certificate is added",
        }
        if not stage.web_acl:
            reasons["AwsSolutions-CFR2"] = "a web ACL is a setting, because it costs and is made in us-east-1"
        acknowledge(distribution, reasons)
        self.domain = distribution.distribution_domain_name

    def _behaviour(self, domain: str, path: str | None = None) -> cloudfront.BehaviorOptions:
        """Everything is passed on, under this path of the origin."""
        origin = origins.HttpOrigin(
            domain,
            origin_path=path,
            custom_headers=self._proof,
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
            origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
            read_timeout=cdk.Duration.seconds(30),
        )
        return cloudfront.BehaviorOptions(
            origin=origin,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            response_headers_policy=cloudfront.ResponseHeadersPolicy.SECURITY_HEADERS,
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            function_associations=[
                cloudfront.FunctionAssociation(
                    function=self._first, event_type=cloudfront.FunctionEventType.VIEWER_REQUEST
                )
            ],
        )
