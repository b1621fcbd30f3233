"""API Gateway HTTP API, `$default`: whatever no route matches."""

from flowker.http.app import application, routes

lambda_handler = application(routes())
