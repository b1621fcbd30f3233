"""API Gateway HTTP API: /v1/catalog."""

from flowker.http.app import application
from flowker.http.v1.catalog import router

lambda_handler = application(router)
