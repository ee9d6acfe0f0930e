"""The costs of the modules' operations stay below their thresholds. guard.py explains the counts."""

import pytest

import guard
from guard import Cost

NAMES = sorted(guard.thresholds())


@pytest.fixture(scope="module")
def costs():
    return guard.measure(guard.binary())


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_costs_no_more_than_its_threshold(costs, name):
    assert name in costs, f"{name} has a threshold but is no scenario any more: `make guard-update` removes it"
    assert (trouble := guard.complaint(name, costs[name], guard.thresholds()[name])) is None, trouble


def test_every_scenario_has_a_threshold(costs):
    assert sorted(costs) == NAMES, "`make guard-update` writes thresholds for new scenarios"


def test_a_repeated_run_counts_the_same(costs):
    again = guard.measure(guard.binary())
    for name, cost in costs.items():
        assert again[name].instructions == pytest.approx(cost.instructions, rel=0.02), (
            f"{name} is no scenario to guard: its cost varies"
        )


@pytest.mark.parametrize(
    "cost, limit, word",
    [
        (Cost(106, 0, 0), Cost(100, 0, 0), "instructions"),
        (Cost(100, 1, 16), Cost(100, 0, 0), "allocates"),
        (Cost(100, 0, 0), None, "no threshold"),
    ],
)
def test_the_guard_can_fail(cost, limit, word):
    assert word in guard.complaint("scenario", cost, limit)


def test_a_cost_within_the_tolerance_passes():
    assert guard.complaint("scenario", Cost(104, 0.01, 0), Cost(100, 0, 0)) is None
