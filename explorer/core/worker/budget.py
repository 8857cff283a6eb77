"""A time budget in batches: planned by a short measurement, cut short where the machine is busy. Knows no model, no file."""

import time

SETTLED_S = 3.0  # before that the pace says little
SLIP = 0.95  # a run that will not be through in its time by more than this is cut short
RESERVE = 0.93  # share of a time budget that is given away: the page and the map take some of the cores


class Budget:
    """Seconds from `since` (Unix time) to the last batch; pauses do not count."""

    def __init__(self, seconds: float, since: float):
        self.seconds, self.end = seconds, since + seconds
        self.begin(0)

    def begin(self, step: int) -> None:
        """The pace is measured from here."""
        self.began, self.first = time.time(), step

    def affordable(self, step_s: float, evaluation_s: float, steps_per_epoch: int) -> int:
        """How many batches of `step_s` can be had in what is left; evaluations between them take time too."""
        return max(1, int(RESERVE * (self.end - time.time()) / (step_s + evaluation_s / steps_per_epoch)))

    def fewer(self, step: int, n_steps: int, paused_s: float) -> int | None:
        """How many batches it can be where others use the cores as well; None while n_steps can be had."""
        spent = time.time() - self.began
        if step <= self.first or spent <= SETTLED_S:
            return None
        left = self.end + paused_s - time.time()
        pace = (spent - paused_s) / (step - self.first)
        can = step + max(0, int(left / pace))
        return can if can < SLIP * n_steps else None
