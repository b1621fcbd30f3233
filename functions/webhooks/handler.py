"""API Gateway HTTP API: /v1/webhooks."""

from flowker.http.app import application
from flowker.http.v1.webhooks import router

lambda_handler = application(router)
