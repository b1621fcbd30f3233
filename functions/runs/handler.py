"""API Gateway HTTP API: running flows, and /api/v1/executions."""

from flowker.http.api_v1.runs import router
from flowker.http.app import application

lambda_handler = application(router)
