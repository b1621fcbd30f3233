"""Logging in and out (FlowRunner spec a.3 #1–#3, b)."""

from typing import Any

from aws_lambda_powertools.event_handler import Response

from flowker.http.api_v1.requests import json_body, text
from flowker.http.app import answer, routes
from flowker.http.authentication import principal
from flowker.model.instant import of_epoch
from flowker.usecases.sessions import Session
from flowker.wiring import accounts as wiring

router = routes()


@router.post("/api/v1/auth/login")
def login() -> Response[Any]:
    """Get a token for an e-mail address and a password."""
    body = json_body(router.current_event)
    return _session(wiring.sessions().login(text(body, "username"), text(body, "password")))


@router.post("/api/v1/auth/refresh")
def refresh() -> Response[Any]:
    """Get a new token for a valid one, which stays valid.

    Thirty days after the password was given, it has to be given again.
    """
    return _session(wiring.sessions().refresh(principal()))


@router.post("/api/v1/auth/logout")
def logout() -> Response[Any]:
    """Make this token unusable at once, and close its sockets."""
    wiring.sessions().logout(principal())
    return answer({"message": "Logged out successfully"})


def _session(session: Session) -> Response[Any]:
    expires_at = of_epoch(session.expires_at)
    shown = {"token": session.token, "expires_at": expires_at, "account_id": session.account_id}
    return answer(shown, headers={"Cache-Control": "no-store"})
