"""API Gateway HTTP API: /v1/dashboards."""

from flowker.http.app import application
from flowker.http.v1.dashboards import router

lambda_handler = application(router)
