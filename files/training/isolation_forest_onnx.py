"""Write a scikit-learn isolation forest as one compact ONNX tree ensemble.

skl2onnx spells the path lengths out as a graph of many operators per tree; here they are the weights of the leaves, so
that one operator walks all trees.
"""

import numpy as np
from onnx import TensorProto, checker, helper

TREE_OPSET = 3
OPSET = 15
IR_VERSION = 8


def average_path_length(rows):
    """Return the mean path length c(n) of a failed search in a binary tree of n rows (Liu et al., 2008, equation 1)."""
    rows = np.asarray(rows, dtype=np.float64)
    harmonic = np.log(np.maximum(rows - 1, 1)) + np.euler_gamma
    long = 2 * harmonic - 2 * (rows - 1) / np.maximum(rows, 1)
    return np.where(rows > 2, long, np.where(rows == 2, 1.0, 0.0))


def round_down(values):
    """Return the largest float32 not above each float64 value: `x <= value` then holds for the same float32 x."""
    rounded = values.astype(np.float32)
    return np.where(rounded > values, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def tree_attributes(estimator, to_raw):
    """Return the attributes of a TreeEnsembleRegressor whose sum is the normalised path length of a row."""
    names = ("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_values", "nodes_modes", "nodes_truenodeids",
             "nodes_falsenodeids", "target_treeids", "target_nodeids", "target_ids", "target_weights")
    attributes = {name: [] for name in names}
    normaliser = len(estimator.estimators_) * float(average_path_length(estimator.max_samples_))
    for number, (tree, columns) in enumerate(zip(estimator.estimators_, estimator.estimators_features_)):
        tree = tree.tree_
        is_leaf = tree.children_left < 0
        depth = node_depths(tree)
        leaves = np.flatnonzero(is_leaf)
        lengths = depth[leaves] + average_path_length(tree.n_node_samples[leaves])
        added = (
            np.full(tree.node_count, number), np.arange(tree.node_count),
            np.where(is_leaf, 0, np.asarray(columns)[np.maximum(tree.feature, 0)]),
            np.where(is_leaf, 0, round_down(to_raw(np.where(is_leaf, 0, tree.threshold)))),
            np.where(is_leaf, "LEAF", "BRANCH_LEQ"), np.where(is_leaf, 0, tree.children_left),
            np.where(is_leaf, 0, tree.children_right), np.full(len(leaves), number), leaves,
            np.zeros(len(leaves), dtype=int), lengths / normaliser)
        for name, values in zip(names, added):
            attributes[name].extend(values.tolist())
    return attributes


def node_depths(tree):
    """Return the depth [nodes] of each node; the root has depth 0 and parents come before their children."""
    depth = np.zeros(tree.node_count)
    for node in np.flatnonzero(tree.children_left >= 0):
        depth[[tree.children_left[node], tree.children_right[node]]] = depth[node] + 1
    return depth


def convert_isolation_forest(estimator, to_raw, name):
    """Return a model with float32 `features` [N, columns] and `scores` [N, 1], the estimator's decision function.

    `to_raw` is the inverse of the increasing function of the features on which the estimator was fitted: it carries
    the thresholds, so that the model takes raw features. A score is -offset - 2^(-normalised path length).
    """
    nodes = [
        helper.make_node("TreeEnsembleRegressor", ["features"], ["path_length"], domain="ai.onnx.ml", n_targets=1,
                         aggregate_function="SUM", post_transform="NONE", **tree_attributes(estimator, to_raw)),
        helper.make_node("Pow", ["half", "path_length"], ["anomaly"]),
        helper.make_node("Sub", ["cut", "anomaly"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes, name,
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, estimator.n_features_in_])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor("half", TensorProto.FLOAT, [], [0.5]),
         helper.make_tensor("cut", TensorProto.FLOAT, [], [-estimator.offset_])])
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", TREE_OPSET)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="mlapi")
    checker.check_model(model)
    return model
