"""Streams: when their events come, what is in them, and that a seed makes them the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inngest_testkit import Event, Function, Step, on_event
from inngest_testkit.errors import SetupError
from inngest_testkit.testing import traffic
from inngest_testkit.testing.strategies import events_for
from inngest_testkit.testing.traffic.rates import Rate, read_rate

from .loads import BEGIN, GO, arrivals, offsets

RATES = st.sampled_from(["1/s", "7/m", "100/h", "3/1h30m", 0.5, 2, "40/d", "0.1/s"])


@pytest.mark.parametrize(
    ("given_rate", "per_hour"),
    [
        ("100/h", 100),
        ("1/s", 3600),
        ("2.5/m", 150),
        (2.5, 9000),
        (1, 3600),
        ("5/30s", 600),
        (" 24 / d ", 1),
        (0.1, 360),
    ],
)
def test_a_rate_is_so_many_in_a_span(given_rate, per_hour):
    assert read_rate(given_rate, where="here").per("1h") == per_hour


@pytest.mark.parametrize(
    "wrong", ["fast", "1", "/h", "1/", "1/x", "-1/s", 0, -2, "0/s", "1/0s", float("nan"), True, None]
)
def test_what_is_no_rate_is_refused_with_the_place_and_the_remedy(wrong):
    with pytest.raises(SetupError, match=r"traffic.constant\('contact/uploaded'\): .* is not a rate: .*'100/h'"):
        traffic.constant(GO, wrong)


@pytest.mark.parametrize(
    ("count", "hours", "text"),
    [(100, 1, "100/h"), (3600, 1, "1/s"), (0, 1, "0"), (12, 24, "12/d"), (9000, 3, "3,000/h")],
)
def test_a_rate_reads_as_it_is_written(count, hours, text):
    assert str(Rate(count, timedelta(hours=hours))) == text


def test_a_constant_stream_has_equal_gaps_and_begins_at_once():
    assert offsets(traffic.constant(GO, "4/h")) == [0, 900, 1800, 2700]
    assert offsets(traffic.constant(GO, "4/h", start="10m")) == [600, 1500, 2400, 3300]
    assert offsets(traffic.constant(GO, "4/h", stop="30m")) == [0, 900]
    assert offsets(traffic.constant(GO, "4/h", most=3)) == [0, 900, 1800]


def test_no_rounding_adds_up():
    # A gap of 514.285714... seconds: the 7th event of each hour is 7 gaps, one hour, after the first.
    assert offsets(traffic.constant(GO, "7/h"), until="100h")[700 - 7 :: 7] == [99 * 3600.0]
    assert len(offsets(traffic.constant(GO, "1/s"), until="1h")) == 3600


def test_bursts_come_at_once_and_again():
    assert offsets(traffic.bursts(GO, 3, every="30m")) == [0, 0, 0, 1800, 1800, 1800]
    assert offsets(traffic.bursts(GO, 2, start="9m")) == [540, 540]


def test_a_list_of_moments_is_put_in_order():
    times = ["30m", timedelta(minutes=5), 1.5, BEGIN + timedelta(seconds=7), "2024-01-01T00:20:00Z"]
    assert offsets(traffic.at(GO, times)) == [1.5, 7, 300, 1200, 1800]


def test_a_window_may_be_given_in_dates():
    nine = datetime(2024, 1, 1, 9, tzinfo=UTC)
    stream = traffic.constant(GO, "1/h", start=nine, stop="2024-01-01T11:30:00Z")
    assert offsets(stream, until="1d") == [9 * 3600, 10 * 3600, 11 * 3600]


def test_ties_keep_the_order_of_the_streams():
    one, two = traffic.constant("one", "2/h"), traffic.bursts("two", 2, every="30m")
    assert [event.name for _, event in arrivals(one, two)] == ["one", "two", "two"] * 2
    assert [event.name for _, event in arrivals(two, one)] == ["two", "two", "one"] * 2


def test_data_are_a_mapping_or_made_of_the_number_and_a_generator():
    fixed = traffic.constant(GO, "2/h", data={"plan": "pro"})
    made = traffic.constant(GO, "2/h", data=lambda number, random: {"n": number, "size": random.randint(1, 10)})
    assert [event.data for _, event in arrivals(fixed)] == [{"plan": "pro"}] * 2
    numbers = [event.data for _, event in arrivals(made)]
    assert [data["n"] for data in numbers] == [0, 1]
    assert numbers == [event.data for _, event in arrivals(made)]


def test_data_may_be_a_whole_event_with_an_id():
    stream = traffic.constant(GO, "2/h", data=lambda number, random: Event("other", {"n": number}, id="same"))
    assert [(event.name, event.id) for _, event in arrivals(stream)] == [("other", "same")] * 2


@settings(max_examples=30, deadline=None)
@given(RATES, st.integers(0, 2**32), st.sampled_from(["0s", "7m", "1h"]), st.sampled_from([None, "70m", "5h"]))
def test_every_stream_ascends_within_its_window(rate, seed, start, stop):
    for make in (traffic.constant, traffic.poisson):
        found = offsets(make(GO, rate, start=start, stop=stop), until="90m", seed=seed)
        assert found == sorted(found)
        first = {"0s": 0, "7m": 420, "1h": 3600}[start]
        assert all(first <= each < (4200 if stop == "70m" else 5400) for each in found)


@settings(max_examples=30, deadline=None)
@given(RATES, st.integers(1, 6))
def test_a_constant_stream_has_as_many_events_as_the_rate_says(rate, hours):
    found = len(offsets(traffic.constant(GO, rate), until=f"{hours}h"))
    wanted = read_rate(rate, where="here").per(f"{hours}h")
    assert wanted <= found <= wanted + 1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_a_poisson_stream_has_its_rate_on_average(seed):
    # 1,000 events are expected, with a deviation of 31.6; six of those are not exceeded in a thousand million tries.
    found = offsets(traffic.poisson(GO, "100/h"), until="10h", seed=seed)
    assert 810 <= len(found) <= 1190
    gaps = [after - before for before, after in pairwise(found)]
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert deviation == pytest.approx(mean, rel=0.25)  # exponential: as large as the mean


def test_the_same_seed_makes_the_same_stream_and_another_makes_another():
    stream = traffic.poisson(GO, "100/h")
    assert offsets(stream, seed="a") == offsets(stream, seed="a") != offsets(stream, seed="b")


def test_streams_do_not_disturb_each_other():
    one, two = (traffic.poisson(name, "50/h") for name in ("one", "two"))
    both = arrivals(one, two)
    assert [at for at, event in both if event.name == "one"] == [at for at, _ in arrivals(one)]
    assert [at for at, event in both if event.name == "one"] != [at for at, event in both if event.name == "two"]


def test_a_name_keeps_a_streams_draws_whatever_its_position():
    one, two = traffic.poisson("one", "50/h", name="a"), traffic.poisson("two", "50/h", name="b")
    assert arrivals(one, two) == arrivals(two, one)


def test_data_do_not_change_the_times():
    plain = traffic.poisson(GO, "50/h")
    made = traffic.poisson(GO, "50/h", data=lambda number, random: {"r": random.random()})
    assert offsets(plain) == offsets(made)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: traffic.constant("", "1/s"), r"traffic.constant: an event needs a name"),
        (
            lambda: traffic.constant(GO, "1/s", start="soon"),
            r"traffic.constant\('contact/uploaded'\): start: 'soon' is",
        ),
        (lambda: traffic.constant(GO, "1/s", start="-1s"), r"start='-1s' lies before the simulation begins"),
        (lambda: traffic.constant(GO, "1/s", start=datetime(2024, 1, 1)), r"start: .* has no time zone"),  # noqa: DTZ001
        (lambda: traffic.constant(GO, "1/s", most=-1), r"most is how many events there are at most, found -1"),
        (lambda: traffic.constant(GO, "1/s", name=""), r"name is a text, found ''"),
        (
            lambda: traffic.constant(GO, "1/s", data=[1]),
            r"data is list: \[1\]; give a mapping, or a callable of \(number",
        ),
        (
            lambda: traffic.poisson(GO, "1/s", data=lambda number: {}),
            r"data cannot be called with a number and a random.Random",
        ),
        (lambda: traffic.bursts(GO, 0), r"traffic.bursts\('contact/uploaded'\): size is how many events come at once"),
        (lambda: traffic.bursts(GO, 1, every="0s"), r"every is a span between bursts, longer than 0s"),
        (lambda: traffic.bursts(GO, 1, every="x"), r"every: 'x' is not a duration"),
        (lambda: traffic.at(GO, "1h"), r"times is a list of moments, found the text '1h'; write \['1h'\]"),
        (lambda: traffic.at(GO, ["1h", "x"]), r"traffic.at\('contact/uploaded'\): time 1: 'x' is not a duration"),
    ],
)
def test_what_cannot_be_is_refused_where_it_is_written(make, words):
    with pytest.raises(SetupError, match=words):
        make()


@pytest.mark.parametrize(
    ("streams", "words"),
    [
        ([traffic.at(GO, ["2h"])], r"2024-01-01T02:00:00\+00:00 lies outside of the simulation, .*; change until="),
        ([traffic.at(GO, ["2023-12-31T00:00:00Z"])], r"2023-12-31T00:00:00\+00:00 lies outside"),
        ([traffic.constant(GO, "1/s", start="1h")], r"start='1h' lies outside of the simulation"),
        ([traffic.constant(GO, "1/s", start="10m", stop="5m")], r"stop='5m' is not after start='10m'"),
        (["contact/uploaded"], r"a simulation takes streams, made by traffic.constant\(...\).*found str"),
        ([traffic.at(GO, [], name="a")] * 2, r"two streams are named 'a', so they would draw the same; rename one"),
        ([traffic.constant(GO, "1/s", data=lambda n, r: 1 // n)], r"data\(0, random\) raised ZeroDivisionError"),
        (
            [traffic.constant(GO, "1/s", data=lambda n, r: "no")],
            r"data\(0, random\) returned 'no': .*must be an object",
        ),
    ],
)
def test_what_does_not_fit_the_simulation_is_refused(streams, words):
    with pytest.raises(SetupError, match=words):
        arrivals(*streams)


@settings(max_examples=30, deadline=None)
@given(traffic.streams(GO, gaps=st.integers(0, 60), max_size=20))
def test_a_strategy_draws_the_gaps(stream):
    found = offsets(stream)
    assert found == sorted(found)
    assert all(after - before <= 60 for before, after in zip([0, *found], found, strict=False))


PAID = Function("paid", on_event("order/paid"), on_event("order/free"), steps=[Step("ship", lambda: 1)])


@settings(max_examples=20, deadline=None)
@given(traffic.streams(events_for(PAID), gaps=st.sampled_from(["1s", "5m"]), min_size=1, max_size=5))
def test_a_strategy_draws_the_events(stream):
    assert {event.name for _, event in arrivals(stream)} <= {"order/paid", "order/free"}


def test_a_drawn_gap_that_is_none_is_refused():
    @settings(max_examples=5, deadline=None, database=None)
    @given(traffic.streams(GO, gaps=st.just(-1), min_size=1))
    def law(stream):
        raise AssertionError("unreachable")

    with pytest.raises(SetupError, match="a gap that was drawn is negative: -1; let gaps= give 0 or more"):
        law()
