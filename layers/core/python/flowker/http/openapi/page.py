"""The pages that show the documents, one each: Swagger UI as Powertools ships it, from here and nowhere else."""

from functools import cache
from importlib.resources import files

from flowker.http.openapi.asyncapi import ASYNCAPI

_HTML = "text/html; charset=utf-8"
_SCRIPT = "text/javascript; charset=utf-8"
_STYLES = "text/css; charset=utf-8"

PAGE = "index.html"
PAGES = {PAGE: "doc.json", "api-v1.html": "api-v1.json"}
"""Each page and the document that it shows."""
DOCUMENTS = (*PAGES.values(), ASYNCAPI)
FILES = {
    **dict.fromkeys(PAGES, _HTML),
    **dict.fromkeys(DOCUMENTS, "application/json"),
    "initializer.js": _SCRIPT,
    "swagger-ui-bundle.js": _SCRIPT,
    "swagger-ui.css": _STYLES,
}
"""What is served, with its media type."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy: nothing inline, nothing from elsewhere."""

_SHIPPED = {
    "swagger-ui-bundle.js": "swagger-ui-bundle.min.js",
    "swagger-ui.css": "swagger-ui.min.css",
}
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Flowker API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="swagger-ui.css">
</head>
<body>
<p><a href="index.html">/v1: workflows</a> · <a href="api-v1.html">/api/v1: accounts and flows</a></p>
<div id="swagger-ui"></div>
<script src="swagger-ui-bundle.js"></script>
<script src="initializer.js" data-document="{document}"></script>
</body>
</html>
"""
_OWN = {
    **{name: _PAGE.format(document=document) for name, document in PAGES.items()},
    "initializer.js": """\
SwaggerUIBundle({
  url: document.currentScript.dataset.document,
  dom_id: "#swagger-ui",
  layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis],
  deepLinking: true,
  filter: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
});
""",
}


@cache
def text_of(name: str) -> str:
    """One of `FILES`, except the documents."""
    if name in _OWN:
        return _OWN[name]
    folder = files("aws_lambda_powertools.event_handler.openapi.swagger_ui")
    return folder.joinpath(_SHIPPED[name]).read_text(encoding="utf-8")
