"""Makes the readers of golden values importable by all tests, and files that several tests read."""

import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "golden"))


@pytest.fixture(scope="session", autouse=True)
def interrupts_are_heard():
    """A suite started in the background may inherit an ignored SIGINT; its tests send one."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def write_as_keras_2(file, model):
    """Weights in the layout of the files that `keras.applications` downloads."""
    file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
    for layer in model.layers:
        group = file.create_group(layer.name)
        names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
        group.attrs["weight_names"] = [name.encode() for name in names]
        for name, weight in zip(names, layer.weights):
            group[name] = weight.numpy()


@pytest.fixture(scope="session")
def xception_file(tmp_path_factory):
    """A file for `Xception(weights="imagenet", include_top=False)`, and the weights in it."""
    h5py = pytest.importorskip("h5py")
    import addax

    home = tmp_path_factory.mktemp("keras")
    (home / "models").mkdir()
    path = home / "models" / "xception_weights_tf_dim_ordering_tf_kernels_notop.h5"
    model = addax.applications.Xception(weights=None, include_top=False)
    for layer in model.layers:
        if layer.name.startswith("batch_norm"):
            layer.moving_mean.assign_add(0.5)  # told from gamma and beta
    with h5py.File(path, "w") as file:
        write_as_keras_2(file, model)
    return SimpleNamespace(home=home, path=path, weights=model.get_weights())


@pytest.fixture
def pretrained_xception(xception_file, monkeypatch):
    """The file of `xception_file` in Keras's cache folder."""
    from addax.backend import names

    monkeypatch.setenv("KERAS_HOME", str(xception_file.home))
    names.reset()
    return xception_file
