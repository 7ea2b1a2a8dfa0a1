"""Train a scikit-learn model of the same kind as the shipped classifier: gradient-boosted trees, 41 features.

    python train.py MODEL.ONNX ROWS.JSON OUT.JOBLIB

The training rows are mixed from a few real ones, and labelled by the shipped model: how good it is does not matter here,
how long it computes does. The real rows stand among them so often that it knows them.
"""

import json
import sys
from pathlib import Path

import joblib
import numpy as np
import onnxruntime
from sklearn.ensemble import GradientBoostingClassifier

onnx_path, rows_path, out_path = sys.argv[1:]
random = np.random.default_rng(20090708)
real = np.asarray(json.loads(Path(rows_path).read_text()), dtype=np.float32)
mixed = real[random.integers(len(real), size=(3_000, real.shape[1])), np.arange(real.shape[1])]
mixed *= random.choice([0.5, 1, 1, 1, 2], size=mixed.shape).astype(np.float32)
rows = np.concatenate([mixed, np.repeat(real, 100, axis=0)])
session = onnxruntime.InferenceSession(onnx_path, providers=["CPUExecutionProvider"])
classes = session.run(["probabilities"], {session.get_inputs()[0].name: rows})[0].argmax(1)

# As in files/training/train.py: 60 rounds of 15 leaves.
model = GradientBoostingClassifier(n_estimators=60, max_leaf_nodes=15, max_depth=None, random_state=0).fit(rows, classes)
assert (model.predict(real) == classes[-len(rows) + len(mixed) :: 100][: len(real)]).all(), "it does not know the rows"
joblib.dump(model, out_path)
