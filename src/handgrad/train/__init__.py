"""Training: optimizers and schedules."""

from handgrad.train.optimizers import SGD, Adam, Optimizer, apply_rule, optimizer_from, run_numpy
from handgrad.train.schedules import Schedule, schedule_from

__all__ = ["SGD", "Adam", "Optimizer", "Schedule", "apply_rule", "optimizer_from", "run_numpy", "schedule_from"]
