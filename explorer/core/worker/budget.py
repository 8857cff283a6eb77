"""Plans the number of batches for a time budget from a short measurement, and reduces it if the machine is busy."""

import time

SETTLED_S = 3.0  # earlier measurements of the pace are too noisy
TOLERANCE = 0.95  # the plan is reduced if fewer than this share of its batches fit
RESERVE = 0.93  # share of the budget that is planned with: the page and the map take some of the cores


class Budget:
    """Seconds from `since` (Unix time) to the last batch; pauses do not count."""

    def __init__(self, seconds: float, since: float):
        self.seconds, self.end = seconds, since + seconds
        self.begin(0)

    def begin(self, step: int) -> None:
        """Measure the pace from this step on."""
        self.began, self.first_step = time.time(), step

    def affordable(self, step_s: float, evaluation_s: float, steps_per_epoch: int) -> int:
        """How many batches of `step_s` fit into the rest of the budget, with an evaluation after each epoch."""
        return max(1, int(RESERVE * (self.end - time.time()) / (step_s + evaluation_s / steps_per_epoch)))

    def fewer(self, step: int, n_steps: int, paused_s: float) -> int | None:
        """The number of batches that fit at the measured pace; None if (nearly) all n_steps do."""
        spent = time.time() - self.began
        if step <= self.first_step or spent <= SETTLED_S:
            return None
        left = self.end + paused_s - time.time()
        pace = (spent - paused_s) / (step - self.first_step)
        possible = step + max(0, int(left / pace))
        return possible if possible < TOLERANCE * n_steps else None
