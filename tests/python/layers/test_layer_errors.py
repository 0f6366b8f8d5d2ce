"""Bad arguments and inputs are refused with Keras's words."""
# ruff: noqa: E501 - messages are kept whole

import numpy as np
import pytest
from addax import layers
from addax.layers import Input

CONSTRUCTORS = [
    ("Dense(-1)", "Received an invalid value for `units`, expected a positive integer. Received: units=-1"),
    ("Dense(2.5)", "expected a positive integer. Received: units=2.5"),
    ("Dense(True)", "expected a positive integer"),
    ("Dense(3, lora_rank=2)", "Dense has no `lora_rank`"),
    ("Conv2D(0, 3)", "Invalid value for argument `filters`. Expected a strictly positive value. Received filters=0."),
    ("Conv2D(2, 0)", "The `kernel_size` argument must be a tuple of 2 integers. Received kernel_size=0, including values {0} that do not satisfy `value > 0`"),
    ("Conv2D(2, (3, 0))", "The `kernel_size` argument must be a tuple of 2 integers. Received kernel_size=(3, 0), including values {0} that do not satisfy `value > 0`"),
    ("Conv2D(2, (3, 3, 3))", "The `kernel_size` argument must be a tuple of 2 integers. Received kernel_size=(3, 3, 3)"),
    ("Conv2D(2, 'a')", "The `kernel_size` argument must be a tuple of 2 integers. Received kernel_size=a"),
    ("Conv2D(2, 3, strides=0)", "The `strides` argument must be a tuple of 2 integers."),
    ("Conv2D(2, 3, strides=2, dilation_rate=2)", "`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: strides=(2, 2) and dilation_rate=(2, 2)"),
    ("Conv2D(2, 3, padding='causal')", "one of {'valid', 'same'}. Received: causal"),
    ("Conv2D(2, 3, groups=0)", "The number of groups must be a positive integer. Received: groups=0."),
    ("Conv2D(3, 3, groups=2)", "evenly divisible by the number of groups. Received: groups=2, filters=3."),
    ("Conv2D(2, 3, data_format='x')", "The `data_format` argument must be one of {'channels_first', 'channels_last'}. Received: data_format=x"),
    ("Conv2DTranspose(2, 3, strides=2, output_padding=2)", "`output_padding` must be strictly less than `strides` for all dimensions."),
    ("DepthwiseConv2D(3, depth_multiplier=0)", "Received depth_multiplier=0."),
    ("SeparableConv2D(0, 3)", "Received filters=0."),
    ("MaxPooling2D(0)", "The `pool_size` argument must be a tuple of 2 integers."),
    ("MaxPooling2D(2, strides=0)", "The `strides` argument must be a tuple of 2 integers."),
    ("MaxPooling2D(2, padding='causal')", "Received: causal"),
    ("UpSampling1D(0)", "Argument `size` should be a positive integer. Received: size=0"),
    ("UpSampling2D(interpolation='foo')", "Received: interpolation=foo"),
    ("ZeroPadding2D((1, 2, 3))", "`padding` should have two elements. Received: padding=(1, 2, 3)."),
    ("ZeroPadding2D(((1, 2), (3,)))", "The `2nd entry of padding` argument must be a tuple of 2 integers."),
    ("ZeroPadding2D(-1)", "`padding` cannot be negative."),
    ("Cropping1D(-1)", "that do not satisfy `value >= 0`"),
    ("Reshape((-1, -1))", "There must be at most one unknown dimension (-1) in `target_shape`."),
    ("Reshape((2.5,))", "`target_shape` must be a tuple of integers"),
    ("Permute((0, 1))", "The set of indices in `dims` must be consecutive and start from 1."),
    ("RepeatVector(0)", "Argument `n` should be a positive integer. Received: n=0"),
    ("Embedding(0, 2)", "`input_dim` must be a positive integer. Received: input_dim=0 (of type int)."),
    ("Embedding(2, 2.5)", "`output_dim` must be a positive integer. Received: output_dim=2.5 (of type float)."),
    ("Dropout(1.5)", "Invalid value received for argument `rate`. Expected a float value between 0 and 1. Received: rate=1.5"),
    ("Dropout('a')", "Received: rate=a"),
    ("Dropout(0.5, noise_shape=2)", "Expected an iterable of integers (e.g., a tuple or list). Received: noise_shape=2"),
    ("Dropout(0.5, noise_shape=(0, 2))", "Received negative or zero value at index 0: 0"),
    ("GaussianNoise(-1)", "Received: stddev=-1"),
    ("LeakyReLU(-1)", "The negative_slope value of a Leaky ReLU layer cannot be None or negative value."),
    ("ReLU(max_value=-1)", "max_value of a ReLU layer cannot be a negative value."),
    ("ReLU(threshold=None)", "threshold of a ReLU layer cannot be None or a negative value."),
    ("Activation('foo')", "Could not interpret activation function identifier: foo"),
    ("BatchNormalization(synchronized=True)", "BatchNormalization has no `synchronized` in Addax"),
    ("BatchNormalization(renorm=True)", "has no `renorm`"),
    ("GroupNormalization(groups=0)", "`groups` must be a positive integer or -1."),
    ("Dot((1, 2, 3))", "Invalid format for argument `axes`: it should contain two elements."),
    ("Attention(score_mode='x')", "Expected one of {'dot', 'concat'}. Received: score_mode=x"),
    ("MultiHeadAttention(0, 2)", "Received an invalid value for argument `num_heads`, expected a positive integer. Received: num_heads=0"),
    ("MultiHeadAttention(2, 2, value_dim=0)", "expected a positive integer or `None`. Received: value_dim=0"),
    ("MultiHeadAttention(2, 2, attention_axes='a')", "`attention_axes` must be an int, list, or tuple."),
    ("MultiHeadAttention(2, 2, sliding_window=0)", "`sliding_window` must be `None` or a positive integer."),
    ("GroupQueryAttention(2, 3, 2)", "`num_query_heads` must be divisible by `num_key_value_heads`."),
    ("Normalization(mean=1)", "When setting values directly, both `mean` and `variance` must be set. Received: mean=1 and variance=None"),
    ("Rescaling('a')", "`scale` must be a number"),
    ("TimeDistributed(3)", "Please initialize `TimeDistributed` layer with a `keras.layers.Layer` instance. Received: 3"),
    ("Wrapper(3)", "Layer 3 supplied to Wrapper isn't a supported layer type."),
    ("Bidirectional(3)", "Please initialize `Bidirectional` layer with a `keras.layers.Layer` instance. Received: 3"),
    ("Bidirectional(layers.LSTM(3), merge_mode='x')", 'Invalid merge mode. Received: x. Merge mode should be one of {"sum", "mul", "ave", "concat", None}'),
    ("Bidirectional(layers.LSTM(3), backward_layer=layers.LSTM(3))", "Forward layer and backward layer should have different `go_backwards` value."),
    ("RNN(3)", "Argument `cell` should have a `call` method. Received: cell=3"),
    ("RNN(layers.Dense(3))", "The RNN cell should have a `state_size` attribute"),
    ("RNN([layers.Dense(3)])", "All cells must have a `state_size` attribute."),
    ("LSTM(0)", "Received an invalid value for argument `units`, expected a positive integer, got 0."),
    ("LSTM(2.5)", "expected a positive integer, got 2.5."),
    ("LSTM(3, dropout=2)", "Received: dropout=2"),
    ("LSTM(3, time_major=True)", "Unrecognized keyword arguments passed to LSTM: {'time_major': True}"),
    ("AdaptiveMaxPooling2D((2, 3, 4))", "The `output_size` argument must be a tuple of 2 integers. Received output_size=(2, 3, 4)"),
    ("AdaptiveAveragePooling1D(0)", "including values {0} that do not satisfy `value > 0`"),
    ("CategoryEncoding()", "num_tokens must be set to use this layer"),
    ("CategoryEncoding(0)", "`num_tokens` must be >= 1. Received: num_tokens=0."),
    ("CategoryEncoding(3, output_mode='int')", "Unknown arg for output_mode: int. It must be one of ('one_hot', 'multi_hot', 'count')."),
    ("CategoryEncoding(3, sparse=True)", "CategoryEncoding has no `sparse` in Addax."),
    ("CenterCrop(0, 3)", "Invalid value for argument `height`. Expected a strictly positive value. Received height=0."),
    ("ConvLSTM2D(0, 3)", "Received an invalid value for argument `filters`, expected a positive integer, got 0."),
    ("ConvLSTM2D(2, (3, 3, 3))", "The `kernel_size` argument must be a tuple of 2 integers."),
    ("ConvLSTM2D(2, 3, padding='causal')", "The `padding` argument must be"),
    ("ConvLSTM2D(2, 3, strides=2, dilation_rate=2)", "Specifying `strides > 1` is not compatible with `dilation_rate > 1`."),
    ("ConvLSTM1D(2, 3, data_format='x')", "Received: data_format=x"),
    ("ConvLSTM3D(2, 3, units=4)", "Unrecognized keyword arguments passed to ConvLSTM3D: {'units': 4}"),
    ("Discretization()", "You need to set either `num_bins` or `bin_boundaries`."),
    ("Discretization([1.0], num_bins=3)", "Both `num_bins` and `bin_boundaries` should not be set."),
    ("Discretization([1.0, 0.0])", "`bin_boundaries` must be a list of numbers in rising order. Received: bin_boundaries=[1.0, 0.0]"),
    ("Discretization([1.0], output_mode='x')", "Received: output_mode=x"),
    ("Discretization(num_bins=0)", "`num_bins` must be a positive integer. Received: `num_bins=0`"),
    ("Discretization(num_bins=3, epsilon=0)", "`epsilon` must be between 0 and 1. Received: epsilon=0"),
    ("Discretization(num_bins=3, epsilon=None)", "`epsilon` must be between 0 and 1. Received: epsilon=None"),
    ("Discretization([[0.0], [1.0]])", "`bin_boundaries` must be a list of numbers in rising order."),
    ("Pipeline([3])", "`layers` must be a list of layers. Received: layers=[3]"),
    ("ReversibleEmbedding(3, 2, logit_soft_cap=0)", "`logit_soft_cap` must be a number above 0 or None. Received: logit_soft_cap=0"),
    ("ReversibleEmbedding(3, 2, logit_soft_cap={})", "must be a number above 0 or None. Received: logit_soft_cap={}"),
    ("ReversibleEmbedding(0, 2)", "`input_dim` must be a positive integer."),
    ("Resizing(3, 2.5)", "Invalid value for argument `width`. Expected a strictly positive value. Received width=2.5."),
    ("Resizing(3, 3, interpolation='area')", "Received: interpolation=area"),
    ("Resizing(3, 3, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True)", "Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`."),
    ("Resizing(3, 3, fill_mode='edge')", "Only `'constant'` is supported. Received: fill_mode=edge"),
    ("ThresholdedReLU(-1.0)", "Theta of a Thresholded ReLU layer cannot be None or negative, expected a float. Received: theta=-1.0"),
    ("ThresholdedReLU(None)", "Received: theta=None"),
    ("SpectralNormalization(layers.Dense(3), power_iterations=0)", "`power_iterations` should be greater than zero."),
]  # fmt: skip

CALLS = [
    ("Dense(3)", [()], "min_ndim=2, found ndim=1"),
    ("Conv2D(2, 3)", [(2, 2, 1)], "Computed output size would be zero or negative."),
    ("Conv2D(2, 3)", [(5, 5)], "expected min_ndim=4, found ndim=3"),
    ("Conv2D(2, 3)", [(5, 5, None)], "The channel dimension of the inputs should be defined."),
    ("Conv2D(2, 3, groups=2)", [(5, 5, 3)], "The number of input channels must be evenly divisible by the number of groups. Received groups=2, but the input has 3 channels"),
    ("MaxPooling2D(3)", [(2, 2, 1)], "Computed output size would be zero or negative."),
    ("Cropping1D(2)", [(3, 1)], "`cropping` parameter of `Cropping1D` layer must be smaller than the input length. Received: input_shape=(None, 3, 1), cropping=(2, 2)"),
    ("Cropping2D(2)", [(3, 3, 1)], "Values in `cropping` argument should be smaller than the corresponding spatial dimension of the input."),
    ("Reshape((3, 3))", [(8,)], "The total size of the tensor must be unchanged. Received: input_shape=(8,), target_shape=(3, 3)"),
    ("Reshape((3, -1))", [(8,)], "the input size cannot by divided by the specified dimensions in target_shape."),
    ("Permute((2, 1))", [(3,)], "expected ndim=3, found ndim=2"),
    ("RepeatVector(2)", [(3, 4)], "expected ndim=2, found ndim=3"),
    ("BatchNormalization(axis=5)", [(3,)], "`axis` must name axes of the inputs"),
    ("LayerNormalization(axis=[1, 1])", [(4, 3)], "`axis` names an axis twice"),
    ("LayerNormalization()", [(None,)], "should have a defined dimension"),
    ("GroupNormalization(groups=3)", [(4,)], "Number of groups (3) must be a multiple of the number of channels (4)."),
    ("GroupNormalization(groups=8)", [(4,)], "Number of groups (8) cannot be more than the number of channels (4)."),
    ("PReLU(shared_axes=[5])", [(3,)], "`shared_axes` of a PReLU layer must be axes of its inputs"),
    ("Add()", [(4, 3)], "A merge layer should be called on a list of inputs."),
    ("Add()", [[(4,), (3,)]], "Inputs have incompatible shapes. Received shapes (4,) and (3,)"),
    ("Subtract()", [[(4,), (4,), (4,)]], "A `Subtract` layer should be called on exactly 2 inputs."),
    ("Concatenate()", [(4, 3)], "A `Concatenate` layer should be called on a list of at least 1 input."),
    ("Concatenate()", [[(4, 3), (3, 3)]], "A `Concatenate` layer requires inputs with matching shapes except for the concatenation axis."),
    ("Concatenate(axis=5)", [[(4,), (4,)]], "`axis` of a `Concatenate` layer must be an axis of its inputs"),
    ("Dot(2)", [[(4, 3), (2, 2)]], "Incompatible input shapes: axis values 3 (at axis 2) != 2 (at axis 2)."),
    ("Dot(0)", [[(4,), (4,)]], "must name axes of its inputs other than the batch"),
    ("Dot(1)", [[(4, 3)]], "A `Dot` layer should be called on a list of 2 inputs."),
    ("Attention()", [(4, 3)], "Attention layer must be called on a list of inputs, namely [query, value] or [query, value, key]."),
    ("Attention()", [[(4, 3)]], "Attention layer accepts inputs list of length 2 or 3"),
    ("AdditiveAttention()", [[(4, 3)]], "AdditiveAttention layer accepts inputs list of length 2 or 3"),
    ("MultiHeadAttention(2, 2)", [(4, 3), (5, 3), (6, 3)], "All dimensions of `value` and `key`, except the last one, must be equal."),
    ("MultiHeadAttention(2, 2)", [(3,), (3,)], "must have at least 3 axes: batch, positions, features. Received: query_shape=(None, 3)"),
    ("EinsumDense('ab,bc', 3)", [(3,)], "Invalid einsum equation 'ab,bc'. Equations must be in the form"),
    ("EinsumDense('abc,cd->abd', 3)", [(3,)], "does not fit inputs of rank 2"),
    ("EinsumDense('ab,bc->ac', 3, bias_axes='d')", [(3,)], "Bias dimension 'd' was requested, but is not part of the output spec 'ac'"),
    ("EinsumDense('ab,cd->ac', 3)", [(3,)], "Weight dimension 'd' did not have a match"),
    ("EinsumDense('ab,bc->acd', (3, 4))", [(3,)], "Dimension 'd' was specified in the output 'acd'"),
    ("Normalization(axis=5)", [(4, 3)], "All `axis` values must be in the range [-ndim, ndim). Received inputs with ndim=3, while axis=(5,)"),
    ("Normalization()", [(None,)], "All `axis` values to be kept must have a known shape."),
    ("TimeDistributed(layers.Dense(2))", [(3,)], "`TimeDistributed` Layer should be passed an `input_shape` with at least 3 dimensions, received: (None, 3)"),
    ("LSTM(3)", [(3,)], "expected ndim=3, found ndim=2"),
    ("LSTM(3, stateful=True)", [(4, 3)], "When using `stateful=True` in a RNN, the batch size must be static. Found dynamic batch size: sequence.shape=(None, 4, 3)"),
    ("ConvLSTM2D(2, 3)", [(5, 5, 1)], "expected ndim=5, found ndim=4"),
    ("ConvLSTM2D(2, 3)", [(None, 5, None, 1)], "ConvLSTM layers only support static input shapes for the spatial dimension. Received invalid input shape: input_shape=(None, 5, None, 1)"),
    ("ConvLSTM2D(2, 3)", [(None, 5, 5, None)], "The channel dimension of the inputs should be defined."),
    ("ConvLSTM1D(2, 3)", [(None, 2, 1)], "Computed output size would be zero or negative."),
    ("CenterCrop(2, 2)", [(4,)], "expected min_ndim=3, found ndim=2"),
    ("Resizing(3, 3)", [(2, 4, 4, 4, 1)], "expected max_ndim=4, found ndim=6"),
    ("SpectralNormalization(layers.ReLU())", [(3,)], "ReLU object has no attribute 'kernel' nor 'embeddings'"),
]  # fmt: skip

# The same, where Keras raises TypeError.
TYPE_ERRORS = [
    ("AdaptiveMaxPooling1D('a')", "`output_size` must be an integer or tuple of 1 integers. Received: a of type <class 'str'>"),
    ("ThresholdedReLU('a')", "Expected a number"),
    ("RepeatVector('a')", "Expected an integer value for `n`, got <class 'str'>."),
    ("LayerNormalization(axis='a')", "Expected an int or a list/tuple of ints for the argument 'axis', but received: 'a'"),
    ("UnitNormalization('a')", "Invalid value for `axis` argument: expected an int or a list/tuple of ints. Received: axis=a"),
    ("BatchNormalization(axis='a')", "`axis` must be an integer"),
    ("Dot('a')", "Invalid type for argument `axes`: it should be a list or an int. Received: axes=a"),
    ("LeakyReLU('a')", "Expected a number"),
    ("Lambda(3)", "unsupported callable"),
    ("Reshape(8)", "not iterable"),
    ("StackedRNNCells(3)", "not iterable"),
]  # fmt: skip


def make(constructor):
    return eval(f"layers.{constructor}", {"layers": layers})


@pytest.mark.parametrize(("constructor", "message"), CONSTRUCTORS)
def test_a_bad_argument_is_a_value_error(constructor, message):
    with pytest.raises(ValueError) as error:
        make(constructor)
    assert message in str(error.value)


@pytest.mark.parametrize(("constructor", "message"), TYPE_ERRORS)
def test_an_argument_of_the_wrong_type_is_a_type_error(constructor, message):
    with pytest.raises(TypeError) as error:
        make(constructor)
    assert message in str(error.value)


@pytest.mark.parametrize(("constructor", "shapes", "message"), CALLS)
def test_a_bad_input_is_a_value_error(constructor, shapes, message):
    layer = make(constructor)
    inputs = [
        [Input(s) for s in shape] if isinstance(shape, list) else Input(shape) for shape in shapes
    ]
    with pytest.raises(ValueError) as error:
        layer(*inputs)
    assert message in str(error.value)


@pytest.mark.parametrize("ids", [[[0, 5]], [[-1, 2]], [[0, 2**40]]])
def test_embedding_refuses_ids_out_of_range(ids):
    layer = layers.Embedding(5, 2)
    with pytest.raises((ValueError, IndexError)) as error:
        layer(np.array(ids, "int64"))
    assert str(min(v for v in np.ravel(ids) if not 0 <= v < 5)) in str(error.value)


def test_a_batch_normalization_mask_has_one_axis_less():
    layer = layers.BatchNormalization()
    with pytest.raises(ValueError, match="The mask provided should be one dimension less"):
        layer(np.ones((2, 3), "float32"), mask=np.ones((2, 3), bool))


def test_too_many_initial_states_are_refused():
    layer = layers.LSTM(3)
    state = np.zeros((2, 3), "float32")
    with pytest.raises(ValueError, match="has 2 states, but 3 were passed"):
        layer(np.ones((2, 4, 2), "float32"), initial_state=[state, state, state])


def test_attention_masks_come_in_a_list():
    x = np.ones((1, 2, 3), "float32")
    with pytest.raises(ValueError, match="Attention layer mask must be a list"):
        layers.Attention()([x, x], mask=np.ones((1, 2), bool))
    with pytest.raises(ValueError, match="Attention layer accepts mask list of length 2 or 3"):
        layers.Attention()([x, x], mask=[None])


def test_unrolling_needs_a_known_number_of_steps():
    from addax import models

    inputs = Input((None, 2))
    outputs = layers.LSTM(3, unroll=True)(inputs)
    model = models.Model(inputs, outputs)
    assert model(np.ones((2, 4, 2), "float32")).shape == (2, 3)


def test_names_that_are_no_layers_are_attribute_errors():
    with pytest.raises(AttributeError, match="has no attribute 'Foo'"):
        _ = layers.Foo
