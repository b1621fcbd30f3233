"""The table of routes, which both homes' gateways are told, and what the functions really answer are the same."""

import re
from importlib import import_module

import pytest
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.api_gateway import Router

from flowker.http.routes import FALLBACK, ROUTES, Route, function_for, methods_of
from flowker_local.functions import FOLDER, HTTP_FUNCTIONS, handler

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
FUNCTIONS = sorted({route.function for route in ROUTES})


def routers_of(function: str) -> list[Router]:
    """What a function serves: as a rule the routes of the module of the same name in one of the faces."""
    source = (FOLDER / function / "handler.py").read_text()
    single = re.findall(r"^from (flowker\.http\.\w+\.\w+) import router$", source, re.MULTILINE)
    several = re.findall(r"^from (flowker\.http\.api_v1) import (.+)$", source, re.MULTILINE)
    named = [*single, *(f"{face}.{noun}" for face, nouns in several for noun in nouns.split(", "))]
    assert named, f"functions/{function}/handler.py serves no router"
    assert {*named} == {route.module for route in ROUTES if route.function == function}
    return [import_module(name).router for name in named]


def registered(function: str) -> set[tuple[str, str]]:
    """Method and path of every route that the function's application has."""
    app: APIGatewayHttpResolver = APIGatewayHttpResolver()
    for router in routers_of(function):
        app.include_router(router)
    paths = app.get_openapi_schema().paths or {}
    return {
        (method, path)
        for path, operations in paths.items()
        for method in METHODS
        if getattr(operations, method.lower()) is not None
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_answers_exactly_the_routes_of_the_table(function: str) -> None:
    told = {
        (method, re.sub(r"\{\w+\+\}", ".+", route.path))
        for route in ROUTES
        if route.function == function
        for method in route.methods
    }
    assert registered(function) == told


def test_every_function_of_the_table_exists() -> None:
    assert {*FUNCTIONS, FALLBACK} == {*HTTP_FUNCTIONS}
    for function in HTTP_FUNCTIONS:
        assert callable(handler(function))


def example(route: Route) -> str:
    """A path that the route is meant for."""
    return re.sub(r"\{\w+\}", "a-1.b", re.sub(r"\{\w+\+\}", "deep/er", route.path))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_path_is_sent_to_the_function_of_its_route(route: Route) -> None:
    path = example(route)
    assert route.matches(path)
    assert function_for(path) == route.function
    assert methods_of(path) >= {*route.methods}


def test_no_method_of_a_path_is_in_the_table_twice() -> None:
    claimed = [(method, route.path) for route in ROUTES for method in route.methods]
    assert len(claimed) == len({*claimed})
    assert {method for method, _ in claimed} <= {*METHODS}


def test_routes_that_share_a_path_share_the_function() -> None:
    """Whoever answers a path also answers for the methods that it does not have."""
    for route in ROUTES:
        assert {other.function for other in ROUTES if other.matches(example(route))} == {route.function}


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/v1",
        "/v1/",
        "/v1/workflows/",
        "/v1/workflows/a/b/c",
        "/v1/webhooks/",
        "/api/v1",
        "/api/v1/accounts/a/b/c/d",
        "/health/",
        "/x/health",
    ],
)
def test_other_paths_fall_to_the_function_that_refuses_them(path: str) -> None:
    assert function_for(path) == FALLBACK
    assert methods_of(path) == set()
