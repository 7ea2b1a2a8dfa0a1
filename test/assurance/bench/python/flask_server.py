"""Flask, an RS256 token check, and a scikit-learn model. Rows are numbers: [[...], ...]."""

import os

import joblib
import jwt
import numpy as np
from flask import Flask, jsonify, request

from tokens import verify

model = joblib.load(os.environ["BENCH_MODEL"])
app = Flask(__name__)


@app.post("/predict")
def predict():
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        if scheme != "Bearer":
            return jsonify(error="invalid_token"), 401
        verify(token)
    except jwt.InvalidTokenError:
        return jsonify(error="invalid_token"), 401
    rows = np.asarray(request.get_json(), dtype=np.float32)
    return jsonify(predictions=model.predict(rows).tolist())
