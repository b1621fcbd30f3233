"""API Gateway HTTP API: /api/v1/accounts and their secrets."""

from flowker.http.api_v1 import accounts, secrets
from flowker.http.app import application

lambda_handler = application(accounts.router, secrets.router)
