"""Authlib, as it is published, against the service: each line that it prints is something that worked.

    python authlib_client.py ISSUER < {"cron": {"name", "secret"}, "laptop": {"name", "tokens"}}
"""

import json
import os
import sys

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url

# Plain HTTP on this machine.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "true"

issuer = sys.argv[1]
given = json.load(sys.stdin)

metadata = AuthorizationServerMetadata(requests.get(get_well_known_url(issuer, external=True), timeout=30).json())
# Authlib requires at least one response type; without an authorization endpoint there is none.
for key in AuthorizationServerMetadata.REGISTRY_KEYS:
    if key in ("issuer", "response_types_supported"):
        continue
    try:
        getattr(metadata, f"validate_{key}")()
    except ValueError as error:
        # It accepts only https in URLs, whatever the transport.
        if "https" not in str(error).lower():
            raise
assert metadata["issuer"] == issuer
assert metadata["response_types_supported"] == []
print("discovery")

token_endpoint, revocation_endpoint = metadata["token_endpoint"], metadata["revocation_endpoint"]


def status(session):
    return session.get(f"{issuer}/auth/session", timeout=30).status_code


for method in ("client_secret_basic", "client_secret_post"):
    renewed = []
    cron = OAuth2Session(
        given["cron"]["name"],
        given["cron"]["secret"],
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        scope="models:read",
        token_endpoint=token_endpoint,
        grant_type="client_credentials",
        update_token=lambda token, refresh_token=None, access_token=None: renewed.append(token),
    )
    cron.fetch_token(token_endpoint)
    first = cron.token["access_token"]
    assert "refresh_token" not in cron.token and cron.token["scope"] == "models:read"
    assert status(cron) == 200
    cron.token["expires_at"] = 1
    assert status(cron) == 200 and cron.token["access_token"] != first and len(renewed) == 1
    assert cron.revoke_token(revocation_endpoint, token=cron.token["access_token"]).status_code == 200
    assert status(cron) == 401
    print(method)

kept = []
laptop = OAuth2Session(
    given["laptop"]["name"],
    token_endpoint_auth_method="none",
    revocation_endpoint_auth_method="none",
    token=given["laptop"]["tokens"],
    token_endpoint=token_endpoint,
    update_token=lambda token, refresh_token=None, access_token=None: kept.append(token),
)
for time in range(3):
    laptop.token["expires_at"] = 1
    assert status(laptop) == 200 and len(kept) == time + 1
print("renewal")
newest = laptop.token["refresh_token"]
assert laptop.revoke_token(revocation_endpoint, token=newest, token_type_hint="refresh_token").status_code == 200
assert status(laptop) == 401
print("revocation")
