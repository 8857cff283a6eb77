"""The time budget of a run: when it is over, and how many batches fit into what is left of it."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from explorer.core.training.schedule import Stopwatch

if TYPE_CHECKING:
    from explorer.core.training.state import State

WINDOW_S = 5.0  # the pace is that of the last seconds
TOLERANCE = 0.1  # a forecast is kept if the new one differs by less than this share of the remaining batches


class Budget:
    """The seconds that the models of a run may train, and the number of batches that will fit into them.

    Seconds count from the first batch to the last, with the evaluations between them; pauses, loading and waiting for the
    device do not count. The run ends with the first batch that begins after they are over. Until then the number of batches
    is a forecast from the pace of the last WINDOW_S, which rises and falls. The learning rate follows the used share of the
    seconds (`Schedule.progress`), not the forecast, so it never jumps. `follow_cores` is called before each batch.
    """

    def __init__(self, seconds: float, states: "list[State]", follow_cores: Callable[[], None] = lambda: None):
        self.seconds, self.states, self.follow_cores = seconds, states, follow_cores
        used = max(state.schedule.used_s for state in states)  # of a resumed run
        self.clock = Stopwatch(used)  # paused until `begin`
        self.is_over = False
        self._step_s: float | None = None
        self._first = used, self._furthest_step
        self._recent = deque([self._first])  # (seconds used, furthest step) at the reports of the last WINDOW_S
        for state in states:
            state.schedule.budget_s = seconds
        if used >= seconds:  # the run is resumed after its last batch
            self._end(max(1, self._furthest_step))

    @property
    def used(self) -> float:
        """Seconds used so far."""
        return self.clock.seconds

    @property
    def _furthest_step(self) -> int:
        return max(state.step for state in self.states)

    @property
    def expected_step(self) -> int | None:
        """The step that the run would have reached by now at the pace given to `begin`; None if it has not begun."""
        used, step = self._first
        return None if self._step_s is None else step + int((self.used - used) / self._step_s)

    def begin(self, step_s: float) -> None:
        """Start the clock. `step_s`: measured seconds of one batch of each model, with its share of the evaluations."""
        self._step_s = step_s
        self._plan(step_s)
        self.clock.resume()

    def before_batch(self, state: "State") -> None:
        """Note the seconds used; if they are over, the run ends with this batch, for twins with the furthest one's."""
        self.follow_cores()
        state.schedule.used_s = self.used
        if self.is_over:
            return
        if self.used >= self.seconds:
            self._end(max(self._furthest_step, state.step + 1))
        elif state.schedule.planned < state.step + 2:  # time ends the run, not the forecast
            self._set(state.step + 2)

    def after_report(self) -> None:
        """Forecast again. If the time is over, no further batch is begun, but by twins that are behind."""
        if not self.is_over and self.used >= self.seconds:
            self._end(self._furthest_step)
        if self.is_over:
            if all(state.step >= state.schedule.planned for state in self.states):
                self.clock.pause()  # the last evaluation and the saving do not count
            return
        self._recent.append((self.used, self._furthest_step))
        while len(self._recent) > 2 and self._recent[1][0] <= self.used - WINDOW_S:
            self._recent.popleft()
        (since, first), (now, last) = self._recent[0], self._recent[-1]
        if last > first and now > since:
            self._plan((now - since) / (last - first))

    def _plan(self, step_s: float) -> None:
        furthest, old = self._furthest_step, self.states[0].schedule.planned
        new = furthest + max(2, int((self.seconds - self.used) / step_s))
        if old is None or old <= furthest or abs(new - old) > TOLERANCE * (old - furthest):
            self._set(new)

    def _end(self, n_steps: int) -> None:
        self.is_over = True
        self._set(n_steps)

    def _set(self, n_steps: int) -> None:
        for state in self.states:
            state.schedule.planned = n_steps
