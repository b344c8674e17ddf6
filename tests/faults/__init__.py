"""The whole system, with everything that can die or fail on the way of an event."""

BUDGET = 6
"""Attempts at one event, and again after each requeue: the default schedule's."""
