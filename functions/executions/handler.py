"""API Gateway HTTP API: /v1/executions, and starting one."""

from flowker.http.app import application
from flowker.http.v1.executions import router

lambda_handler = application(router)
