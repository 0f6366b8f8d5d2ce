import io
import re
import sys

import pytest
from addax.utils.progbar import Progbar


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(monkeypatch, run, stream=None):
    stream = stream if stream is not None else io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    run()
    return stream.getvalue()


def bar(**kwargs):
    progbar = Progbar(3, interval=0, **kwargs)
    progbar.update(1, [("a", 1.0), ("b", 2)])
    progbar.update(2, [("a", 3.0), ("b", 4)])
    progbar.update(3, [("a", 5e-5), ("b", 6)])


def test_finished_bar_has_the_text_of_keras(monkeypatch):
    text = shown(monkeypatch, bar)
    assert re.fullmatch(r"3/3 ━{20} 0s \d+us/step - a: 5\.0000e-05 - b: 6\.0000\n", text), repr(
        text
    )


def test_terminal_redraws_in_place_with_colors(monkeypatch):
    text = shown(monkeypatch, bar, Terminal())
    lines = text.split("\r")
    assert len(lines) == 4
    assert lines[1].startswith(
        "\x1b[1m1/3\x1b[0m \x1b[32m━━━━━━\x1b[0m\x1b[37m━━━━━━━━━━━━━━\x1b[0m \x1b[1m0s\x1b[0m "
    )
    assert lines[3].startswith(
        "\x1b[1m3/3\x1b[0m \x1b[32m━━━━━━━━━━━━━━━━━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m0s\x1b[0m "
    )
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("kwargs", "second"),
    [
        ({}, "a: 2.0000 - b: 3.0000"),
        ({"stateful_metrics": ["a"]}, "a: 3.0000 - b: 3.0000"),
        ({"stateless_metrics": ["a"]}, "a: 2.0000 - b: 4.0000"),
    ],
)
def test_values_are_averaged_unless_they_are_stateful(monkeypatch, kwargs, second):
    text = shown(monkeypatch, lambda: bar(**kwargs), Terminal())
    assert second in text.split("\r")[2]


def test_stateful_and_stateless_exclude_each_other():
    with pytest.raises(ValueError, match="Only one of `stateful_metrics`"):
        Progbar(1, stateful_metrics=["a"], stateless_metrics=["b"])


def test_verbose_2_is_one_line(monkeypatch):
    text = shown(monkeypatch, lambda: bar(verbose=2))
    assert re.fullmatch(r"3/3 - 0s - \d+us/step - a: 5\.0000e-05 - b: 6\.0000\n", text), repr(text)


def test_verbose_0_is_silent(monkeypatch):
    assert shown(monkeypatch, lambda: bar(verbose=0)) == ""


def test_unknown_target_is_shown_as_unknown(monkeypatch):
    def run():
        progbar = Progbar(None, interval=0)
        progbar.add(1, [("a", 1.0)])
        progbar.add(1, [("a", 3.0)])
        progbar.update(2, finalize=True)

    text = shown(monkeypatch, run, Terminal())
    assert "      1/Unknown \x1b[1m0s\x1b[0m " in text
    assert text.endswith(" - a: 2.0000\n")


def test_times_are_formatted_like_keras(monkeypatch):
    def run():
        progbar = Progbar(4000, interval=0, unit_name="file")
        progbar.update(7)
        progbar._start -= 4000
        progbar._after_first_step -= 3500
        progbar.update(8)
        progbar.update(4000, [("a", 1)])

    text = shown(monkeypatch, run, Terminal())
    assert "   8/4000" in text
    assert "554:26:40" in text
    assert "500s/file" in text
    assert "4000s" in text


def test_redraws_are_limited(monkeypatch):
    def run():
        progbar = Progbar(1000, interval=10)
        for i in range(1, 1000):
            progbar.update(i)

    text = shown(monkeypatch, run, Terminal())
    assert text.count("\r") == 1


def test_nothing_is_drawn_where_there_is_no_output(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    bar = Progbar(2)
    bar.update(1, [("loss", 0.5)])
    bar.update(2, [("loss", 0.25)], finalize=True)
