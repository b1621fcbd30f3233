"""API Gateway HTTP API: /api/v1/auth; logging in needs no token."""

from flowker.http.api_v1.auth import router
from flowker.http.app import application
from flowker.http.routes import PUBLIC_PATHS

lambda_handler = application(router, public=PUBLIC_PATHS)
