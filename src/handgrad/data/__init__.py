"""Data: toy sets from a seed, tables from files, and their preparation for a network."""

from handgrad.data.prepare import Preparation
from handgrad.data.read import read_table
from handgrad.data.sets import SETS, load_set
from handgrad.data.splits import Split, folds, split, split_rows
from handgrad.data.table import Table
from handgrad.data.toys import (
    blobs,
    circles,
    moons,
    sine,
    spirals,
    xor,
)
from handgrad.data.wording import Notice

__all__ = [
    "SETS",
    "Notice",
    "Preparation",
    "Split",
    "Table",
    "blobs",
    "circles",
    "folds",
    "load_set",
    "moons",
    "read_table",
    "sine",
    "spirals",
    "split",
    "split_rows",
    "xor",
]
