"""The classic calls run as written, and their printed steps are the numbers of the trace."""

from __future__ import annotations

import re

import numpy as np
import pytest

import handgrad as hg
from handgrad import create_regression_network, create_simple_classifier, data
from handgrad.classic import ClassicNetwork, numbers
from handgrad.errors import ArgumentError, DTypeError, GraphError
from handgrad.program.plaintext import plaintext


def test_the_calls_of_a_published_project_run_as_written(capsys):
    X, y = data.circles(n=200, seed=1)
    network = create_simple_classifier(input_size=2, hidden_size=10, output_size=1)
    history = network.train(X, y, epochs=50, learning_rate=0.1)
    assert history.loss[-1] < history.loss[0]
    assert history.steps == 50 * 7  # 200 rows in batches of 32

    lr = 0.1
    network.train_step(X, y, lr)
    predictions = network.forward(X)
    network.backward(y, predictions, 0.1)
    predictions = network.detailed_forward(X, verbose=True)
    network.detailed_backward(y, predictions, lr, verbose=True)
    assert "Backward pass" in capsys.readouterr().out

    X, y = data.sine(100)
    network = create_regression_network(input_size=1, hidden_sizes=[20, 20], output_size=1)
    assert len(network.train(X, y, epochs=5)) == 5


def test_what_they_create():
    classifier = create_simple_classifier(2, 10, 1, seed=3).network
    assert classifier.to_spec() == hg.Network.parse("2-10:relu-1:sigmoid", loss="bce", seed=3).to_spec()
    w = create_simple_classifier(400, 300, 1).network.parameters["dense1.weight"]
    assert w.std() == pytest.approx(np.sqrt(2 / 400), rel=0.01)  # He: 120,000 draws, so 0.2 % is their spread
    regression = create_regression_network(1, (20, 20), 1).network
    assert regression.to_spec() == hg.Network.parse("1-20:tanh-20:tanh-1", loss="mse").to_spec()
    w = create_regression_network(400, [200], 1).network.parameters["dense1.weight"]
    assert w.std() == pytest.approx(np.sqrt(2 / (400 + 200)), rel=0.01)  # Xavier
    assert repr(create_regression_network(3, [], 2)) == "<ClassicNetwork 3-2, 8 weights, loss mse>"


@pytest.mark.parametrize("sizes", [(2, 2.5, 1), ("2", 3, 1), (2, True, 1)])
def test_sizes_are_whole_numbers(sizes):
    with pytest.raises(DTypeError):
        create_simple_classifier(*sizes)


def test_sizes_are_at_least_one():
    with pytest.raises(ArgumentError, match="hidden_size is 0"):
        create_simple_classifier(2, 0, 1)
    with pytest.raises(DTypeError, match="hidden_sizes is 20"):
        create_regression_network(1, 20, 1)
    with pytest.raises(ArgumentError, match=r"hidden_sizes\[1\] is -3"):
        create_regression_network(1, [20, -3], 1)


def test_backward_is_one_plain_step_by_hand():
    """w - lr * gradient, with the gradient of mean binary cross-entropy through sigmoid: (p - y) / N."""
    X, y = data.xor()
    network = create_simple_classifier(2, 4, 1, seed=2)
    before = network.network.parameters
    p = network.forward(X)
    loss = network.backward(y, p, 0.5)
    assert loss == pytest.approx(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)), rel=1e-12)
    dz2 = (p - y) / 4
    z1 = X @ before["dense1.weight"] + before["dense1.bias"]
    dz1 = (dz2 @ before["dense2.weight"].T) * (z1 > 0)
    expected = {
        "dense1.weight": X.T @ dz1, "dense1.bias": dz1.sum(axis=0),
        "dense2.weight": np.maximum(z1, 0).T @ dz2, "dense2.bias": dz2.sum(axis=0),
    }  # fmt: skip
    for name, after in network.network.parameters.items():
        assert np.allclose(after, before[name] - 0.5 * expected[name], rtol=1e-12, atol=1e-14), name


def test_backward_takes_an_optimizer_which_remembers():
    X, y = data.xor()
    classic, plain = create_simple_classifier(2, 4, 1), hg.Network.parse("2-4:relu-1:sigmoid", loss="bce")
    for _ in range(3):
        classic.backward(y, classic.forward(X), hg.Adam(0.05))
        plain.train_step(X, y, hg.Adam(0.05))
    for name, value in plain.parameters.items():
        assert np.array_equal(classic.network.parameters[name], value)


def test_backward_refuses_predictions_of_another_pass():
    X, y = data.xor()
    network = create_simple_classifier(2, 3, 1)
    with pytest.raises(GraphError, match="no forward pass yet"):
        network.backward(y, np.zeros((4, 1)), 0.1)
    p = network.forward(X)
    with pytest.raises(GraphError, match="not those of the last forward pass"):
        network.backward(y, p + 1e-9, 0.1)
    with pytest.raises(GraphError, match=r"shape \(3, 1\)"):
        network.backward(y, p[:3], 0.1)
    network.train_step(X, y, 0.1)
    kept = network.network.parameters
    with pytest.raises(GraphError, match="weights have changed"):
        network.backward(y, p, 0.1)
    with pytest.raises(GraphError, match="weights have changed"):
        network.detailed_backward(y, p, 0.1)
    assert all(np.array_equal(kept[name], w) for name, w in network.network.parameters.items())


def test_later_changes_of_the_callers_arrays_do_not_reach_the_pass():
    X, y = data.xor()
    one, other = create_simple_classifier(2, 3, 1), create_simple_classifier(2, 3, 1)
    mine = X.copy()
    p = one.forward(mine)
    mine += 5
    one.backward(y, p, 0.1)
    other.backward(y, other.forward(X), 0.1)
    assert np.array_equal(one.forward(X), other.forward(X))
    p = one.forward(X)
    kept = p.copy()
    p += 1  # the result is the caller's too
    one.backward(y, kept, 0.1)


# -- the printed steps ----------------------------------------------------------------------------------------------


def shown(capsys):
    """The cells of the printed tables, whatever their borders."""
    return [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in capsys.readouterr().out.splitlines() if "│" in line
    ]


def test_every_forward_step_stands_next_to_its_formula(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    X, _ = data.xor()
    network = create_simple_classifier(2, 3, 1, seed=1)
    output = network.detailed_forward(X)
    rows = shown(capsys)
    formulas = {row[0]: row[1] for row in rows if "=" in row[1] and row[0]}
    assert formulas == {
        "dense1": "z₁ = X W₁ + b₁", "relu1": "a₁ = ReLU(z₁)", "dense2": "z₂ = a₁ W₂ + b₂", "sigmoid1": "a₂ = σ(z₂)",
    }  # fmt: skip
    assert any(row[1] == "a2 = 1 / (1 + np.exp(-z2))" for row in rows)
    printed = [float(x) for row in rows[-4:] for x in re.findall(r"-?\d+\.\d*", row[3])]
    assert printed == pytest.approx(output[:, 0].tolist(), abs=6e-5)


def test_every_backward_step_comes_in_order_and_with_its_numbers(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    X, y = data.xor()
    network = create_simple_classifier(2, 3, 1, seed=1)
    gradients, before = network.network.gradients(X, y), network.network.parameters
    network.detailed_backward(y, network.forward(X), 0.1)
    rows = shown(capsys)
    steps = [row[1].split(" = ")[0] for row in rows if " = " in row[1] and row[0]]
    assert steps == ["∂L/∂a₂", "δ₂", "∂L/∂W₂", "∂L/∂b₂", "∂L/∂a₁", "δ₁", "∂L/∂W₁", "∂L/∂b₁", "∂L/∂X"]
    bias = next(row for row in rows if row[1].startswith("∂L/∂b₁"))
    assert [float(x) for x in re.findall(r"-?\d+\.\d*", bias[3])] == pytest.approx(
        gradients["dense1.bias"].tolist(), abs=6e-5
    )
    for name, w in network.network.parameters.items():
        assert np.allclose(w, before[name] - 0.1 * gradients[name], rtol=1e-12, atol=1e-15)


def test_what_only_the_backward_pass_needs_is_shown_before_it_is_used(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    network = ClassicNetwork(hg.Network.parse("2-3:gelu-3", loss="cross_entropy", seed=0))
    X = np.array([[0.5, -1.0], [1.0, 2.0]])
    network.detailed_backward([0, 2], network.forward(X), hg.Adam(0.01))
    text = capsys.readouterr().out
    assert 0 < text.index("p = e/s") < text.index("δ₂ =") < text.index("density =") < text.index("δ₁ =")
    assert "w⁺ = w" in text


def test_quiet_calls_print_nothing_and_do_the_same(capsys):
    X, y = data.xor()
    loud, quiet = create_simple_classifier(2, 3, 1), create_simple_classifier(2, 3, 1)
    one = loud.detailed_backward(y, loud.detailed_forward(X), 0.1)
    capsys.readouterr()
    two = quiet.detailed_backward(y, quiet.detailed_forward(X, verbose=False), 0.1, verbose=False)
    assert capsys.readouterr().out == ""
    assert one == two
    assert np.array_equal(loud.forward(X), quiet.forward(X))


@pytest.mark.parametrize(("lang", "word"), [("zh-CN", "反向传播"), ("zh-TW", "反向傳播")])
def test_the_tables_speak_chinese(capsys, lang, word):
    X, y = data.xor()
    network = create_simple_classifier(2, 3, 1)
    network.detailed_backward(y, network.detailed_forward(X, lang=lang), 0.1, lang=lang)
    assert word in capsys.readouterr().out


def test_long_arrays_are_shortened():
    assert len(numbers(np.ones((500, 40)))) < 200
    assert numbers(np.array(0.123456789)) == "0.123457"


# -- formulas for a terminal ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\frac{\partial L}{\partial b_{1}} = \sum_{n} \delta_{1}", "∂L/∂b₁ = Σₙ δ₁"),
        (r"\delta_{2} = \frac{2\,r}{2\,N}", "δ₂ = (2 r)/(2 N)"),
        (r"e = e^{z_{3} - m}", "e = e^(z₃ - m)"),
        (r"\operatorname{erf}\frac{z_{1}}{\sqrt{2}}", "erf(z₁/√2)"),
        (r"\frac{a}{\sqrt{2\pi}}", "a/(√(2π))"),
        (r"\begin{cases} x & [x > 0] \\ 0.1\,x & \text{otherwise} \end{cases}", "{x if [x > 0]; 0.1 x otherwise}"),
        (r"\hat\epsilon", "ε̂"),
        (r"10^{-12}", "10⁻¹²"),
        (r"\tanh z_{1}", "tanh z₁"),
        ("", ""),
    ],
)
def test_formulas_in_unicode(latex, text):
    assert plaintext(latex) == text


def test_every_formula_of_every_activation_and_loss_leaves_no_latex():
    X, found = data.xor()[0], 0
    for kind in ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "silu", "gelu", "gelu_tanh", "softplus", "softmax"):
        for loss in ("mse", "huber", "cross_entropy", "bce_with_logits", "mae", "half_sse"):
            y = [0, 1, 1, 0] if loss == "cross_entropy" else np.zeros((4, 2))
            for node in hg.Network.parse(f"2-3:{kind}-2", loss=loss, l1=0.1, l2=0.1, seed=0).trace(X, y):
                for formula in filter(None, (node.formula, node.gradient_formula)):
                    text = plaintext(formula)
                    found += 1
                    assert not set("\\&") & set(text), text
                    assert text.count("(") == text.count(")"), text
                    assert text.count("{") == text.count("}"), text
    assert found > 500
