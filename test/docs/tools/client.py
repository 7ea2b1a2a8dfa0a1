"""Uses the client that openapi-python-client generated, as a program would: client.py URL TOKEN USERNAME PASSWORD."""

import json
import sys
from pathlib import Path

from mlapi_client import AuthenticatedClient, Client
from mlapi_client.api.auth import reset_tokens
from mlapi_client.api.model_store import upload_version
from mlapi_client.api.models import get_model, list_models, predict, predict_with_default_model
from mlapi_client.api.open_inference_protocol import infer
from mlapi_client.models import DefaultModelNamedRow, InferenceRequest, Instances, NamedRow, PredictionResponse, ResetRequest

url, token, username, password = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=token, raise_on_unexpected_status=True)

tokens = reset_tokens.sync(client=Client(base_url=url), body=ResetRequest(username=username, password=password))
assert tokens.token_type.value == "Bearer", tokens

models = list_models.sync(client=client)
assert [model.name for model in models.models] == ["my-model", "nsl-kdd-anomaly", "nsl-kdd-classifier"], models
assert models.next_ is None

for name, known in (("nsl-kdd-classifier", {"normal", "dos", "probe", "r2l", "u2r"}), ("nsl-kdd-anomaly", {"inlier", "outlier"})):
    information = get_model.sync(name, client=client)
    sample = information.sample.to_dict()
    cells = [sample[feature.name] for feature in information.features]
    row = NamedRow.from_dict(sample)
    bodies = {"a named row": row, "a list row": [cells], "rows of both kinds": [cells, row]}
    bodies["instances"] = Instances(instances=[row, cells])
    for what, body in bodies.items():
        answer = predict.sync(name, client=client, body=body, scores=True)
        assert isinstance(answer, PredictionResponse), (what, answer)
        assert answer.model == name and set(answer.predictions) <= known, (what, answer)
        assert len(answer.scores) == len(answer.predictions) > 0

default = get_model.sync("nsl-kdd-classifier", client=client).sample.to_dict()
answer = predict_with_default_model.sync(client=client, body=DefaultModelNamedRow.from_dict(default))
assert [label.value for label in answer.predictions] == ["dos"] or len(answer.predictions) == 1, answer

refused = predict.sync("nsl-kdd-classifier", client=client, body=NamedRow.from_dict({**default, "protocol_type": "none"}))
assert refused.status == 400 and refused.errors[0].pointer == "/protocol_type", refused

tensor = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}
inferred = infer.sync("my-model", client=client, body=InferenceRequest.from_dict({"inputs": [tensor]}))
assert inferred.outputs[0].data == [1, 2], inferred
print("ok")
