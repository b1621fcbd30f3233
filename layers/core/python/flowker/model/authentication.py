"""The spellings of a field of OpenID Connect, best first (Flowker spec h [R])."""

ISSUER_URL = ("issuer_url", "issuerURL", "issuerUrl")
TOKEN_URL = ("token_url", "tokenURL", "tokenUrl")
CLIENT_ID = ("client_id", "clientID", "clientId")
CLIENT_SECRET = ("client_secret", "clientSecret")
CLIENT_AUTHENTICATION = ("token_endpoint_auth_method", "tokenEndpointAuthMethod")
EXTRA_PARAMETERS = ("extra_params", "extraParams")

CLIENT_AUTHENTICATIONS = ("client_secret_basic", "client_secret_post")
"""How a client may identify itself to the token endpoint; the first is the default."""
