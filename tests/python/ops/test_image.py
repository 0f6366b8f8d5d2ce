"""Images: resizing, cropping, padding, colours, patches, filters, warps."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from addax import ops
from addax.backend import CompiledFunction, KerasTensor

RNG = np.random.default_rng(3)
IMAGES = RNG.uniform(0, 1, (2, 5, 6, 3)).astype(np.float32)


def sample(x, rows, columns):
    """Bilinear values at fractional places, the borders repeated."""
    h, w = x.shape[1:3]
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    v, u = (rows - top)[None, :, None, None], (columns - left)[None, None, :, None]

    def at(i, j):
        return x[:, np.clip(i, 0, h - 1)][:, :, np.clip(j, 0, w - 1)]

    upper = at(top, left) * (1 - u) + at(top, left + 1) * u
    lower = at(top + 1, left) * (1 - u) + at(top + 1, left + 1) * u
    return upper * (1 - v) + lower * v


@pytest.mark.parametrize("size", [(10, 12), (3, 4), (7, 2), (5, 6)])
def test_bilinear_resize_has_centres_at_halves(size) -> None:
    rows = (np.arange(size[0]) + 0.5) * 5 / size[0] - 0.5
    columns = (np.arange(size[1]) + 0.5) * 6 / size[1] - 0.5
    got = ops.image.resize(IMAGES, size)
    np.testing.assert_allclose(got.numpy(), sample(IMAGES, rows, columns), atol=1e-5)


def test_nearest_resize_repeats_pixels() -> None:
    got = ops.image.resize(IMAGES, (10, 12), interpolation="nearest").numpy()
    np.testing.assert_array_equal(got, IMAGES.repeat(2, 1).repeat(2, 2))


@pytest.mark.parametrize("method", ["bilinear", "bicubic", "lanczos3", "lanczos5"])
@pytest.mark.parametrize("antialias", [False, True])
def test_resizing_keeps_a_constant_image(method, antialias) -> None:
    flat = np.full((1, 6, 8, 2), 0.7, np.float32)
    got = ops.image.resize(flat, (4, 11), interpolation=method, antialias=antialias)
    np.testing.assert_allclose(got.numpy(), np.full((1, 4, 11, 2), 0.7), atol=1e-5)


def test_antialiased_halving_weighs_four_neighbours() -> None:
    x = np.arange(8, dtype=np.float32).reshape(1, 1, 8, 1)
    got = ops.image.resize(x, (1, 4), antialias=True).numpy()[0, 0, :, 0]
    np.testing.assert_allclose(got[1:3], [2.5, 4.5], atol=1e-6)


def test_bicubic_reproduces_a_line_inside() -> None:
    x = np.arange(10, dtype=np.float32).reshape(1, 1, 10, 1)
    got = ops.image.resize(x, (1, 20), interpolation="bicubic").numpy()[0, 0, :, 0]
    np.testing.assert_allclose(got[6:14], (np.arange(20) * 0.5 - 0.25)[6:14], atol=1e-5)


def test_resize_of_bytes_rounds() -> None:
    x = np.array([[[[0], [255]]]], np.uint8)
    got = ops.image.resize(x, (1, 4))
    assert got.dtype == "uint8"
    assert got.numpy()[0, 0, :, 0].tolist() == [0, 64, 191, 255]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float64"])
def test_nearest_resize_keeps_the_dtype(dtype) -> None:
    x = np.arange(4).reshape(1, 2, 2, 1).astype(dtype)
    got = ops.image.resize(x, (4, 4), interpolation="nearest")
    assert got.dtype == dtype
    np.testing.assert_array_equal(got.numpy(), x.repeat(2, 1).repeat(2, 2))


def test_resize_takes_one_image_channels_first_and_unknown_batches() -> None:
    one = ops.image.resize(IMAGES[0], (3, 4)).numpy()
    batch = ops.image.resize(IMAGES, (3, 4)).numpy()
    np.testing.assert_allclose(one, batch[0], atol=1e-6)
    first = ops.image.resize(IMAGES.transpose(0, 3, 1, 2), (3, 4), data_format="channels_first")
    np.testing.assert_allclose(first.numpy().transpose(0, 2, 3, 1), batch, atol=1e-6)
    assert ops.image.resize(KerasTensor((None, 5, 6, 3)), (3, 4)).shape == (None, 3, 4, 3)
    run = CompiledFunction(lambda x: ops.image.resize(x, (3, 4), interpolation="bicubic"))
    assert run(IMAGES).shape == (2, 3, 4, 3)


def test_resize_keeps_the_aspect_ratio_if_told() -> None:
    wide = np.ones((4, 8, 1), np.float32)
    wide[:, :2] = wide[:, -2:] = 5
    cropped = ops.image.resize(wide, (2, 2), crop_to_aspect_ratio=True).numpy()
    np.testing.assert_allclose(cropped, np.ones((2, 2, 1)))
    padded = ops.image.resize(np.ones((4, 8, 1)), (8, 8), pad_to_aspect_ratio=True).numpy()
    assert padded[0].max() == 0
    assert padded[4].min() == 1


@pytest.mark.parametrize(
    "options, message",
    [
        ({"size": (3,)}, "tuple of 2 integers"),
        ({"size": (3, 0)}, "positive"),
        ({"size": (3, 3), "interpolation": "odd"}, "interpolation"),
        ({"size": (3, 3), "fill_mode": "odd"}, "fill_mode"),
        ({"size": (3, 3), "crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "Only one"),
    ],
)
def test_wrong_arguments_of_resize_are_named(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        ops.image.resize(IMAGES, **options)
    with pytest.raises(ValueError, match="rank"):
        ops.image.resize(IMAGES[0, 0], (3, 3))


def test_crop_and_pad() -> None:
    crop = ops.image.crop_images(
        IMAGES, top_cropping=1, bottom_cropping=2, left_cropping=3, target_width=2
    )
    np.testing.assert_array_equal(crop.numpy(), IMAGES[:, 1:3, 3:5])
    pad = ops.image.pad_images(
        IMAGES, top_padding=1, target_height=8, left_padding=2, right_padding=0
    )
    np.testing.assert_array_equal(pad.numpy(), np.pad(IMAGES, ((0, 0), (1, 2), (2, 0), (0, 0))))
    with pytest.raises(ValueError, match="exactly two"):
        ops.image.crop_images(IMAGES, top_cropping=1)
    with pytest.raises(ValueError, match="must be >= 0"):
        ops.image.pad_images(
            IMAGES, top_padding=1, target_height=2, left_padding=0, right_padding=0
        )


def test_grayscale_weighs_the_channels() -> None:
    got = ops.image.rgb_to_grayscale(IMAGES).numpy()
    np.testing.assert_allclose(got, IMAGES @ np.float32([[0.2989], [0.587], [0.114]]), atol=1e-6)
    with pytest.raises(ValueError):
        ops.image.rgb_to_grayscale(IMAGES[..., :2])


def test_hsv_is_that_of_the_standard_library_and_back() -> None:
    hsv = ops.image.rgb_to_hsv(IMAGES)
    want = np.array([colorsys.rgb_to_hsv(*p) for p in IMAGES.reshape(-1, 3).tolist()])
    np.testing.assert_allclose(hsv.numpy().reshape(-1, 3), want, atol=1e-5)
    np.testing.assert_allclose(ops.image.hsv_to_rgb(hsv).numpy(), IMAGES, atol=1e-5)
    gray = np.full((1, 1, 1, 3), 0.5, np.float32)
    assert ops.image.rgb_to_hsv(gray).numpy().reshape(-1).tolist() == [0, 0, 0.5]


@pytest.mark.parametrize("strides, dilation", [(None, 1), (1, 1), (2, 1), (1, 2)])
def test_patches_are_windows(strides, dilation) -> None:
    x = RNG.normal(size=(2, 7, 8, 3)).astype(np.float32)
    got = ops.image.extract_patches(x, (2, 3), strides, dilation).numpy()
    step = (2, 3) if strides is None else (strides, strides)
    reach = (dilation + 1, 2 * dilation + 1)
    rows = [
        [
            x[:, i : i + reach[0] : dilation, j : j + reach[1] : dilation].reshape(2, -1)
            for j in range(0, 8 - reach[1] + 1, step[1])
        ]
        for i in range(0, 7 - reach[0] + 1, step[0])
    ]
    np.testing.assert_array_equal(got, np.stack([np.stack(r, 1) for r in rows], 1))


def test_patches_with_padding_and_of_volumes() -> None:
    assert ops.image.extract_patches(IMAGES, 2, padding="same").shape == (2, 3, 3, 12)
    volume = RNG.normal(size=(2, 4, 4, 4, 1)).astype(np.float32)
    got = ops.image.extract_patches_3d(volume, 2).numpy()
    assert got.shape == (2, 2, 2, 2, 8)
    np.testing.assert_array_equal(got[0, 1, 0, 1], volume[0, 2:4, 0:2, 2:4].reshape(-1))


def test_blur_keeps_the_sum_inside_and_sobel_finds_slopes() -> None:
    x = np.zeros((1, 7, 7, 2), np.float32)
    x[0, 3, 3] = 1
    blurred = ops.image.gaussian_blur(x, (3, 3), (1.0, 1.0)).numpy()
    np.testing.assert_allclose(blurred.sum((1, 2)), [[1, 1]], atol=1e-6)
    np.testing.assert_allclose(blurred, blurred[:, ::-1, ::-1], atol=1e-7)
    slope = np.tile(np.arange(6, dtype=np.float32)[None, None, :, None], (1, 5, 1, 1))
    edges = ops.image.sobel_edges(slope).numpy()
    assert edges.shape == (1, 5, 6, 1, 2)
    np.testing.assert_allclose(edges[0, 1:-1, 1:-1, 0, 0], 0, atol=1e-6)
    np.testing.assert_allclose(edges[0, 1:-1, 1:-1, 0, 1], 8, atol=1e-6)


@pytest.mark.parametrize("mode", ["constant", "nearest", "wrap", "mirror", "reflect"])
def test_map_coordinates_fills_as_scipy_does(mode) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    x = RNG.normal(size=(4, 5)).astype(np.float32)
    # Inside for "constant", whose borders SciPy blends differently.
    reach = (0, 2.9) if mode == "constant" else (-7, 9)
    places = RNG.uniform(*reach, (2, 30)).astype(np.float32)
    for order in (0, 1):
        got = ops.image.map_coordinates(x, places, order, fill_mode=mode).numpy()
        name = {"wrap": "grid-wrap"}.get(mode, mode)
        np.testing.assert_allclose(
            got, ndimage.map_coordinates(x, places, order=order, mode=name), atol=1e-4
        )


def test_affine_identity_shift_and_flip() -> None:
    identity = np.float32([1, 0, 0, 0, 1, 0, 0, 0])
    np.testing.assert_allclose(
        ops.image.affine_transform(IMAGES, identity).numpy(), IMAGES, atol=1e-6
    )
    shift = np.float32([1, 0, 1, 0, 1, 0, 0, 0])
    got = ops.image.affine_transform(IMAGES, shift).numpy()
    np.testing.assert_allclose(got[:, :, :-1], IMAGES[:, :, 1:], atol=1e-6)
    assert got[:, :, -1].max() == 0
    flip = np.float32([-1, 0, 5, 0, 1, 0, 0, 0])
    got = ops.image.affine_transform(IMAGES, [identity, flip], interpolation="nearest").numpy()
    np.testing.assert_allclose(got[0], IMAGES[0], atol=1e-6)
    np.testing.assert_allclose(got[1], IMAGES[1, :, ::-1], atol=1e-6)


def test_every_function_takes_keras_tensors() -> None:
    k = KerasTensor((None, 8, 8, 3))
    assert ops.image.rgb_to_hsv(k).shape == (None, 8, 8, 3)
    assert ops.image.hsv_to_rgb(k).shape == (None, 8, 8, 3)
    assert ops.image.rgb_to_grayscale(k).shape == (None, 8, 8, 1)
    assert ops.image.extract_patches(k, 4).shape == (None, 2, 2, 48)
    assert ops.image.gaussian_blur(k).shape == (None, 8, 8, 3)
    assert ops.image.sobel_edges(k).shape == (None, 8, 8, 3, 2)
    assert ops.image.crop_images(k, 1, 1, 1, 1).shape == (None, 6, 6, 3)
    assert ops.image.pad_images(k, 1, 1, 1, 1).shape == (None, 10, 10, 3)
    assert ops.image.affine_transform(k, np.float32([1, 0, 0, 0, 1, 0, 0, 0])).shape == (
        None,
        8,
        8,
        3,
    )


def test_resizing_to_a_multiple_of_an_unknown_size_is_recorded() -> None:
    def twice(x):
        rows, columns = ops.shape(x)[1:3]
        return ops.image.resize(x, (rows * 2, columns * 2), interpolation="nearest")

    assert ops.image.resize(KerasTensor((None, None, None, 3)), (4, 4)).shape == (None, 4, 4, 3)
    run = CompiledFunction(twice, shapes=[(None, None, None, 3)])
    for size in (5, 3):
        got = run(IMAGES[:, :size]).numpy()
        np.testing.assert_array_equal(got, IMAGES[:, :size].repeat(2, 1).repeat(2, 2))
