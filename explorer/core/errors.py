"""Exceptions that carry a message for the user; all derive from ExplorerError:

ExplorerError
|-- ConfigError           an invalid setting or argument
|-- DataError             a data set that is missing, damaged or not images
|-- BundleError           a bundle, run or zip that is missing, damaged or cannot be written
|   |-- NameTakenError    a bundle of that name exists
|   `-- TransientError    reading failed for a reason outside the files; defined in core/storage/safe_read.py
|-- TrainingError         a training run that failed (for example with a loss of NaN)
`-- PeerLost              another process of a distributed run has ended; defined in core/training/distributed.py
"""

from difflib import get_close_matches


class ExplorerError(Exception):
    """`message` is a sentence that says what is wrong and where, `hint` one that says what to do about it."""

    def __init__(self, message: str, hint: str = ""):
        self.message, self.hint = message, hint
        super().__init__(f"{message} {hint}".strip())


class ConfigError(ExplorerError, ValueError):
    """An invalid setting or argument."""


class DataError(ExplorerError):
    """A data set that is missing, damaged or not images."""


class BundleError(ExplorerError):
    """A bundle, run or zip that is missing, damaged or cannot be written."""


class NameTakenError(BundleError):
    """A bundle of that name exists; it is unchanged."""


class TrainingError(ExplorerError):
    """A training run that failed."""


def unknown(what: str, given: object, known, error: type[ExplorerError] = ConfigError) -> ExplorerError:
    """The error for an unknown name, with the most similar one: "There is no data set 'mnits'. Did you mean 'mnist'?"."""
    known = [str(k) for k in known]
    similar = get_close_matches(str(given).lower(), known, n=1, cutoff=0.5)
    hint = f"Did you mean '{similar[0]}'?" if similar else f"Known: {', '.join(known) or 'none'}."
    return error(f"There is no {what} '{given}'.", hint)
