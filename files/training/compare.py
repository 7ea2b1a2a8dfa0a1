"""Compare settings of both models by cross-validation on train.csv: how the constants of train.py were chosen.

    python compare.py --data <folder with train.csv>

Five stratified folds say how well a setting does on attacks that it knows. Leaving out all rows of one attack, and
asking for them, says how well it does on attacks that it does not know, which is what test.csv holds.
"""

import argparse
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, IsolationForest, RandomForestClassifier
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from train import CLASSES, SEED, build_encoding, encode

BALANCED = {"class_weight": "balanced", "random_state": SEED, "n_jobs": 1}
BOOSTED = {**BALANCED, "learning_rate": 0.1, "verbose": -1, "deterministic": True, "force_row_wise": True}
CLASSIFIERS = {
    "boosted, 60 x 15 leaves of 20 rows": lightgbm.LGBMClassifier(n_estimators=60, num_leaves=15, **BOOSTED),
    "boosted, 60 x 15 leaves of 5 rows": lightgbm.LGBMClassifier(
        n_estimators=60, num_leaves=15, min_child_samples=5, **BOOSTED),
    "boosted, 60 x 7 leaves of 20 rows": lightgbm.LGBMClassifier(n_estimators=60, num_leaves=7, **BOOSTED),
    "random forest, 50 x 200 leaves": RandomForestClassifier(50, max_leaf_nodes=200, **BALANCED),
    "extra trees, 50 x 300 leaves": ExtraTreesClassifier(50, max_leaf_nodes=300, **BALANCED),
}


def compare_classifiers(matrix, classes, attacks):
    """Print macro-F1 over five folds and, over attacks left out, the mean share put in the right class or at least
    not called normal; matrix [rows, 41], classes [rows], attacks [rows] by name."""
    folds = StratifiedKFold(5, shuffle=True, random_state=SEED)
    for name, estimator in CLASSIFIERS.items():
        macro_f1 = f1_score(classes, cross_val_predict(estimator, matrix, classes, cv=folds), average="macro")
        shares = []
        for attack in np.unique(attacks[classes > 0]):
            left_out = attacks == attack
            predicted = clone(estimator).fit(matrix[~left_out], classes[~left_out]).predict(matrix[left_out])
            shares.append([(predicted == classes[left_out][0]).mean(), (predicted > 0).mean()])
        right, detected = np.mean(shares, axis=0)
        print(f"{name}: macro-F1 {macro_f1:.3f}; attack left out: class right {right:.3f}, detected {detected:.3f}")


def compare_anomaly_detectors(matrix, classes, attacks):
    """Print false alarms on held-out normal rows and the mean share detected of each attack; arguments as above."""
    normal, hostile = np.log1p(matrix[classes == 0]), np.log1p(matrix[classes > 0])
    fold = np.random.default_rng(SEED).integers(0, 3, len(normal)) == 0
    for max_samples in (256, 1024, 4096):
        estimator = IsolationForest(n_estimators=50, max_samples=max_samples, random_state=SEED).fit(normal[~fold])
        fitted, held_out, scores = (estimator.score_samples(rows) for rows in (normal[~fold], normal[fold], hostile))
        for share in (0.02, 0.05, 0.10):
            cut = np.quantile(fitted, share)
            detected = pd.Series(scores < cut).groupby(attacks[classes > 0]).mean().mean()
            print(f"isolation forest, {max_samples} rows a tree, cut {share:.2f}: "
                  f"false alarms {(held_out < cut).mean():.3f}, attacks detected {detected:.3f}")


def main():
    parser = argparse.ArgumentParser(description="Compare settings by cross-validation on train.csv.")
    parser.add_argument("--data", type=Path, required=True, help="folder with train.csv")
    train = pd.read_csv(parser.parse_args().data / "train.csv")
    arguments = (encode(train, build_encoding(train)), train["category"].map(CLASSES.index).to_numpy(),
                 train["attack"].to_numpy())
    compare_classifiers(*arguments)
    compare_anomaly_detectors(*arguments)


if __name__ == "__main__":
    main()
