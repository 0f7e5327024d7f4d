"""Checks: gradients proven by central differences and the complex step, and what a wrong one looks like."""

from handgrad.check.function import check_grad
from handgrad.check.kinds import SENTENCES
from handgrad.check.network import check_layer, check_network
from handgrad.check.report import Entry, Kink, Report

__all__ = ["SENTENCES", "Entry", "Kink", "Report", "check_grad", "check_layer", "check_network"]
