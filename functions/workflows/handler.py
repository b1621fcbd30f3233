"""API Gateway HTTP API: /v1/workflows."""

from flowker.http.app import application
from flowker.http.v1.workflows import router

lambda_handler = application(router)
