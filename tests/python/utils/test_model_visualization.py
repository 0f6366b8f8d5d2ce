import sys
import types

import addax
import pytest
from addax import layers, utils


class Graph:
    """Stands for pydot's graphs: keeps nodes, edges and subgraphs."""

    def __init__(self, **kwargs):
        self.nodes, self.edges, self.clusters = {}, [], []

    def set(self, *_):
        pass

    def set_node_defaults(self, **_):
        pass

    def add_node(self, node):
        self.nodes[node[0]] = node[1]

    def add_edge(self, edge):
        self.edges.append(edge)

    def add_subgraph(self, cluster):
        self.clusters.append(cluster)


@pytest.fixture
def pydot(monkeypatch):
    module = types.ModuleType("pydot")
    module.Dot = module.Cluster = Graph
    module.Node = lambda name, label: (name, label)
    module.Edge = lambda a, b: (a, b)
    monkeypatch.setitem(sys.modules, "pydot", module)


@pytest.fixture
def model():
    a, b = addax.Input((3,), name="a"), addax.Input((3,), name="b")
    inner = addax.Sequential([addax.Input((6,)), layers.Dense(4)], name="inner")
    joined = layers.concatenate([layers.Dense(3, activation="relu", name="left")(a), b])
    return addax.Model([a, b], inner(joined))


def names_of(graph):
    return {
        name: label.strip("{}").split(" ")[0].split("|")[0] for name, label in graph.nodes.items()
    }


def test_graph_has_a_node_per_layer_and_an_edge_per_use(pydot, model):
    graph = utils.model_to_dot(model)
    names = names_of(graph)
    edges = {(names[source], names[target]) for source, target in graph.edges}
    joined = next(name for name in names.values() if name.startswith("concatenate"))
    assert edges == {("a", "left"), ("left", joined), ("b", joined), (joined, "inner")}
    assert len(graph.edges) == 4


def test_labels_show_what_is_asked_for(pydot, model):
    graph = utils.model_to_dot(
        model, show_shapes=True, show_dtype=True, show_layer_activations=True, show_trainable=True
    )
    label = next(label for label in graph.nodes.values() if label.startswith("{left"))
    assert label == (
        "{left (Dense)|Activation: relu|Input shape: (None, 3)|Output shape: (None, 3)"
        "|Output dtype: float32|Trainable}"
    )


def test_nested_models_are_expanded(pydot, model):
    graph = utils.model_to_dot(model, expand_nested=True)
    assert len(graph.clusters) == 1 and len(graph.clusters[0].nodes) == 2


def test_unbuilt_models_and_unknown_arguments_are_refused(pydot, model):
    with pytest.raises(ValueError, match="This model has not yet been built"):
        utils.model_to_dot(addax.Sequential([layers.Dense(1)]))
    with pytest.raises(ValueError, match="Unrecognized keyword arguments"):
        utils.model_to_dot(model, foo=1)


def test_missing_pydot_is_named(monkeypatch, model):
    monkeypatch.setitem(sys.modules, "pydot", None)
    for run in (utils.model_to_dot, utils.plot_model):
        with pytest.raises(ImportError, match=r"pip install addax\[plot\]"):
            run(model)


def test_source_inputs_of_a_tensor(model):
    assert [x.name for x in utils.get_source_inputs(model.output)] == ["a", "b"]
    with pytest.raises(ValueError, match="Expected a KerasTensor"):
        utils.get_source_inputs(3)
