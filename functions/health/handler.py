"""API Gateway HTTP API: health, readiness and version, without authentication."""

from flowker.http.app import application
from flowker.http.v1.health import router

lambda_handler = application(router, public=True)
