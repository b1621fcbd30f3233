"""The page that shows the document: Swagger UI as Powertools ships it, from here and nowhere else."""

from functools import cache
from importlib.resources import files

_HTML = "text/html; charset=utf-8"
_SCRIPT = "text/javascript; charset=utf-8"
_STYLES = "text/css; charset=utf-8"

DOCUMENT = "doc.json"
PAGE = "index.html"
FILES = {
    PAGE: _HTML,
    DOCUMENT: "application/json",
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
_OWN = {
    PAGE: """\
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
<div id="swagger-ui"></div>
<script src="swagger-ui-bundle.js"></script>
<script src="initializer.js"></script>
</body>
</html>
""",
    "initializer.js": """\
SwaggerUIBundle({
  url: "doc.json",
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
    """One of `FILES`, except the document."""
    if name in _OWN:
        return _OWN[name]
    folder = files("aws_lambda_powertools.event_handler.openapi.swagger_ui")
    return folder.joinpath(_SHIPPED[name]).read_text(encoding="utf-8")
