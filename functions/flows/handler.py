"""API Gateway HTTP API: /api/v1/flows."""

from flowker.http.api_v1.flows import router
from flowker.http.app import application

lambda_handler = application(router)
