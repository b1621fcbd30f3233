"""API Gateway HTTP API: /v1/provider-configurations."""

from flowker.http.app import application
from flowker.http.v1.provider_configurations import router

lambda_handler = application(router)
