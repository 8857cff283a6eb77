"""What can go wrong, as a tree. Knows nothing but words: what is wrong and where, then what to do next.

ExplorerError
|-- ConfigError      a setting that no model or run can have
|-- DataError        a data set that is missing, half there or not images
|-- BundleError      a trained model on disk that cannot be trusted
|   `-- NameTakenError   the name of a model belongs to another one
`-- TrainingError    a run that went wrong (a loss that is not a number)
"""

from difflib import get_close_matches


class ExplorerError(Exception):
    """One sentence for a person: `message` says what is wrong and where, `hint` what to do next."""

    def __init__(self, message: str, hint: str = ""):
        self.message, self.hint = message, hint
        super().__init__(f"{message} {hint}".strip())


class ConfigError(ExplorerError, ValueError):
    """A setting that no model or run can have."""


class DataError(ExplorerError):
    """A data set that is missing, half there or not images."""


class BundleError(ExplorerError):
    """A trained model on disk that cannot be trusted."""


class NameTakenError(BundleError):
    """The name of a model belongs to another one, which stays."""


class TrainingError(ExplorerError):
    """A run that went wrong."""


def unknown(what: str, given: object, known, error: type[ExplorerError] = ConfigError) -> ExplorerError:
    """The error for a name that does not exist, suggesting the near one: "no data set 'mnits'. Did you mean 'mnist'?"."""
    known = [str(k) for k in known]
    near = get_close_matches(str(given).lower(), known, n=1, cutoff=0.5)
    hint = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(known) or 'none'}."
    return error(f"There is no {what} '{given}'.", hint)
