"""The API's own description: an OpenAPI document for each face, and a page to read and try it (Flowker spec a.9)."""

from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import Response

from flowker.errors import UnknownRoute
from flowker.http.app import routes
from flowker.http.openapi import asyncapi
from flowker.http.openapi.asyncapi import ASYNCAPI
from flowker.http.openapi.document import API_V1, V1, document
from flowker.http.openapi.page import DOCUMENTS, FILES, PAGE, PAGES, POLICY, text_of
from flowker.model import exact_json

router = routes()

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
}


@router.get("/swagger")
def find_api_docs() -> Response[Any]:
    """Where the page is."""
    return Response(302, headers={"Location": f"/swagger/{PAGE}"}, body="")


@router.get("/swagger/")
def find_api_docs_in_folder() -> Response[Any]:
    """Where the page is, for those who ask for the folder."""
    return find_api_docs()


@router.get("/swagger/<file>", compress=True)
def get_api_docs(file: str) -> Response[Any]:
    """The pages, the documents, and what the pages consist of."""
    if file not in FILES:
        raise UnknownRoute(f"there is no GET /swagger/{file}")
    # What a new version changes is asked for each time; the page's own large parts stay as they are.
    freshness = "no-cache" if file in {*PAGES, *DOCUMENTS} else "public, max-age=86400"
    content = _document_text(file) if file in DOCUMENTS else text_of(file)
    return Response(200, FILES[file], content, {**_HEADERS, "Cache-Control": freshness})


@cache
def _document_text(file: str) -> str:
    if file == ASYNCAPI:
        return exact_json.dumps(asyncapi.document())
    return exact_json.dumps(document(V1 if file == PAGES[PAGE] else API_V1))
