"""The RS256 check of both servers, for the tokens and the key of the service that they are compared with."""

import json
import os
from pathlib import Path

import jwt

_KEYS = json.loads(Path(os.environ["BENCH_JWKS"]).read_text())["keys"]
_PUBLIC_KEYS = {key["kid"]: jwt.PyJWK(key).key for key in _KEYS}


def verify(token):
    """Return the claims of an access token that may predict; raise jwt.InvalidTokenError for any other."""
    key = _PUBLIC_KEYS.get(jwt.get_unverified_header(token).get("kid"))
    if key is None:
        raise jwt.InvalidTokenError("unknown key")
    claims = jwt.decode(token, key, algorithms=["RS256"], audience="mlapi", issuer="http://127.0.0.1:8080")
    if "models:predict" not in claims["scope"].split():
        raise jwt.InvalidTokenError("scope")
    return claims
