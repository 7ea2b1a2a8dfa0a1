"""FastAPI, an RS256 token check, and onnxruntime. Rows are numbers: [[...], ...]."""

import os
from typing import Annotated

import jwt
import numpy as np
import onnxruntime
from fastapi import Body, Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from tokens import verify

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
bearer = HTTPBearer()
app = FastAPI()


async def caller(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]):
    try:
        return verify(credentials.credentials)
    except jwt.InvalidTokenError:
        raise HTTPException(401, "invalid_token") from None


@app.post("/predict")
async def predict(rows: Annotated[list[list[float]], Body()], _claims: Annotated[dict, Depends(caller)]):
    # Runs in the event loop: for a model this small, a switch to another thread costs more than the run.
    scores = session.run(["probabilities"], {name: np.asarray(rows, dtype=np.float32)})[0]
    return {"predictions": scores.argmax(1).tolist()}
