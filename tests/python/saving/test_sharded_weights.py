"""Weights in several `.weights.h5` files under a map, `.weights.json`."""

from __future__ import annotations

import json

import addax as keras
import numpy as np
import pytest
from addax import layers

h5py = pytest.importorskip("h5py")

GB = 2**30


def wide_model():
    return keras.Sequential(
        [keras.Input((3,)), layers.Dense(40), layers.Dense(50), layers.Dense(2)]
    )


@pytest.fixture
def saved(tmp_path):
    model = wide_model()
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
    model.save_weights(tmp_path / "m.weights.json", max_shard_size=9000 / GB)
    return model, tmp_path / "m.weights.json"


def test_weights_and_the_optimizer_come_back_from_shards(saved, tmp_path):
    model, path = saved
    shards = sorted(tmp_path.glob("*.weights.h5"))
    assert [shard.name for shard in shards][:2] == ["m_00000.weights.h5", "m_00001.weights.h5"]
    document = json.loads(path.read_text())
    assert document["metadata"]["total_size"] == sum(
        v.numpy().nbytes for v in [*model.weights, *model.optimizer.variables]
    )
    assert "/layers/dense_1/vars" in document["weight_map"]
    other = wide_model()
    other.compile("adam", "mse")
    other.load_weights(path)
    for v, w in zip(
        [*model.weights, *model.optimizer.variables],
        [*other.weights, *other.optimizer.variables],
        strict=True,
    ):
        np.testing.assert_array_equal(v.numpy(), w.numpy())


def test_the_size_and_the_ending_go_together(tmp_path):
    model = wide_model()
    for name, options in (
        ("m.weights.json", {}),
        ("m.weights.h5", {"max_shard_size": 1}),
        ("m.weights.json", {"max_shard_size": 0}),
        ("m.weights.json", {"max_shard_size": 100 / GB}),
    ):
        with pytest.raises(ValueError, match="max_shard_size"):
            model.save_weights(tmp_path / name, **options)


def test_a_weight_that_is_too_large_leaves_the_old_files(saved, tmp_path):
    model, path = saved
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    model.set_weights([w + 1 for w in model.get_weights()])
    with pytest.raises(ValueError, match="'layers/dense_1/vars/0' has 8000 bytes"):
        model.save_weights(path, max_shard_size=500 / GB)  # the first file would be full by then
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_maps_that_lead_elsewhere_are_refused(saved, tmp_path):
    model, path = saved
    good = json.loads(path.read_text())
    outside = tmp_path / "outside"
    outside.mkdir()
    first = tmp_path / "m_00000.weights.h5"
    (outside / "m_00000.weights.h5").write_bytes(first.read_bytes())
    (tmp_path / "link.weights.h5").symlink_to(first)

    def refused(match, **weight_map):
        path.write_text(json.dumps({"weight_map": {**good["weight_map"], **weight_map}}))
        with pytest.raises(ValueError, match=match):
            model.load_weights(path)

    group = "/layers/dense/vars"
    refused("not in its folder", **{group: "outside/m_00000.weights.h5"})
    refused("not in its folder", **{group: str(first)})
    refused("not in its folder", **{group: "../m_00000.weights.h5"})
    refused("not in its folder", **{group: "missing.weights.h5"})
    refused("no plain file", **{group: "link.weights.h5"})
    refused("no plain file", **{group: "outside"})
    refused("have a group '/elsewhere/vars'", **{"/elsewhere/vars": "m_00000.weights.h5"})
    refused("have a group '/layers/dense/vars/0'", **{f"{group}/0": "m_00000.weights.h5"})
    with h5py.File(tmp_path / "other.weights.h5", "w") as h5:
        h5.create_group(f"{group}/0")
    refused("/0' in 'other.weights.h5' is a weight", **{f"{group}/0": "other.weights.h5"})
    refused("refused", **{"/../vars": "m_00000.weights.h5"})
    refused("must name files", **{group: [1]})
    for text in ("{", "[]", "{}", '{"weight_map": []}', "[" * 10**5):
        path.write_text(text)
        with pytest.raises(ValueError):
            model.load_weights(path)


def test_links_in_shards_are_not_followed(saved, tmp_path):
    model, path = saved
    with h5py.File(tmp_path / "m_00000.weights.h5", "a") as h5:
        h5.move("layers/dense/vars/0", "other")
        h5["layers/dense/vars/0"] = h5py.SoftLink("/other")
    with pytest.raises(ValueError, match="link"):
        model.load_weights(path)
