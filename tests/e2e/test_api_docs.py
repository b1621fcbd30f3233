"""The interactive documentation (Flowker spec a.9)."""

import re
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urljoin

import pytest

from flowker.http.openapi.document import API_V1, V1, Face, document
from tests.servers import Api, expect

pytestmark = pytest.mark.skip_moto

PAGE = "/swagger/index.html"
each_page = pytest.mark.parametrize(
    ("page", "document_name", "face"),
    [("index.html", "doc.json", V1), ("api-v1.html", "api-v1.json", API_V1)],
)


@pytest.fixture
def nobody(target: str) -> Iterator[Api]:
    """A caller without a key."""
    with closing(Api(target, None)) as client:
        yield client


@pytest.mark.parametrize("path", ["/swagger", "/swagger/"])
def test_the_folder_leads_to_the_page(nobody: Api, path: str) -> None:
    answer = nobody.get(path)
    assert (answer.status_code, urljoin(path, answer.headers["Location"])) == (302, PAGE)


@each_page
def test_a_document_is_served_as_it_is_published(
    nobody: Api, page: str, document_name: str, face: Face
) -> None:
    answer = nobody.get(f"/swagger/{document_name}")
    assert expect(answer, 200) == document(face)
    assert answer.headers["Cache-Control"] == "no-cache"


@each_page
def test_a_page_and_all_it_consists_of_come_from_here(
    nobody: Api, page: str, document_name: str, face: Face
) -> None:
    shown = nobody.get(f"/swagger/{page}")
    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert f'data-document="{document_name}"' in shown.text
    parts = re.findall(r'(?:src|href)="([^"]+)"', shown.text)
    assert "swagger-ui-bundle.js" in parts
    for part in parts:
        if part != "data:," and not part.endswith(".html"):
            answer = nobody.get(urljoin(PAGE, part))
            assert answer.status_code == 200
            assert answer.headers["Content-Type"].startswith(("text/css", "text/javascript"))
            assert answer.headers["Cache-Control"] == "public, max-age=86400"
    assert "dataset.document" in nobody.get("/swagger/initializer.js").text


def test_the_page_runs_nothing_inline_and_nothing_from_elsewhere(nobody: Api) -> None:
    page = nobody.get(PAGE)
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"<style|<script>|\son\w+=|style=|https?:", page.text)


def test_large_parts_travel_compressed_where_the_caller_takes_it(nobody: Api) -> None:
    path = "/swagger/swagger-ui-bundle.js"
    packed = nobody.get(path)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) < 500_000
    plain = nobody.get(path, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert plain.text == packed.text
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("name", ["other.js", "swagger-ui.min.css", "..%2Findex.html", "index.html%00"])
def test_nothing_else_is_there(nobody: Api, name: str) -> None:
    expect(nobody.get(f"/swagger/{name}"), 404, "FLK-0400")
    expect(nobody.post(PAGE), 405, "FLK-0302")
