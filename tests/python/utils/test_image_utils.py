import io

import numpy as np
import pytest
from addax import utils
from addax.preprocessing.image import smart_resize

pytest.importorskip("PIL")


def picture(height=2, width=3, channels=3):
    return np.arange(height * width * channels, dtype="float32").reshape(height, width, channels)


def test_values_are_stretched_to_a_byte():
    image = utils.array_to_img(picture())
    assert image.mode == "RGB" and image.size == (3, 2)
    np.testing.assert_array_equal(np.array(image).ravel(), np.arange(18) * 15)
    unscaled = utils.array_to_img(picture(), scale=False)
    np.testing.assert_array_equal(np.array(unscaled).ravel(), np.arange(18))


def test_channels_decide_the_mode():
    assert utils.array_to_img(picture(channels=1)).mode == "L"
    assert utils.array_to_img(picture(channels=4)).mode == "RGBA"
    assert utils.array_to_img(np.full((2, 2, 1), 70000), scale=False).mode == "I"
    with pytest.raises(ValueError, match="Unsupported channel number: 2"):
        utils.array_to_img(picture(channels=2))
    with pytest.raises(ValueError, match="rank 3"):
        utils.array_to_img(np.zeros((2, 2)))


def test_files_come_back_as_they_were_written(tmp_path):
    x = (np.random.RandomState(0).rand(5, 4, 3) * 255).round()
    path = tmp_path / "a.png"
    utils.save_img(path, x, scale=False)
    np.testing.assert_array_equal(utils.img_to_array(utils.load_img(path)), x)
    assert utils.img_to_array(utils.load_img(path, color_mode="grayscale")).shape == (5, 4, 1)
    assert utils.load_img(io.BytesIO(path.read_bytes()), target_size=(2, 7)).size == (7, 2)
    channels_first = utils.img_to_array(utils.load_img(path), data_format="channels_first")
    assert channels_first.shape == (3, 5, 4)


def test_load_img_names_what_is_wrong(tmp_path):
    path = tmp_path / "a.png"
    utils.save_img(path, picture())
    with pytest.raises(TypeError, match="path should be path-like"):
        utils.load_img(3)
    with pytest.raises(ValueError, match="color_mode must be"):
        utils.load_img(path, color_mode="x")
    with pytest.raises(ValueError, match="Invalid interpolation method x"):
        utils.load_img(path, target_size=(9, 9), interpolation="x")


def test_smart_resize_cuts_to_the_aspect_ratio():
    x = np.zeros((4, 8, 3), "float32")
    x[:, 2:6] = 1
    got = smart_resize(x, (2, 2))
    assert got.shape == (2, 2, 3)
    np.testing.assert_allclose(got, 1)


@pytest.fixture
def folder(tmp_path):
    for label, name in enumerate(("cats", "dogs")):
        (tmp_path / name).mkdir()
        for i in range(5):
            utils.save_img(
                tmp_path / name / f"{i}.png", np.full((6, 8, 3), label * 200 + i), scale=False
            )
    return tmp_path


def test_images_of_a_folder_become_batches(folder, capsys):
    dataset = utils.image_dataset_from_directory(folder, image_size=(4, 4), batch_size=4, seed=1)
    assert "Found 10 files belonging to 2 classes." in capsys.readouterr().out
    assert dataset.class_names == ["cats", "dogs"]
    batches = list(dataset)
    assert [len(y) for _, y in batches] == [4, 4, 2]
    for x, y in batches:
        assert x.shape[1:] == (4, 4, 3) and x.dtype == np.float32
        np.testing.assert_array_equal(x[:, 0, 0, 0] >= 200, y == 1)


def test_folder_is_split_without_overlap(folder):
    train, validation = utils.image_dataset_from_directory(
        folder,
        validation_split=0.3,
        subset="both",
        seed=1,
        image_size=(4, 4),
        label_mode="categorical",
    )
    assert len(train.file_paths) == 7 and len(validation.file_paths) == 3
    assert not set(train.file_paths) & set(validation.file_paths)
    assert next(iter(train))[1].shape == (7, 2)


def test_texts_of_a_folder_become_batches(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text(f"text {name}")
    ((x, y),) = list(utils.text_dataset_from_directory(tmp_path, shuffle=False, max_length=6))
    assert x.tolist() == ["text a", "text b"] and y.tolist() == [0, 1]
