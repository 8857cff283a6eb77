"""Exceptions for the user: one family with a message and a hint, and suggestions for unknown names."""

import ast
import re

from explorer.core import errors
from explorer.core.errors import BundleError, ConfigError, DataError, ExplorerError, TrainingError, unknown
from explorer.core.paths import PROJECT


def test_errors_are_one_family_with_a_message_and_a_hint():
    assert all(issubclass(kind, ExplorerError) for kind in (ConfigError, DataError, BundleError, TrainingError))
    assert issubclass(ConfigError, ValueError)
    error = DataError("It is missing.", "Put it there.")
    assert (error.message, error.hint, str(error)) == ("It is missing.", "Put it there.", "It is missing. Put it there.")
    assert str(DataError("It is missing.")) == "It is missing."


def test_an_unknown_name_suggests_the_near_one_or_lists_all():
    assert str(unknown("data set", "MNITS", ["mnist", "digits"])) == "There is no data set 'MNITS'. Did you mean 'mnist'?"
    assert str(unknown("run", "zzz", ["a", "b"])) == "There is no run 'zzz'. Known: a, b."
    assert str(unknown("run", "zzz", [])) == "There is no run 'zzz'. Known: none."
    assert isinstance(unknown("run", "x", [], BundleError), BundleError)


def test_the_docstring_of_errors_lists_every_exception_for_the_user():
    """All subclasses of ExplorerError in the project, wherever they are defined."""
    parents, found = {"ExplorerError"}, set()
    classes = [
        node
        for path in (PROJECT / "explorer").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    while parents - found:
        found |= parents
        parents |= {c.name for c in classes if {base.id for base in c.bases if isinstance(base, ast.Name)} & found}
    listed = re.findall(r"^[|` ]*-- (\w+)", errors.__doc__, re.MULTILINE)
    assert sorted(listed) == sorted(found - {"ExplorerError"})
