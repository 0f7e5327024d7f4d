"""Pictures: what they show, that they leave nothing behind, and what they say to those who do not see them."""

from __future__ import annotations

import struct
import subprocess
import sys
import warnings
import zlib
from itertools import pairwise

import numpy as np
import pytest

import handgrad as hg
from handgrad import data, plot
from handgrad.errors import ArgumentError, FileError, MissingDependencyError, ShapeError
from handgrad.plot import fonts, look
from handgrad.plot.curves import moving_mean
from oracles import oracle

mpl = oracle("matplotlib")


@pytest.fixture(scope="module")
def trained():
    X, y = data.circles(n=120, seed=3)
    net = hg.Network.parse("2-6:tanh-1:sigmoid", loss="bce", seed=1)
    history = net.fit(X, y, epochs=40, optimizer=hg.Adam(0.05), validation=data.circles(n=40, seed=4))
    return net, history, X, y


def png_chunks(path):
    """The text chunks of a PNG, read by hand: tEXt is Latin-1, iTXt UTF-8."""
    raw, at, found = path.read_bytes(), 8, {}
    while at < len(raw):
        length, kind = struct.unpack(">I4s", raw[at : at + 8])
        body = raw[at + 8 : at + 8 + length]
        assert struct.unpack(">I", raw[at + 8 + length : at + 12 + length])[0] == zlib.crc32(kind + body)
        if kind == b"tEXt":
            key, text = body.split(b"\0", 1)
            found[key.decode()] = text.decode("latin-1")
        elif kind == b"iTXt":
            key, rest = body.split(b"\0", 1)
            found[key.decode()] = rest[2:].split(b"\0", 2)[2].decode("utf-8")
        at += 12 + length
    return found


# -- learning curves ------------------------------------------------------------------------------------------------


def test_curves_show_the_numbers_of_the_history(trained):
    _, history, _, _ = trained
    loss, metric = history.plot().axes
    training, validation = loss.get_lines()
    assert np.array_equal(training.get_ydata(), history.loss)
    assert training.get_xdata().tolist() == list(range(1, 41))
    assert np.array_equal(validation.get_ydata(), history.validation_loss)
    assert np.array_equal(metric.get_lines()[1].get_ydata(), history.validation_metric)
    assert loss.get_yscale() == "linear"
    assert history.plot.curves(log=True).axes[0].get_yscale() == "log"


def test_gradients_have_a_line_for_each_layer(trained):
    _, history, _, _ = trained
    axes = history.plot(gradients=True).axes
    assert [line.get_label() for line in axes[2].get_lines()] == ["dense1", "dense2"]
    assert np.array_equal(axes[2].get_lines()[0].get_ydata(), history.gradient_norm["dense1"])


def test_smoothing_is_a_mean_of_what_came_before():
    values = np.array([3.0, 1.0, 2.0, 8.0])
    s = 0.6
    by_hand = [sum(s ** (i - j) * values[j] for j in range(i + 1)) / sum(s**j for j in range(i + 1)) for i in range(4)]
    assert np.allclose(moving_mean(values, s), by_hand, rtol=1e-14)


def test_a_second_training_goes_on_counting():
    X, y = data.xor()
    net = hg.Network.parse("2-2:tanh-1:sigmoid", loss="bce", seed=0)
    net.fit(X, y, epochs=5)
    line = net.fit(X, y, epochs=3).plot().axes[0].get_lines()[0]
    assert line.get_xdata().tolist() == [6, 7, 8]


@pytest.mark.parametrize("smooth", [-0.1, 1, 1.5, float("nan"), True])
def test_smooth_is_a_share(trained, smooth):
    with pytest.raises(ArgumentError, match="smooth"):
        trained[1].plot(smooth=smooth)


def test_an_empty_history_says_so():
    with pytest.raises(ArgumentError, match="no epochs"):
        hg.History().plot()


def test_a_loss_of_zero_has_a_log_axis_all_the_same():
    history = hg.History(loss=[1.0, 0.0, 0.0])
    figure = history.plot(log=True)
    assert figure.axes[0].get_yscale() == "symlog"
    figure.canvas.draw()  # warnings are errors


def test_compare_orders_its_legend_by_the_last_loss():
    histories = {"a": hg.History(loss=[3.0, 1.0]), "b": hg.History(loss=[3.0, 2.0]), "c": hg.History(loss=[3.0, 0.5])}
    (axes,) = plot.compare(histories, plot.words("en")).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["b", "a", "c"]
    with pytest.raises(ArgumentError):
        plot.compare({}, plot.words("en"))


# -- boundaries and fits --------------------------------------------------------------------------------------------


def test_the_boundary_shows_the_networks_own_probabilities(trained):
    net, _, X, y = trained
    axes = net.plot.boundary(X, y).axes[0]
    shown = axes.get_images()[0]
    left, right, low, high = shown.get_extent()
    p = np.asarray(shown.get_array())
    for row, column in [(0, 0), (-1, 3), (80, 80)]:
        point = np.array([[np.linspace(left, right, 160)[column], np.linspace(low, high, 160)[row]]])
        assert p[row, column] == pytest.approx(net.predict_proba(point).item(), rel=1e-9)
    assert low < X[:, 1].min()
    assert X[:, 0].max() < right


def test_the_boundary_counts_and_rings_wrong_answers(trained):
    net, _, X, y = trained
    wrong = int((net.predict(X) != y[:, 0]).sum())
    axes = net.plot.boundary(X, 1 - y).axes[0]  # all targets turned round: what was right is wrong
    assert axes.get_title() == f"{wrong} of 120 right"
    rings = [c for c in axes.collections if c.get_label() == "wrong"]
    assert len(rings) == 1
    largest = max((c for c in axes.collections if len(c.get_facecolor()) == 0), key=lambda c: len(c.get_offsets()))
    assert len(largest.get_offsets()) == 120 - wrong


def test_three_classes_values_and_wrong_shapes(trained):
    net, _, X, y = trained
    X3, y3 = data.spirals(n=60, classes=3)
    three = hg.Network.parse("2-5:tanh-3", loss="cross_entropy", seed=0)
    labels = [t.get_text() for t in three.plot.boundary(X3, y3).legends[0].get_texts()]
    assert labels[:3] == ["class 0", "class 1", "class 2"]
    values = hg.Network.parse("2-5:sigmoid-1", loss="mse", seed=0)
    assert values.plot.boundary(*data.xor()).axes[-1].get_ylabel() == "output"
    for bad_X, bad_y in [(np.zeros((4, 3)), np.zeros(4)), (X, y[:5]), (np.zeros((0, 2)), np.zeros(0))]:
        with pytest.raises(ShapeError):
            net.plot.boundary(bad_X, bad_y)
    with pytest.raises(ArgumentError, match="3 outputs"):
        hg.Network.parse("2-3", loss="mse").plot.boundary(np.eye(2), np.eye(2, 3))


def test_a_constant_input_column_still_has_a_plane():
    net = hg.Network.parse("2-2:tanh-1:sigmoid", loss="bce", seed=0)
    figure = net.plot.boundary([[1.0, 0.0], [1.0, 1.0]], [0, 1])
    figure.canvas.draw()


def test_the_fitted_curve_is_the_networks_and_its_errors_are_right():
    X, y = data.sine(50, noise=0.2, seed=1)
    net = hg.Network.parse("1-8:tanh-1", loss="mse", seed=0)
    net.fit(X, y, epochs=200, optimizer=hg.Adam(0.02))
    axes = net.plot.fit(X, y, clean=np.sin).axes[0]
    target, curve = axes.get_lines()
    x = curve.get_xdata().reshape(-1, 1)
    assert np.array_equal(curve.get_ydata(), net.forward(x)[:, 0])
    assert np.allclose(target.get_ydata(), np.sin(x[:, 0]), rtol=0, atol=1e-15)
    on_data, on_clean = np.mean((net.forward(X) - y) ** 2), np.mean((net.forward(x) - np.sin(x)) ** 2)
    assert axes.get_title() == f"squared error on the data {on_data:.3g}\nagainst the clean target {on_clean:.3g}"
    for bad_X, bad_y in [(np.zeros((4, 2)), np.zeros(4)), (X, y[:5])]:
        with pytest.raises(ShapeError):
            net.plot.fit(bad_X, bad_y)


def test_a_short_form_target_is_read_as_a_column():
    X, y = data.sine(20)
    net = hg.Network.parse("1-3:tanh-1", loss="mse", seed=0)
    assert net.plot.fit(X, y[:, 0]).axes[0].get_title() == net.plot.fit(X, y).axes[0].get_title()


# -- nothing left behind, files, languages --------------------------------------------------------------------------


def test_no_global_setting_is_touched_and_pyplot_stays_out(trained):
    before = dict(mpl.rcParams)
    net, history, X, y = trained
    history.plot(log=True, smooth=0.5)
    net.plot.boundary(X, y)
    assert dict(mpl.rcParams) == before
    code = "import sys, handgrad as hg; hg.History(loss=[1.0]).plot(); sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_picture_carries_its_text(tmp_path, trained):
    net, history, X, y = trained
    path = plot.save(history.plot(), tmp_path / "curves.png")
    text = png_chunks(path)["Description"]
    assert text.startswith("Learning curves over 40 epochs.")
    assert f"{history.loss[-1]:.3g}" in text
    assert f"{history.validation_loss[-1]:.3g}" in text
    assert "of 120 right" in png_chunks(plot.save(net.plot.boundary(X, y), str(tmp_path / "b.png")))["Description"]
    svg = plot.save(history.plot(), tmp_path / "curves.svg").read_text(encoding="utf-8")
    assert "Learning curves over 40 epochs." in svg


def test_a_picture_that_cannot_be_saved_says_why(tmp_path, trained):
    figure = trained[1].plot()
    with pytest.raises(ArgumentError, match=r"\.png"):
        plot.save(figure, tmp_path / "curves.gif")
    with pytest.raises(FileError, match="nowhere"):
        plot.save(figure, tmp_path / "nowhere" / "curves.png")


@pytest.mark.parametrize(("lang", "title"), [("zh-CN", "损失"), ("zh-TW", "損失")])
def test_chinese_is_drawn_where_a_font_has_it(tmp_path, trained, lang, title):
    if fonts._family(lang.replace("-", "_")) is None:
        pytest.skip("no installed font has Chinese characters")
    figure = trained[1].plot(lang=lang)
    assert figure.axes[0].get_title() == title
    path = plot.save(figure, tmp_path / "curves.png")  # a missing glyph would warn, and warnings are errors
    assert title in png_chunks(path)["Description"]


def test_without_a_font_a_warning_names_one_and_the_picture_is_english(monkeypatch, trained):
    monkeypatch.setattr(fonts, "_family", lambda language: None)
    with pytest.warns(UserWarning, match="Noto Sans CJK"):
        figure = trained[1].plot(lang="zh-TW")
    assert figure.axes[0].get_title() == "Loss"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trained[1].plot(lang="en")


def test_the_probe_has_the_characters_that_pictures_use():
    """A font that passes the probe writes most of what pictures say; whatever else it lacks, matplotlib reports."""
    assert set("损失准确率") <= set(fonts.PROBE["zh_CN"])
    assert set("損失準確率") <= set(fonts.PROBE["zh_TW"])


def test_without_matplotlib_the_extra_is_named(monkeypatch, trained):
    net, history, X, y = trained
    for name in [m for m in sys.modules if m.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    fonts._family.cache_clear()
    for draw in (history.plot, lambda: net.plot.boundary(X, y), lambda: history.plot(lang="zh-CN")):
        with pytest.raises(MissingDependencyError, match=r"handgrad\[plot\]"):
            draw()
    fonts._family.cache_clear()


def test_lines_differ_in_dash_and_classes_in_marker_and_lightness():
    from matplotlib.colors import to_rgb

    assert len({str(look.line(i)["linestyle"]) for i in range(len(look.COLOURS))}) == len(look.COLOURS)
    grey = [np.dot(to_rgb(c), [0.2126, 0.7152, 0.0722]) for c in look.SHADES]
    assert min(abs(a - b) for a, b in pairwise(grey)) > 0.05
