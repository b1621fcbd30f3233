"""What CloudFront does with requests: its function, run as CloudFront runs it, and where it sends them."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from quickjs import Context  # type: ignore[import-untyped]

from flowker.http.arrival import ADDRESS, ORIGIN
from infra_cdk.edge import SOCKETS, VIEWER_REQUEST
from infra_cdk.socket_api import STAGE
from tests.infra.policies import Template

pytestmark = pytest.mark.timeout(300)  # the first test waits for the synthesis
VIEWER = "198.51.100.23"


def passed_on(
    uri: str, query: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The request as the origin is asked it."""
    request = {
        "method": "GET",
        "uri": uri,
        "querystring": {name: {"value": value} for name, value in (query or {}).items()},
        "headers": {name: {"value": value} for name, value in (headers or {}).items()},
        "cookies": {},
    }
    event = json.dumps({"version": "1.0", "viewer": {"ip": VIEWER}, "request": request})
    context = Context()
    context.eval(VIEWER_REQUEST.read_text())
    answer: dict[str, Any] = json.loads(context.eval(f"JSON.stringify(handler({event}))"))
    return answer


@pytest.mark.parametrize("end", ["", "/"])
def test_a_socket_of_a_run_becomes_a_question_about_it(end: str) -> None:
    run = "0b5ff1a5-0000-4000-8000-000000000001"
    asked = passed_on(f"/ws/executions/{run}{end}", {"since": "7", "token": "a.b.c"})
    assert asked["uri"] == "/"
    assert asked["querystring"] == {
        "since": {"value": "7"},
        "token": {"value": "a.b.c"},
        "execution_id": {"value": run},
    }


def test_the_path_says_which_run_not_the_query() -> None:
    asked = passed_on("/ws/executions/one", {"execution_id": "another"})
    assert asked["querystring"]["execution_id"] == {"value": "one"}


@pytest.mark.parametrize(
    "uri",
    [
        "/", "/ws", "/ws/executions", "/ws/executions/", "/ws/executions/a/b", "/ws/other/a", "/v1/ws/executions/a",
        "/api/v1/executions/a", "/v1/workflows",
    ],
)  # fmt: skip
def test_every_other_path_stays(uri: str) -> None:
    asked = passed_on(uri, {"limit": "5"})
    assert (asked["uri"], asked["querystring"]) == (uri, {"limit": {"value": "5"}})


def test_the_caller_does_not_say_where_it_is() -> None:
    asked = passed_on("/v1/workflows", headers={ADDRESS: "10.0.0.1", "x-api-key": "k"})
    assert asked["headers"] == {ADDRESS: {"value": VIEWER}, "x-api-key": {"value": "k"}}


# --- the distribution ------------------------------------------------------------------------------------------------


@pytest.fixture
def distribution(template: Template) -> dict[str, Any]:
    (made,) = template.of_type("AWS::CloudFront::Distribution").values()
    config: dict[str, Any] = made["DistributionConfig"]
    return config


def behaviours(distribution: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By path, with the origin that they lead to."""
    origins = {each["Id"]: each for each in distribution["Origins"]}
    found = {"*": distribution["DefaultCacheBehavior"]} | {
        each["PathPattern"]: each for each in distribution["CacheBehaviors"]
    }
    return {path: each | {"origin": origins[each["TargetOriginId"]]} for path, each in found.items()}


def test_sockets_go_to_the_one_api_and_everything_else_to_the_other(
    template: Template, distribution: dict[str, Any]
) -> None:
    kinds = {name: each["ProtocolType"] for name, each in template.of_type("AWS::ApiGatewayV2::Api").items()}
    led = {
        path: (kinds[each["origin"]["DomainName"].split(".")[0]], each["origin"].get("OriginPath", ""))
        for path, each in behaviours(distribution).items()
    }
    assert led == {"*": ("HTTP", ""), SOCKETS: ("WEBSOCKET", f"/{STAGE}")}


def test_everything_is_passed_on_and_nothing_kept(distribution: dict[str, Any]) -> None:
    for behaviour in behaviours(distribution).values():
        assert (
            behaviour["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
        )  # AWS's own: CachingDisabled
        assert (
            behaviour["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
        )  # AllViewerExceptHost…
        assert behaviour["ViewerProtocolPolicy"] == "https-only"
        assert len(behaviour["AllowedMethods"]) == 7


def test_both_are_told_where_a_request_comes_from_and_who_says_so(
    template: Template, distribution: dict[str, Any]
) -> None:
    (function,) = template.of_type("AWS::CloudFront::Function").values()
    assert function["FunctionCode"] == VIEWER_REQUEST.read_text()
    assert function["FunctionConfig"]["Runtime"] == "cloudfront-js-2.0"
    for behaviour in behaviours(distribution).values():
        (association,) = behaviour["FunctionAssociations"]
        assert association["EventType"] == "viewer-request"
        (header,) = behaviour["origin"]["OriginCustomHeaders"]
        assert header["HeaderName"] == ORIGIN
        assert header["HeaderValue"].startswith("{{resolve:secretsmanager:")
        for name in ("workflows", "auth"):
            known = template.functions[name]["Environment"]["Variables"]["FLOWKER_ORIGIN_SECRET"]
            assert known == header["HeaderValue"]
