"""API Gateway HTTP API: the OpenAPI document and the page that shows it, without authentication."""

from flowker.http.app import application
from flowker.http.v1.api_docs import router

lambda_handler = application(router, public=True)
