"""Tests a running service with tritonclient: python client.py HOST:PORT TOKEN"""

import sys

import numpy as np
import tritonclient.http as http
from tritonclient.utils import InferenceServerException, triton_to_np_dtype

address, token = sys.argv[1:]
client = http.InferenceServerClient(address)
headers = {"Authorization": f"Bearer {token}"}


def tensor(name, values, datatype, binary=True):
    values = np.array(values, dtype={"BYTES": object}.get(datatype))
    given = http.InferInput(name, values.shape, datatype)
    given.set_data_from_numpy(values, binary_data=binary)
    return given


def numbers(values, kind, binary=True):
    datatype = {"f4": "FP32", "f8": "FP64", "i4": "INT32", "i8": "INT64"}[kind]
    return tensor("x", np.array(values, dtype=kind), datatype, binary)


def infer(model, inputs, **more):
    return client.infer(model, inputs, headers=dict(headers), **more)


def refused(call):
    try:
        call()
    except InferenceServerException as error:
        return error
    raise AssertionError("it was not refused")


def health():
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("fp32", headers=headers)
    assert client.is_model_ready("fp32", "1", headers=headers)
    assert not client.is_model_ready("nothing", headers=headers)
    assert not client.is_model_ready("fp32", "2", headers=headers)


def metadata():
    server = client.get_server_metadata()
    assert server["name"] == "mlapi"
    extensions = {"binary_tensor_data", "classification", "model_repository", "statistics"}
    assert set(server["extensions"]) == extensions
    model = client.get_model_metadata("fp32", headers=headers)
    assert model["name"] == "fp32" and model["versions"] == ["1"]
    assert model["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}]
    assert model["outputs"] == [{"name": "y", "datatype": "FP32", "shape": [-1, 2]}]


def datatypes():
    values = {
        "f4": [[1.5, -2.25], [3e38, 0]],
        "f8": [[0.1, -1e308], [1, 2]],
        "i4": [[-(2**31), 2**31 - 1]],
        "i8": [[2**53 + 1, -(2**63)], [2**63 - 1, -(2**53) - 1]],
    }
    for kind, name in [("f4", "fp32"), ("f8", "fp64"), ("i4", "int32"), ("i8", "int64")]:
        expected = np.array(values[kind], dtype=kind)
        for binary_in in [True, False]:
            for binary_out in [True, False]:
                wanted = [http.InferRequestedOutput("y", binary_data=binary_out)]
                answer = infer(name, [numbers(values[kind], kind, binary_in)], outputs=wanted, request_id="42")
                assert answer.get_response()["id"] == "42"
                assert answer.get_response()["model_version"] == "1"
                np.testing.assert_array_equal(answer.as_numpy("y"), expected)
        # By default the client requests all outputs as binary data.
        np.testing.assert_array_equal(infer(name, [numbers(values[kind], kind)]).as_numpy("y"), expected)


def tensors():
    bounds = {
        "BOOL": [True, False],
        "UINT8": [0, 2**8 - 1],
        "UINT16": [0, 2**16 - 1],
        "UINT32": [0, 2**32 - 1],
        "UINT64": [2**53 + 1, 2**64 - 1],
        "INT8": [-(2**7), 2**7 - 1],
        "INT16": [-(2**15), 2**15 - 1],
        "INT32": [-(2**31), 2**31 - 1],
        "INT64": [-(2**63), 2**53 + 1],
        "FP16": [0.1, -65504],
        "FP32": [0.1, -3e38],
        "FP64": [0.1, 5e-324],
        "BYTES": ["é", ""],
    }
    for datatype, values in bounds.items():
        data = np.array([[values]], dtype=triton_to_np_dtype(datatype))
        for binary_in in [True, False]:
            for binary_out in [True, False]:
                given = http.InferInput("x", data.shape, datatype)
                given.set_data_from_numpy(data, binary_data=binary_in)
                wanted = [http.InferRequestedOutput("X", binary_data=binary_out)]
                found = infer(f"any-{datatype.lower()}", [given], outputs=wanted).as_numpy("X")
                if datatype == "BYTES":
                    found = [[[text.decode() if isinstance(text, bytes) else text for text in found.flatten()]]]
                np.testing.assert_array_equal(found, data)
    two = [tensor("text", ["a", "b"], "BYTES"), tensor("mask", np.array([[True, False]]), "BOOL")]
    answer = infer("two", two, outputs=[http.InferRequestedOutput("MASK")])
    assert answer.as_numpy("MASK").tolist() == [[True, False]] and answer.as_numpy("TEXT") is None


def compression():
    rows = np.arange(2000).reshape(1000, 2)
    for there in [None, "gzip", "deflate"]:
        for back in [None, "gzip", "deflate"]:
            for binary in [True, False]:
                answer = infer(
                    "fp32",
                    [numbers(rows, "f4", binary)],
                    outputs=[http.InferRequestedOutput("y", binary_data=binary)],
                    request_compression_algorithm=there,
                    response_compression_algorithm=back,
                )
                np.testing.assert_array_equal(answer.as_numpy("y"), rows.astype("f4"))


def classification():
    wanted = [http.InferRequestedOutput("y", class_count=2)]
    answer = infer("classes", [numbers([[0.25, 0.5, 0.125], [3, 1, 2]], "f4")], outputs=wanted)
    assert answer.as_numpy("y").tolist() == [
        [b"0.500000:1:cat", b"0.250000:0:ant"],
        [b"3.000000:0:ant", b"2.000000:2:dog"],
    ]


def rows():
    inputs = [tensor("protocol", ["tcp", "UDP"], "BYTES"), tensor("size", np.array([1, 2], dtype="i8"), "INT64")]
    answer = infer("rows", inputs, parameters={"rows": True})
    np.testing.assert_array_equal(answer.as_numpy("predictions"), [[6, 1], [17, 2]])
    wrong = [tensor("protocol", ["tcp", "icmpx"], "BYTES", False), tensor("size", np.array([1, 2], dtype="i8"), "INT64")]
    error = refused(lambda: infer("rows", wrong, parameters={"rows": True}))
    assert error.status() == "400" and "/1/protocol" in error.message(), error


def repository():
    index = client.get_model_repository_index(headers=headers)
    assert {"name": "fp32", "version": "1", "state": "READY", "reason": ""} in index
    client.load_model("fp32", headers=headers)
    assert refused(lambda: client.unload_model("fp32", headers=headers)).status() == "409"
    assert refused(lambda: client.load_model("nothing", headers=headers)).status() == "404"


def statistics():
    before = client.get_inference_statistics("fp32", headers=headers)["model_stats"][0]
    infer("fp32", [numbers([[1, 2], [3, 4], [5, 6]], "f4")])
    after = client.get_inference_statistics("fp32", "1", headers=headers)["model_stats"][0]
    assert after["inference_count"] == before["inference_count"] + 3
    assert after["execution_count"] == before["execution_count"] + 1
    assert after["inference_stats"]["success"]["ns"] > 0 and after["last_inference"] > 0
    assert 3 in [batch["batch_size"] for batch in after["batch_stats"]]
    every = client.get_inference_statistics(headers=headers)["model_stats"]
    assert {"fp32", "int64"} <= {model["name"] for model in every}


def refusals():
    one = [numbers([[1, 2]], "f4")]
    assert refused(lambda: client.infer("fp32", one)).status() == "401"
    wrong = {"Authorization": f"Bearer {token}x"}
    error = refused(lambda: client.infer("fp32", one, headers=wrong))
    assert error.status() == "401" and error.message().startswith("A valid bearer token is required."), error
    error = refused(lambda: infer("fp32", [numbers([[1, 2, 3]], "f4")]))
    assert error.status() == "400" and 'The input "x" must have the shape [rows, 2]' in error.message(), error
    error = refused(lambda: infer("fp32", [numbers([[1, 2]], "f8")]))
    assert error.status() == "400" and 'The input "x" must be FP32' in error.message(), error
    error = refused(lambda: infer("fp32", one, outputs=[http.InferRequestedOutput("z")]))
    assert error.status() == "400" and "outputs" in error.message(), error
    assert refused(lambda: infer("nothing", one)).status() == "404"


for check in [
    health,
    metadata,
    datatypes,
    tensors,
    compression,
    classification,
    rows,
    repository,
    statistics,
    refusals,
]:
    check()
    print(check.__name__, flush=True)
