"""Windows and the budget over them: never negative, never above, never stuck, and all given back."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from srctl.tunnel.pump.flow import FIRST, FLOOR, LEAST, MOST, TOTAL, Budget, ReceiveWindow

ROUND_TRIPS = st.sampled_from([0.0, 0.0001, 0.05, 3.0])
MANY = st.integers(0, 4 * MOST)


class Flow(RuleBasedStateMachine):
    """Some windows on one budget, a server that uses what it gets, and readers that take what comes."""

    windows = Bundle("windows")

    def __init__(self) -> None:
        super().__init__()
        self.budget = Budget()
        self.open: list[ReceiveWindow] = []

    @rule(target=windows)
    def begin(self) -> ReceiveWindow:
        window = ReceiveWindow(self.budget)
        assert FLOOR <= window.left <= FIRST
        self.open.append(window)
        return window

    @rule(window=windows, count=MANY)
    def send(self, window: ReceiveWindow, count: int) -> None:
        """The server uses its leave, or a part of it."""
        assert window.receive(min(count, window.left))

    @rule(window=windows, count=MANY, round_trip=ROUND_TRIPS)
    def take(self, window: ReceiveWindow, count: int, round_trip: float) -> None:
        before, taken = window.left, min(count, window.queued)
        more = window.take(taken, round_trip)
        assert more >= 0
        assert window.left == before + more
        assert window.left + window.queued <= MOST

    @rule(window=windows, round_trip=ROUND_TRIPS)
    def take_all(self, window: ReceiveWindow, round_trip: float) -> None:
        """A reader that has taken everything never waits for a server that has no leave to send."""
        if window in self.open:
            window.take(window.queued, round_trip)
            assert window.left > 0

    @rule(window=consumes(windows))
    def end(self, window: ReceiveWindow) -> None:
        window.close()
        assert (window.left, window.queued) == (0, 0)
        self.open.remove(window)

    @invariant()
    def all_is_accounted_for(self) -> None:
        assert self.budget.used == sum(window.left + window.queued for window in self.open)
        assert all(window.left >= 0 and window.queued >= 0 for window in self.open)
        assert self.budget.used <= TOTAL + FLOOR * len(self.open)

    def teardown(self) -> None:
        for window in self.open:
            window.close()
        assert self.budget.used == 0


TestFlow = Flow.TestCase
TestFlow.settings = settings(max_examples=40, stateful_step_count=30)


def test_a_thousand_stalled_readers_stay_within_the_budget_and_a_floor_each() -> None:
    budget = Budget()
    windows = [ReceiveWindow(budget) for _ in range(1000)]
    for window in windows:
        assert window.left >= FLOOR
        assert window.receive(window.left)
    assert budget.used <= TOTAL + 1000 * FLOOR


def test_a_reader_that_goes_on_after_others_have_stalled_gets_on() -> None:
    budget = Budget()
    for _ in range(1000):
        stalled = ReceiveWindow(budget)
        stalled.receive(stalled.left)
    lively = ReceiveWindow(budget)
    for _ in range(1000):
        sent = lively.left
        assert sent > 0
        assert lively.receive(sent)
        lively.take(sent, 0.001)


@given(st.integers(1, 1 << 40))
def test_more_than_the_window_allows_is_told(excess: int) -> None:
    window = ReceiveWindow(Budget())
    assert not window.receive(window.left + excess)


@given(st.lists(st.tuples(MANY, MANY), max_size=40))
def test_the_budget_grants_no_more_than_is_asked_for(requests: list[tuple[int, int]]) -> None:
    budget = Budget()
    for wanted, held in requests:
        before = budget.used
        granted = budget.grant(wanted, held)
        assert 0 <= granted <= wanted
        assert budget.used == before + granted
        assert granted <= max(TOTAL - before, FLOOR - held, 0)


def test_the_numbers_fit_each_other() -> None:
    assert FLOOR <= LEAST <= FIRST <= MOST <= TOTAL
