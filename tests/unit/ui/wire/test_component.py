"""Joining a component's modules into one script."""

from graphlib import CycleError

import pytest

from explorer.ui.wire.component import joined, modules


@pytest.fixture
def write(tmp_path):
    """write(name, text, ...) -> the path of the last file."""

    def files(**texts: str):
        for name, text in texts.items():
            path = tmp_path / f"{name}.js"
            path.write_text(text, "utf-8")
        return path

    return files


def test_a_module_comes_once_and_after_those_that_it_imports(write):
    script = write(
        base="export const one = 1;\n",
        left="import { one } from './base.js';\nexport const two = one + one;\n",
        right="import {\n  one,\n} from './base.js';\n\nexport function three() {\n  return one + 2;\n}\n",
        script="import { two } from './left.js';\nimport { three } from './right.js';\nexport default () => two + three();\n",
    )
    names = [path.stem for path in modules(script)]
    assert names[0] == "base" and names[-1] == "script" and sorted(names[1:3]) == ["left", "right"]
    lines = joined(script).splitlines()
    assert lines.count("const one = 1;") == 1
    assert lines[0] == "const one = 1;" and lines[-1] == "export default () => two + three();"
    assert not any(line.startswith("import") for line in lines)


def test_keywords_in_texts_stay(write):
    script = write(script="const text = 'import { b } from c'; // export\nexport default text;\n")
    assert joined(script) == script.read_text("utf-8")


def test_comment_lines_and_indentation_are_not_sent(write):
    script = write(script="// A component.\nexport default () => {\n  // Nothing.\n\n  return 1; // one\n};\n")
    assert joined(script) == "export default () => {\nreturn 1; // one\n};\n"


@pytest.mark.parametrize("name", ["const", "let", "class", "function", "async function"])
def test_every_kind_of_export_loses_its_keyword(write, name):
    assert joined(write(script=f"export {name} x\n")) == f"{name} x\n"


@pytest.mark.parametrize(
    "line",
    [
        "import x from './base.js';",
        "import * as x from './base.js';",
        "import './base.js';",
        "import { x } from 'elsewhere';",
        "export { x };",
        "export * from './base.js';",
    ],
)
def test_what_cannot_be_joined_is_refused(write, line):
    script = write(base="const x = 1;\n", script=f"{line}\n")
    with pytest.raises(ValueError, match="script.js has a line that cannot be joined"):
        joined(script)


def test_an_import_under_another_name_is_refused(write):
    script = write(base="export const x = 1;\n", script="import { x as y } from './base.js';\n")
    with pytest.raises(ValueError, match="another name"):
        joined(script)


def test_a_circle_is_refused(write):
    script = write(base="import { b } from './script.js';\n", script="import { a } from './base.js';\n")
    with pytest.raises(CycleError):
        joined(script)


def test_a_missing_module_is_named(write):
    with pytest.raises(FileNotFoundError, match="nowhere.js"):
        joined(write(script="import { a } from './nowhere.js';\n"))
