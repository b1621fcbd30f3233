"""API Gateway HTTP API: /v1/executors."""

from flowker.http.app import application
from flowker.http.v1.executors import router

lambda_handler = application(router)
