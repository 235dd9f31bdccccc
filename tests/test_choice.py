"""The rules by which threads and models are chosen, on cases worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tabtab_local import registry
from tabtab_local.doctor.choice import (
    best_threads,
    choose,
    estimate_from_bandwidth,
    estimate_like,
    telling,
    thread_counts,
)
from tabtab_local.tuning import Curve, Tuned


def curve(threads: int, *costs: float) -> Curve:
    """Return the curve of the costs of 1, 2, 4, 8, … tokens."""
    return Curve(threads, 512, tuple((2**n, cost) for n, cost in enumerate(costs)))


def model(name: str, suggestion_ms: float, *, parameters: int, size_bytes: int, random_weights: bool = False) -> Tuned:
    """Return a model that costs the same for every batch up to 8 tokens."""
    ms = suggestion_ms / 9  # the first batch, seven tokens, the last batch
    return Tuned(
        name, Path(f"/{name}.gguf"), size_bytes, 1, name, "Q8_0", parameters, random_weights, 2,
        (curve(2, ms, ms, ms, ms),),
    )  # fmt: skip


NANO = model("nano", 14, parameters=6, size_bytes=7)
SMALL = model("small", 90, parameters=600, size_bytes=640)
SMALL_COARSE = model("small-q4", 70, parameters=600, size_bytes=400)
LARGE = model("large", 160, parameters=1700, size_bytes=1000)


def test_a_suggestion_costs_its_first_text_seven_tokens_and_a_batch_of_eight():
    one = curve(1, 30, 50, 80, 160, 220)
    assert one.first_text_ms == 50
    assert one.suggestion_ms == 50 + 7 * 30 + 160


def test_sizes_that_were_not_measured_lie_on_a_line_between_their_neighbours():
    one = curve(1, 30, 50, 80, 160)
    assert [one.ms(tokens) for tokens in (1, 2, 3, 4, 6, 8)] == [30, 50, 65, 80, 120, 160]
    assert one.ms(16) == 320  # beyond the last: in proportion to it


def test_guesses_grow_where_batches_are_cheap_and_are_none_where_they_save_nothing():
    assert curve(1, 10, 20, 40, 80, 160).drafts() == (0, 0)
    # Four tokens for the price of one, eight for eight times that.
    assert curve(1, 10, 10, 10, 80, 160).drafts() == (3, 3)
    # r = 0.6: 1.6 tokens in 10 ms, 2.2 in 12, 2.5 in 18; r = 0.95: 1.95 in 10, 3.7 in 12, 6.7 in 18.
    assert curve(1, 9, 10, 12, 18).drafts() == (3, 7)


@pytest.mark.parametrize(
    ("costs", "threads"),
    [
        ({1: 100.0, 2: 60.0, 3: 50.0}, 3),
        ({1: 100.0, 2: 60.0, 3: 59.0}, 2),  # 1.7 % is not worth a core
        ({1: 60.0, 2: 60.0, 3: 60.0}, 1),
        ({1: 60.0, 2: 90.0}, 1),
        ({4: 50.0}, 4),
    ],
)
def test_the_quickest_threads_win_and_of_equals_the_fewest(costs, threads):
    assert best_threads([curve(count, *[ms / 9] * 4) for count, ms in costs.items()]) == threads


@pytest.mark.parametrize(
    ("most", "counts"),
    [(1, (1,)), (2, (1, 2)), (4, (1, 2, 3, 4)), (5, (1, 2, 3, 4, 5)), (16, (1, 2, 3, 4, 6, 9, 13, 16))],
)
def test_few_numbers_of_threads_are_measured_where_there_are_many_cores(most, counts):
    assert thread_counts(most) == counts


@pytest.mark.parametrize(
    ("models", "target_ms", "chosen"),
    [
        ([NANO, SMALL, LARGE], 120, SMALL),
        ([LARGE, SMALL, NANO], 160, LARGE),  # the target itself is in time
        ([NANO, SMALL, SMALL_COARSE], 120, SMALL),  # the finer quantisation of one model
        ([NANO, SMALL, SMALL_COARSE], 80, SMALL_COARSE),
        ([NANO, SMALL], 20, NANO),
    ],
)
def test_the_largest_model_in_time_is_chosen(models, target_ms, chosen):
    choice = choose(models, target_ms)
    assert choice.model is chosen and choice.in_time


def test_of_models_of_one_size_the_quickest_is_chosen():
    slow, quick = (model(name, ms, parameters=6, size_bytes=7) for name, ms in (("slow", 30), ("quick", 20)))
    assert choose([slow, quick], 120).model is quick
    assert choose([slow, quick], 1).model is quick


def test_where_none_is_in_time_the_smallest_is_chosen_and_said_to_be_late():
    choice = choose([LARGE, SMALL, NANO], 10)
    assert choice.model is NANO and not choice.in_time


def test_random_weights_are_never_chosen():
    shape = model("shape", 90, parameters=600, size_bytes=640, random_weights=True)
    assert choose([shape, NANO], 120).model is NANO
    assert choose([shape], 120).model is None
    assert choose([], 120).model is None


def test_only_a_large_model_tells_what_large_ones_cost():
    shape = model("shape", 90, parameters=600, size_bytes=640_000_000, random_weights=True)
    assert telling([NANO, SMALL]) is None
    assert telling([NANO, shape, SMALL]) is shape


def test_an_estimate_is_in_proportion_to_the_bytes():
    wanted = registry.get("tabtab-qwen3-4b")
    file_bytes = wanted.parameters * 4.9 / 8
    measured = model("one", 90, parameters=1, size_bytes=round(file_bytes / 4))
    assert estimate_like(wanted, measured).curve.suggestion_ms == pytest.approx(360)
    # 60 % of the memory's speed for one token, and the usual shape for the others.
    estimate = estimate_from_bandwidth(wanted, file_bytes / 6, threads=3)
    assert estimate.curve.ms(1) == pytest.approx(10)
    assert estimate.curve.ms(2) == pytest.approx(17)
    assert (estimate.curve.threads, estimate.size_bytes) == (3, file_bytes)


def test_estimates_know_how_large_each_quantisation_is():
    for wanted in registry.MODELS.values():
        # The memory that the registry gives is the file and the caches of a full context.
        file_mib = estimate_from_bandwidth(wanted, 1, 1).size_bytes / 2**20
        assert 0.35 * wanted.memory_mib < file_mib < wanted.memory_mib
