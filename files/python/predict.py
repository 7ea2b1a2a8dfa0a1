"""Calls the service with requests: tokens and predictions.

    pip install requests
    python files/python/predict.py http://127.0.0.1:8080 demo    # asks for the password
    python files/python/predict.py http://127.0.0.1:8080         # later: the tokens are in tokens.json
    python files/python/predict.py http://127.0.0.1:8080 cron cron.secret    # a reusable client, its secret in a file
"""

import getpass
import json
import os
import pathlib
import random
import sys
import time

import requests

TIMEOUT_SECONDS = 30
TRIES = 5


class Mlapi:
    """Keeps the newest tokens in a file. One process at a time: a refresh token used twice ends all tokens."""

    def __init__(self, url, tokens_file="tokens.json", client=None):
        self.url = url.rstrip("/")
        self.file = pathlib.Path(tokens_file)
        self.session = new_session()
        # Name and secret of a reusable client: it gets a token when it needs one, and stores none.
        self.client = client
        if client is not None:
            self.tokens = None
            self.renew()
            return
        self.tokens = json.loads(self.file.read_text()) if self.file.exists() else None

    def reset(self, username, password):
        """A password is valid for one reset."""
        self._keep(self._send("POST", "/auth/reset", json={"username": username, "password": password}))

    def refresh(self):
        """Not retried when its response got lost: the service treats a reused refresh token as stolen."""
        bearer = {"Authorization": f"Bearer {self.tokens['refresh_token']}"}
        # On a new connection: a kept one may be dead, and then it is unknown whether the service got the request.
        with new_session() as alone:
            url = f"{self.url}/auth/refresh"
            self._keep(alone.post(url, headers=bearer, timeout=TIMEOUT_SECONDS, allow_redirects=False))

    def renew(self):
        if self.client is None:
            self.refresh()
            return
        name, secret = self.client
        form = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret}
        self.tokens = checked(self._send("POST", "/auth/token", data=form)).json()

    def call(self, method, path, **options):
        """The response of the API; an expired token is replaced once."""
        answer = self._with_token(method, path, **options)
        if answer.status_code == 401:
            self.renew()
            answer = self._with_token(method, path, **options)
        return checked(answer)

    def predict(self, model, rows, scores=False):
        query = {"scores": "true"} if scores else None
        return self.call("POST", f"/api/models/{model}/predict", json=rows, params=query).json()

    def predict_csv(self, model, csv_bytes):
        """Sends rows as CSV, header first; yields the lines of the response as they arrive."""
        headers = {"Content-Type": "text/csv", "Accept": "text/csv"}
        with self.call("POST", f"/api/models/{model}/predict", data=csv_bytes, headers=headers, stream=True) as answer:
            answer.encoding = "utf-8"
            yield from answer.iter_lines(decode_unicode=True)

    def upload(self, model, version, folder):
        """Uploads a folder with model.onnx and its other files; needs the scope models:write."""
        names = {"model": "model.onnx", "contract": "model.json", "encoding": "encoding.csv", "sample": "sample.json"}
        paths = {part: pathlib.Path(folder) / name for part, name in names.items()}
        files = {part: (path.name, path.read_bytes()) for part, path in paths.items() if path.exists()}
        return self.call("PUT", f"/api/models/{model}/versions/{version}", files=files).json()

    def _with_token(self, method, path, headers=None, **options):
        bearer = {"Authorization": f"Bearer {self.tokens['access_token']}"}
        return self._send(method, path, headers={**(headers or {}), **bearer}, **options)

    def _send(self, method, path, **options):
        """429 and 503 mean that nothing was done, so they are retried after the time that the service gives."""
        for attempt in range(TRIES):
            # A redirect could take a token to another host.
            answer = self.session.request(
                method, self.url + path, timeout=TIMEOUT_SECONDS, allow_redirects=False, **options
            )
            seconds = answer.headers.get("Retry-After", "")
            wait = int(seconds) if seconds.isdecimal() else 0
            if answer.status_code not in (429, 503) or attempt == TRIES - 1 or wait > TIMEOUT_SECONDS:
                break
            answer.close()
            time.sleep(wait + random.uniform(0, 0.2 * 2**attempt))
        return answer

    def _keep(self, answer):
        """Stored before use, since they are needed to get the next tokens."""
        self.tokens = checked(answer).json()
        new = self.file.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(self.tokens, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.file)


def new_session():
    session = requests.Session()
    # Otherwise a password from .netrc would replace the token, and a proxy from the environment would see it.
    session.trust_env = False
    return session


def checked(answer):
    """The response, or the error of the service."""
    if 200 <= answer.status_code < 300:
        return answer
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    code = problem.get("code") or problem.get("error") or "no answer of the service"
    detail = problem.get("detail") or problem.get("error_description") or ""
    where = "".join(f"\n  {error['pointer']}: {error['detail']}" for error in problem.get("errors", []))
    request_id = answer.headers.get("X-Request-Id", "")
    raise SystemExit(f"{answer.status_code} {code}: {detail} (request {request_id}){where}")


def main():
    if len(sys.argv) not in (2, 3, 4) or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    url, *username = sys.argv[1:]
    has_secret = len(username) == 2
    api = Mlapi(url, client=(username[0], pathlib.Path(username[1]).read_text().strip()) if has_secret else None)
    if not username and api.tokens is None:
        sys.exit("There is no tokens.json here yet: name the client, too.")
    if username and not has_secret:
        asks = getpass.getpass if sys.stdin.isatty() else lambda: sys.stdin.readline().rstrip("\n")
        api.reset(username[0], asks())
    requests_folder = pathlib.Path(__file__).parent.parent / "requests"
    rows = json.loads((requests_folder / "three-rows.json").read_text())
    print(api.predict("nsl-kdd-classifier", rows)["predictions"])
    for line in api.predict_csv("nsl-kdd-classifier", (requests_folder / "three-rows.csv").read_bytes()):
        print(line)


if __name__ == "__main__":
    main()
