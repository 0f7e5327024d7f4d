"""The oracle helper: absent libraries are reported, and insisted on in a full run."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import oracles
from oracles import ORACLES, Oracle, oracle

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(oracles, "asked", {})
    monkeypatch.setitem(ORACLES, "not-there", Oracle("not_there_at_all", "this test"))


def test_an_installed_oracle_is_the_module():
    import sklearn.metrics

    assert oracle("sklearn.metrics") is sklearn.metrics


def test_an_absent_oracle_skips_and_is_counted(nothing_installed, monkeypatch):
    monkeypatch.setattr(oracles, "FULL", False)
    with pytest.raises(pytest.skip.Exception, match="not_there_at_all is not installed"):
        oracle("not_there_at_all.linalg")
    assert oracles.asked == {"not_there_at_all": 1}
    assert "not-there" in oracles.absent()


def test_a_full_run_fails_where_an_oracle_is_absent(nothing_installed, monkeypatch):
    monkeypatch.setattr(oracles, "FULL", True)
    with pytest.raises(pytest.fail.Exception, match="insists"):
        oracle("not_there_at_all")


def test_only_listed_oracles_may_be_asked_for():
    with pytest.raises(LookupError, match="jax"):
        oracle("jax")


def test_every_oracle_is_installed_by_test_full():
    extras = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]

    def names(extra):
        for requirement in extras[extra]:
            if requirement.startswith("handgrad["):
                for inner in requirement[len("handgrad[") : -1].split(","):
                    yield from names(inner)
            else:
                yield requirement.split(">")[0].split("=")[0]

    assert set(ORACLES) <= set(names("oracles"))
    assert "torch" not in set(names("test")), "make test needs nothing big"
