"""Closed, open, half open: one try at a time, and longer pauses for what stays broken."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tianting.gateway.circuit import Circuit


def failed(times: int) -> Circuit:
    circuit = Circuit()
    for _ in range(times):
        circuit = circuit.failed(100.0)
    return circuit


def test_it_opens_at_the_fifth_failure_in_a_row() -> None:
    assert failed(4).allows(100.0)
    assert failed(5) == Circuit(failures=5, openings=1, open_until=105.0)
    assert not failed(5).allows(104.9)


def test_a_success_between_failures_starts_the_count_again() -> None:
    assert failed(4).succeeded().failed(100.0).allows(100.0)


def test_half_open_lets_one_try_through() -> None:
    half_open = failed(5)
    tried = half_open.began(105.0)

    assert (half_open.state(105.0), half_open.allows(105.0), tried.allows(105.0)) == ("half_open", True, False)


def test_a_failed_try_opens_for_twice_as_long() -> None:
    assert failed(5).began(105.0).failed(106.0) == Circuit(failures=6, openings=2, open_until=116.0)


def test_a_good_try_closes() -> None:
    assert failed(5).began(105.0).succeeded() == Circuit()


def test_a_try_whose_client_left_makes_room_for_another() -> None:
    assert failed(5).began(105.0).abandoned().allows(105.0)
    assert Circuit().abandoned() == Circuit()


def test_requests_that_fail_after_it_opened_do_not_prolong_it() -> None:
    assert failed(5).failed(103.0).open_until == 105.0


def test_a_refused_key_stays_out_for_the_longest_time() -> None:
    assert Circuit().broken(100.0).open_until == 400.0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["began", "succeeded", "failed", "abandoned", "wait"])))
def test_it_is_never_open_for_more_than_five_minutes(steps: list[str]) -> None:
    circuit, now = Circuit(), 0.0
    for step in steps:
        now += 10.0
        match step:
            case "began":
                circuit = circuit.began(now) if circuit.allows(now) else circuit
            case "succeeded":
                circuit = circuit.succeeded()
            case "failed":
                circuit = circuit.failed(now)
            case "abandoned":
                circuit = circuit.abandoned()

        assert (circuit.open_until or 0.0) <= now + 300.0
