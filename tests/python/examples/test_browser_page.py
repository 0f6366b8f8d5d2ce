"""examples/browser in Chromium: what is drawn there is what a model of Addax is asked about."""

from __future__ import annotations

import json
import shutil

import addax as keras
import numpy as np
import pytest
from strokes import DIGITS, placed

VERDICT = "document.getElementById('verdict').textContent"
SEEN = """(canvas => {
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return Array.from(data).filter((_, i) => i % 4 === 0);
})(document.getElementById('seen'))"""
SHARES = """Array.from(document.querySelectorAll('#bars li'),
    row => Number(row.style.getPropertyValue('--share')))"""


@pytest.fixture
def page(browser, site, serve):
    """The page, ready to be drawn on."""
    open_page(browser, serve(site))
    yield browser
    assert browser.complaints() == []


def open_page(browser, address: str) -> None:
    browser.open(address)
    browser.wait_for(f"{VERDICT} === 'Draw a digit, large or small.'")


def paper(page) -> list[float]:
    """Left, top and width of the drawing area."""
    return page.evaluate(
        "(box => [box.left, box.top, box.width])"
        "(document.getElementById('paper').getBoundingClientRect())"
    )


def draw(page, digit: int, by: str = "mouse", share: float = 1.0) -> str:
    """Draws in the corner of the paper that has that share of its width; returns the verdict."""
    left, top, width = paper(page)
    for stroke in placed(DIGITS[digit], left, top, width * share):
        getattr(page, by)(stroke)
    page.wait_for(f"{VERDICT}.startsWith('This looks like')")
    return page.evaluate(VERDICT)


def seen(page) -> np.ndarray:
    """The pixels that the model sees, 0 to 1."""
    values = np.array(page.evaluate(SEEN), "float32") / 255
    size = round(len(values) ** 0.5)
    return values.reshape(1, size, size, 1)


def predicted(site, images: np.ndarray) -> np.ndarray:
    """The probabilities that Addax gives for an image."""
    model = keras.models.load_model(site / "digits-model" / "model")
    return keras.ops.softmax(model.predict(images, verbose=0)).numpy()[0]


@pytest.mark.parametrize("by", ["mouse", "touch"])
@pytest.mark.parametrize("digit", [0, 2, 3])
def test_a_drawn_digit_gets_the_probabilities_that_addax_gives(page, site, digit, by):
    assert f" {digit} (" in draw(page, digit, by)
    wanted = predicted(site, seen(page))
    np.testing.assert_allclose(page.evaluate(SHARES), wanted, atol=1e-5)
    assert wanted.argmax() == digit
    best = page.evaluate("document.querySelector('#bars .best').textContent")
    assert best.startswith(str(digit)) and best.endswith("%")


def test_a_model_of_mnist_sees_28_by_28_pixels(browser, make_site, serve, tmp_path):
    rng = np.random.default_rng(0)  # what it learns does not matter here
    images, labels = rng.integers(0, 256, (80, 28, 28), "uint8"), np.arange(80) % 10
    parts = {"x_train": images[:64], "y_train": labels[:64]}
    np.savez(tmp_path / "m.npz", **parts, x_test=images[64:], y_test=labels[64:])
    site = make_site("--mnist", str(tmp_path / "m.npz"))
    open_page(browser, serve(site))
    draw(browser, 4)
    images = seen(browser)
    assert images.shape == (1, 28, 28, 1) and images.max() == 1
    np.testing.assert_allclose(browser.evaluate(SHARES), predicted(site, images), atol=1e-5)


def test_size_and_place_of_a_drawing_do_not_matter(page):
    draw(page, 5)
    large = seen(page)
    page.evaluate("document.getElementById('clear').click()")
    assert page.evaluate(VERDICT).startswith("Draw") and seen(page).max() == 0
    draw(page, 5, share=0.4)
    np.testing.assert_allclose(seen(page), large, atol=0.1)


def test_a_digit_is_drawn_with_the_keyboard_alone(page):
    page.evaluate("document.getElementById('paper').focus()")
    for _ in range(8):
        page.key("ArrowUp")
    page.key(" ", "Space")
    for _ in range(16):
        page.key("ArrowDown")
    page.key(" ", "Space")
    page.wait_for(f"{VERDICT}.startsWith('This looks like')")
    image = seen(page)[0, :, :, 0]
    assert image.min(axis=0).argmax() in (3, 4) and image[:, [0, 1, 6, 7]].max() == 0
    page.key("Escape")
    assert page.evaluate(VERDICT).startswith("Draw")


@pytest.mark.parametrize("digit", range(10))
def test_a_drawing_for_mnist_is_placed_as_mnist_places_its_digits(page, digit):
    strokes = [
        [{"x": x * 2 + 5, "y": y + 1} for x, y in stroke]
        for stroke in placed(DIGITS[digit], 0, 0, 3)
    ]
    values = page.evaluate(
        f"import('./raster.js').then(m => Array.from(m.rasterize({json.dumps(strokes)}, 28, 9)))"
    )
    image = np.array(values).reshape(28, 28)
    rows, columns = (np.flatnonzero(image.max(axis=i) > 0.25) for i in (1, 0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20, 21)
    places = np.arange(28) + 0.5
    assert abs((image.sum(axis=1) * places).sum() / image.sum() - 14) < 0.1
    assert abs((image.sum(axis=0) * places).sum() / image.sum() - 14) < 0.1


def test_all_parts_have_names_for_those_who_do_not_see_them(page):
    draw(page, 2)
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    named = {
        (node["role"]["value"], node["name"]["value"])
        for node in nodes
        if "name" in node and not node["ignored"]
    }
    assert ("application", "Drawing area") in named
    assert ("button", "Clear") in named
    assert ("list", "Probability of each digit") in named
    assert ("heading", "Draw a digit") in named
    roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
    assert roles.count("listitem") == 10 and "status" in roles


@pytest.mark.parametrize(
    ("missing", "command"),
    [("node_modules", "npm install"), ("digits-model", "python ../digits.py")],
)
def test_the_page_says_what_is_missing_and_what_to_run(
    browser, site, serve, tmp_path, missing, command
):
    leave_out = shutil.ignore_patterns(missing)
    folder = shutil.copytree(site, tmp_path / "site", symlinks=True, ignore=leave_out)
    browser.open(serve(folder))
    browser.wait_for("!document.getElementById('problem').hidden")
    assert browser.evaluate("document.querySelector('#problem code').textContent") == command
