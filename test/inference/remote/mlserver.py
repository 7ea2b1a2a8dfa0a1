"""Trains a small model for MLServer in the given folder, and prints the predictions of scikit-learn for the given rows."""

import json
import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import LogisticRegression

folder, port = Path(sys.argv[1]), int(sys.argv[2])
random = np.random.default_rng(7)
sizes = random.integers(0, 3, 300)
x = np.column_stack([random.normal(size=300), sizes, random.normal(size=300)])
y = (x[:, 0] > 0).astype(int) + (sizes == 2)
model = LogisticRegression(max_iter=1_000).fit(x, y)

(folder / "sizes").mkdir(exist_ok=True)
joblib.dump(model, folder / "sizes" / "model.joblib")
settings = {
    "name": "sizes",
    "implementation": "mlserver_sklearn.SKLearnModel",
    "parameters": {"uri": "./model.joblib", "version": "v1"},
    "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 3]}],
    "outputs": [
        {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 3]},
        {"name": "predict", "datatype": "INT64", "shape": [-1, 1]},
    ],
}
(folder / "sizes" / "model-settings.json").write_text(json.dumps(settings))
server = {"host": "127.0.0.1", "http_port": port, "grpc_port": port + 1, "metrics_port": port + 2, "parallel_workers": 0}
(folder / "settings.json").write_text(json.dumps(server))

rows = np.array(json.loads(sys.argv[3]))
print(json.dumps({"scores": model.predict_proba(rows).tolist(), "classes": model.predict(rows).tolist()}))
