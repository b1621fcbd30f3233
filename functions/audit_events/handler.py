"""API Gateway HTTP API: /v1/audit-events."""

from flowker.http.app import application
from flowker.http.v1.audit_events import router

lambda_handler = application(router)
