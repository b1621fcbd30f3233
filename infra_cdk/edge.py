"""CloudFront in front of the API: one name, TLS near to the caller, and a place for a web ACL.

Nothing is cached: every answer depends on who asks. The place of the WebSocket API of the second face is here, as a
behaviour for `/ws/*` with the socket API as its origin; it comes with that face.
"""

import aws_cdk as cdk
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from constructs import Construct

from infra_cdk.http_api import HttpApi
from infra_cdk.nag import acknowledge
from infra_cdk.stages import Stage


class Edge(Construct):
    """`domain` is what callers are told."""

    def __init__(self, scope: Construct, stage: Stage, http_api: HttpApi) -> None:
        super().__init__(scope, "edge")
        origin = origins.HttpOrigin(
            http_api.domain,
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
            origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
            read_timeout=cdk.Duration.seconds(30),
        )
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"Flowker {stage.name}",
            default_behavior=cloudfront.BehaviorOptions(
                origin=origin,
                allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
                cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
                origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
                response_headers_policy=cloudfront.ResponseHeadersPolicy.SECURITY_HEADERS,
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            ),
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
