"""Train the two NSL-KDD models of the template and write their folders.

    python train.py --data <folder with train.csv and test.csv> --out resources/models

Everything is fitted and chosen on train.csv. test.csv is read to check the contract against it and, once, to measure
the finished ONNX files.
"""

import argparse
import json
from pathlib import Path

import lightgbm
import numpy as np
import onnxruntime
import pandas as pd
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType
from sklearn.ensemble import IsolationForest
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support
from sklearn.model_selection import StratifiedKFold

from isolation_forest_onnx import convert_isolation_forest

CLASSES = ["normal", "dos", "probe", "r2l", "u2r"]
FEATURES = pd.read_csv(Path(__file__).with_name("features.csv"), dtype=str, keep_default_na=False)
NAMES = FEATURES["name"].tolist()
CATEGORICAL = FEATURES.loc[FEATURES["type"] == "category", "name"].tolist()
UNKNOWN_SERVICE = "OTHER"
RARE_SERVICE_ROWS = 5
SEED = 20090708
FALSE_ALARM_SHARE = 0.10
TRAINED_ON = "NSL-KDD KDDTrain+_20Percent"
TESTED_ON = "NSL-KDD KDDTest+ (a random half), never seen in training"


def build_encoding(train):
    """Return {feature: {category: code}}; codes count from 0, from the category most frequent in normal rows on.

    A service with fewer than RARE_SERVICE_ROWS rows gets no code of its own. Such rows share the code of OTHER with the
    data set's own service `other`, from which it differs in case only, and so with every unknown service.
    """
    encoding = {}
    for name in CATEGORICAL:
        rows = train[name].value_counts()
        kept = rows.index[rows >= RARE_SERVICE_ROWS] if name == "service" else rows.index
        normal_rows = train.loc[train["category"] == "normal", name].value_counts()
        ordered = sorted(kept, key=lambda category: (-normal_rows.get(category, 0), category))
        renamed = [UNKNOWN_SERVICE if name == "service" and category == "other" else category for category in ordered]
        encoding[name] = {category: code for code, category in enumerate(renamed)}
        assert len({category.lower() for category in renamed}) == len(renamed), "two categories differ in case only"
    return encoding


def encode(frame, encoding):
    """Return the float32 matrix [rows, 41] of a raw frame, features in contract order, categories as their codes."""
    matrix = frame[NAMES].copy()
    for name in CATEGORICAL:
        codes = {category.lower(): code for category, code in encoding[name].items()}
        matrix[name] = frame[name].str.lower().map(codes)
    matrix["service"] = matrix["service"].fillna(encoding["service"][UNKNOWN_SERVICE])
    assert not matrix.isna().any().any(), "a category that the contract rejects"
    return matrix.to_numpy(np.float32)


def contract_features():
    """Return the 41 features as model.json lists them."""
    features = []
    for row in FEATURES.to_dict("records"):
        bounds = {key: int(row[key]) for key in ("min", "max") if row[key]}
        texts = {key: row[key] for key in ("unit", "unknown", "description") if row[key]}
        features.append({"name": row["name"], "type": row["type"], **bounds, **texts})
    return features


def check_rows(frame):
    """Raise unless every row of a raw frame satisfies the types and bounds of the contract."""
    assert frame.columns[:41].tolist() == NAMES, "the features or their order differ"
    for feature in contract_features():
        values = frame[feature["name"]]
        if feature["type"] == "category":
            continue
        assert np.isfinite(values).all(), feature
        assert feature["type"] == "number" or values.dtype.kind == "i", feature
        assert feature["type"] != "boolean" or values.isin([0, 1]).all(), feature
        assert values.min() >= feature.get("min", -np.inf) and values.max() <= feature.get("max", np.inf), feature


def fit_classifier(matrix, classes):
    """Fit on a matrix [rows, 41] and class numbers [rows]; each class weighs the same in all."""
    estimator = lightgbm.LGBMClassifier(
        n_estimators=60, num_leaves=15, learning_rate=0.1, min_child_samples=20, class_weight="balanced",
        random_state=SEED, n_jobs=1, deterministic=True, force_row_wise=True, verbose=-1)
    return estimator.fit(matrix, classes)


def cross_validate(matrix, classes):
    """Return accuracy and macro-F1 of five stratified folds of the training rows."""
    predicted = np.zeros_like(classes)
    for fitted, held_out in StratifiedKFold(5, shuffle=True, random_state=SEED).split(matrix, classes):
        estimator = fit_classifier(matrix[fitted], classes[fitted])
        predicted[held_out] = estimator.booster_.predict(matrix[held_out]).argmax(1)
    return {"accuracy": accuracy_score(classes, predicted), "macroF1": f1_score(classes, predicted, average="macro")}


def fit_anomaly_detector(normal_matrix):
    """Fit on the normal rows [rows, 41]; FALSE_ALARM_SHARE of them score below 0.

    The forest splits uniformly between extremes, so values such as bytes go in as log(1 + value). The cut lies halfway
    between two scores that occur, so that no rounding can move a row across it.
    """
    estimator = IsolationForest(n_estimators=50, max_samples=1024, random_state=SEED).fit(np.log1p(normal_matrix))
    scores = np.unique(estimator.score_samples(np.log1p(normal_matrix)).round(9), return_counts=True)
    cut = np.searchsorted(np.cumsum(scores[1]), FALSE_ALARM_SHARE * len(normal_matrix))
    estimator.offset_ = float(scores[0][cut:cut + 2].mean())
    return estimator


def run(path, matrix, tensor):
    """Return one output tensor of an ONNX file for a float32 matrix [rows, 41]."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run([tensor], {session.get_inputs()[0].name: matrix})[0]


def measure(truth, predicted, labels):
    """Return the metrics of predicted class numbers [rows] as model.json lists them."""
    columns = precision_recall_fscore_support(truth, predicted, labels=range(len(labels)), zero_division=0)
    names = ("precision", "recall", "f1", "support")
    per_class = {label: dict(zip(names, (column[i].item() for column in columns))) for i, label in enumerate(labels)}
    return {
        "accuracy": accuracy_score(truth, predicted), "macroF1": f1_score(truth, predicted, average="macro"),
        "correct": int((truth == predicted).sum()), "rows": len(truth), "data": TESTED_ON,
        "perClass": per_class, "trainedOn": TRAINED_ON,
    }


def write_folder(folder, model, contract, encoding, sample):
    """Write model.onnx, encoding.csv, sample.json and the contract (which still lacks its metrics)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    lines = [(NAMES.index(name), name, category, code)
             for name, codes in encoding.items() for category, code in codes.items()]
    pd.DataFrame(lines, columns=["column", "name", "category", "encoding"]).to_csv(
        folder / "encoding.csv", index=False, lineterminator="\n")
    write_json(folder / "sample.json", sample)
    write_json(folder / "model.json", contract)


def write_json(path, value):
    """Write a value as indented JSON, UTF-8, with a final newline."""
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def contract(name, description, output):
    """Return a contract without metrics."""
    return {"name": name, "version": "1", "description": description, "features": contract_features(),
            "encoding": "encoding.csv", "output": output, "sample": "sample.json"}


def train_classifier(folder, train, encoding, sample):
    """Train nsl-kdd-classifier, write its folder; return its contract and the fitted estimator."""
    matrix, classes = encode(train, encoding), train["category"].map(CLASSES.index).to_numpy()
    estimator = fit_classifier(matrix, classes)
    model = convert_lightgbm(estimator, name="nsl-kdd-classifier", zipmap=False, target_opset=15,
                             initial_types=[("features", FloatTensorType([None, len(NAMES)]))])
    # The converter declares one label whatever the number of rows.
    model.graph.output[0].type.tensor_type.shape.dim[0].Clear()
    document = contract(
        "nsl-kdd-classifier", "Tells normal network connections from four kinds of attack (gradient-boosted trees)",
        {"kind": "class_scores", "tensor": "probabilities", "scores": "per-class", "labels": CLASSES})
    write_folder(folder, model, document, encoding, sample)
    document["metrics"] = {"crossValidation": {**cross_validate(matrix, classes), "folds": 5}}
    return document, estimator


def train_anomaly_detector(folder, train, encoding, sample):
    """Train nsl-kdd-anomaly, write its folder; return its contract and the fitted estimator."""
    estimator = fit_anomaly_detector(encode(train[train["category"] == "normal"], encoding))
    model = convert_isolation_forest(estimator, np.expm1, name="nsl-kdd-anomaly")
    document = contract(
        "nsl-kdd-anomaly", "Scores how usual a network connection is; attacks tend to be outliers (isolation forest)",
        {"kind": "anomaly_scores", "tensor": "scores", "threshold": 0, "labels": ["inlier", "outlier"]})
    write_folder(folder, model, document, encoding, sample)
    return document, estimator


def finish(folder, document, differing):
    """Write the measured contract and say what it measured."""
    write_json(folder / "model.json", document)
    print(document["name"], json.dumps(document["metrics"], indent=2))
    print(f"{differing} of {document['metrics']['rows']} labels differ between ONNX and the estimator")


def main():
    parser = argparse.ArgumentParser(description="Train the NSL-KDD models and write their folders.")
    parser.add_argument("--data", type=Path, required=True, help="folder with train.csv and test.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder of the model folders")
    options = parser.parse_args()
    train, test = (pd.read_csv(options.data / name) for name in ("train.csv", "test.csv"))
    check_rows(train)
    check_rows(test)
    encoding = build_encoding(train)
    sample = json.loads(train.loc[train["attack"] == "neptune", NAMES].iloc[0].to_json())
    rows = encode(test, encoding)

    folder = options.out / "nsl-kdd-classifier"
    document, estimator = train_classifier(folder, train, encoding, sample)
    predicted = run(folder / "model.onnx", rows, "probabilities").argmax(1)
    differing = int((predicted != estimator.booster_.predict(rows).argmax(1)).sum())
    measured = measure(test["category"].map(CLASSES.index).to_numpy(), predicted, CLASSES)
    document["metrics"] = {**measured, **document["metrics"]}
    finish(folder, document, differing)

    folder = options.out / "nsl-kdd-anomaly"
    document, estimator = train_anomaly_detector(folder, train, encoding, sample)
    predicted = (run(folder / "model.onnx", rows, "scores")[:, 0] < 0).astype(int)
    differing = int((predicted != (estimator.decision_function(np.log1p(rows)) < 0)).sum())
    measured = measure((test["category"] != "normal").to_numpy(int), predicted, ["inlier", "outlier"])
    measured["trainedOn"] += ", normal rows only"
    document["metrics"] = {**measured, "attackRecall": measured["perClass"]["outlier"]["recall"]}
    finish(folder, document, differing)


if __name__ == "__main__":
    main()
