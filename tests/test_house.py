"""The rules of the house, each held by one test. They read the code; nothing is run but `train.py --help`."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.conftest import ROOT, environment

PLUGINS = ROOT / "hydra_plugins"
FILES = sorted(PLUGINS.rglob("*.py"))
MODULES = [path for path in FILES if path.read_text().count("\n") > 3]  # a docstring or an alias is no room

# 58 and 7,746 are what the rebuilt house began with; raised for what a search must refuse, tell and survive since.
MOST_MODULES, MOST_LINES_OF_ALL = 183, 22_640
MOST_LINES, MOST_LINES_OF_A_FUNCTION, MOST_NESTING, MOST_PRIVATE_NAMES = 250, 60, 3, 25
LIGHT = sys.stdlib_module_names | {"hydra", "omegaconf", "hydra_plugins"}
HEAVY = {"mlflow", "optuna", "sklearn", "pandas", "plotly", "numpy", "psutil", "filelock", "sqlalchemy", "matplotlib"}
# What speaks of the application in this repository: a plugin serves any.
OF_THIS_APPLICATION = re.compile(
    r"train\.py|save_model|mlflow=|storage=|search_space=|dataset=|multirun/NAME|timeout=null"
)
NOT_THE_FIELDS_WORDS = re.compile(
    r"verdict|put[_ ]back|puts[_ ]back|\bknobs?\b|\bhas_knob|gave_up|\bgiven_up|\bpatiently\b", re.I
)


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def package_of(module: str) -> str:
    """`hydra_plugins.hydra_search.errors` -> `hydra_search`; another library's own name."""
    parts = module.split(".")
    return parts[1] if parts[0] == "hydra_plugins" and len(parts) > 1 else parts[0]


OURS = {path.name for path in PLUGINS.iterdir() if path.is_dir() and any(path.glob("*.py"))}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imports(path: Path, *, in_functions: bool = True, for_types: bool = True) -> Iterator[str]:
    """Yield the full name of every module that a file imports."""
    stack: list[ast.AST] = [tree_of(path)]
    here = name_of(path).split(".")
    parent = here if path.name == "__init__.py" else here[:-1]
    while stack:
        node = stack.pop()
        is_function = isinstance(node, (ast.FunctionDef, ast.Lambda))
        if (in_functions or not is_function) and (for_types or not is_type_checking(node)):
            stack += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parent[: len(parent) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            known = {name_of(other) for other in FILES}
            yield from (f"{module}.{a.name}" if f"{module}.{a.name}" in known else module for a in node.names)


def at_start_up(path: Path) -> Iterator[str]:
    return imports(path, in_functions=False, for_types=False)


def is_public(path: Path) -> bool:
    return path.name in ("__init__.py", "__main__.py") or not path.name.startswith("_")


def test_plugins_folder_is_a_namespace_that_hides_no_other_plugin() -> None:
    assert not (PLUGINS / "__init__.py").exists()


def test_rooms_are_few_and_small() -> None:
    assert len(MODULES) <= MOST_MODULES, len(MODULES)
    lines = {path: path.read_text().count("\n") for path in FILES}
    assert not {str(path): n for path, n in lines.items() if n > MOST_LINES}
    assert sum(lines.values()) < MOST_LINES_OF_ALL


BLOCKS = (ast.For, ast.While, ast.If, ast.With, ast.Try)


def nesting(node: ast.AST, level: int = 0) -> int:
    deepest = level
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
        deepest = max(deepest, nesting(child, level + (isinstance(child, BLOCKS) and not is_elif)))
    return deepest


def test_modules_say_what_they_are_and_functions_are_short() -> None:
    assert not [path.name for path in MODULES if not ast.get_docstring(tree_of(path))]
    functions = [(path.name, n) for path in FILES for n in ast.walk(tree_of(path)) if isinstance(n, ast.FunctionDef)]
    assert not [(name, f.name) for name, f in functions if (f.end_lineno or 0) - f.lineno >= MOST_LINES_OF_A_FUNCTION]
    assert not [(name, f.name) for name, f in functions if nesting(f) > MOST_NESTING]


def test_folder_inside_a_package_has_underscored_files_only() -> None:
    for folder in (path for package in OURS for path in (PLUGINS / package).iterdir() if path.is_dir()):
        for path in folder.glob("*.py"):
            if path.name == "__init__.py":
                assert len(path.read_text().splitlines()) == 1 and ast.get_docstring(tree_of(path)), path
            else:
                assert path.name.startswith("_"), f"{path}: Hydra would import it at start-up"


def test_modules_that_hydra_imports_at_start_up_are_light() -> None:
    loaded = {(name_of(path), name) for path in FILES if is_public(path) for name in at_start_up(path)}
    assert not [(path, name) for path, name in loaded if name.split(".")[0] not in LIGHT]


def test_packages_meet_at_front_doors() -> None:
    arrows = [(name_of(path), name) for path in FILES for name in imports(path) if package_of(name) in OURS]
    across = [(one, other) for one, other in arrows if package_of(one) != package_of(other)]
    assert across
    assert not [arrow for arrow in across if any(part.startswith("_") for part in arrow[1].split("."))]


def package_arrows() -> set[tuple[str, str]]:
    arrows = ((package_of(name_of(path)), package_of(name)) for path in FILES for name in imports(path))
    return {(one, other) for one, other in arrows if one != other and other in OURS}


def test_packages_import_one_another_one_way() -> None:
    arrows = package_arrows()
    assert not [arrow for arrow in arrows if arrow[0] in ("hydra_search", "hydra_trial")], "these import nobody"
    tracker, sweeper = "hydra_mlflow_callback", "hydra_optuna_async_sweeper"
    assert not {(tracker, sweeper), (sweeper, tracker)} & arrows, "they meet in files and in the study"
    command = "hydra_search_command"
    assert not [arrow for arrow in arrows if arrow[1] == sweeper and arrow[0] != command], "no plugin needs the sweeper"
    assert not [arrow for arrow in arrows if arrow[1] == command], "it asks the others, and nobody asks it"
    assert not [arrow for arrow in arrows if arrow[0] == "hydra_search_report" and arrow[1] != "hydra_search"]


def test_no_module_imports_itself_by_way_of_others() -> None:
    known = {name_of(path) for path in FILES}
    graph = {name_of(path): {name for name in imports(path) if name in known} for path in FILES}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way, name))
        if name not in done:
            for other in graph[name]:
                visit(other, (*way, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def private_uses(path: Path) -> list[str]:
    """Return where a file reaches into what another library keeps to itself."""
    defined = {n.name for n in ast.walk(tree_of(path)) if isinstance(n, (ast.FunctionDef, ast.ClassDef))}
    found = []
    for node in ast.walk(tree_of(path)):
        private = isinstance(node, ast.Attribute) and re.fullmatch(r"_[a-z]\w*", node.attr)
        if private and node.attr not in defined | assigned_here(path):
            found.append(f"{path.name}:{node.lineno} {ast.unparse(node)}")
    for name in imports(path):
        if package_of(name) not in OURS and any(re.match(r"_[a-z]", part) for part in name.split(".")[1:]):
            found.append(f"{path.name} imports {name}")
    return found


def assigned_here(path: Path) -> set[str]:
    """Return the attributes that the classes of a file set or declare."""
    attributes = {
        node.attr
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    declared = {
        n.target.id for n in ast.walk(tree_of(path)) if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
    }
    return attributes | declared


# OmegaConf's `_target_` and the like are its public spelling
PUBLIC_SPELLING = re.compile(r"\._(target|partial|recursive|convert|args)_$|^\S+ os\._exit$")


def test_private_names_of_other_libraries_stand_in_upstream_alone() -> None:
    uses = [use for path in FILES if path.name != "_upstream.py" for use in private_uses(path)]
    assert not [use for use in uses if not PUBLIC_SPELLING.search(use)]


def test_private_names_are_few_and_each_is_tested() -> None:
    uses = [use for path in FILES if path.name == "_upstream.py" for use in private_uses(path)]
    assert 0 < len(uses) <= MOST_PRIVATE_NAMES, uses
    for path in (path for path in FILES if path.name == "_upstream.py"):
        test = ROOT / "tests" / path.parent.relative_to(PLUGINS) / "test_upstream.py"
        names = [n.name for n in tree_of(path).body if isinstance(n, (ast.FunctionDef, ast.ClassDef))]
        untested = [name for name in names if not name.startswith("_") and name not in test.read_text()]
        assert not untested, untested


def texts(path: Path) -> Iterator[str]:
    """Yield every text that a file can show a person, docstrings among them."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_plugins_speak_of_no_application() -> None:
    said = [(path.name, text) for path in FILES for text in texts(path)]
    assert not [(name, text) for name, text in said if OF_THIS_APPLICATION.search(text)]


def test_words_are_the_fields_own() -> None:
    lines = [(path.name, line) for path in FILES for line in path.read_text().splitlines()]
    assert not [(name, line) for name, line in lines if NOT_THE_FIELDS_WORDS.search(line)]


def test_names_of_files_and_of_trial_attributes_are_spelled_once() -> None:
    from hydra_plugins.hydra_search import files, trials

    names = {value for value in vars(files).values() if isinstance(value, str) and "." in value and "/" not in value}
    names -= {files.__name__, files.__package__, files.__doc__}
    attributes = {trials.LOST, trials.BEAT, trials.ERROR, trials.RETRIES, trials.JOB_DIR, trials.SWEEPER}
    homes = {PLUGINS / "hydra_search/files.py", PLUGINS / "hydra_search/trials.py"}
    retyped = [(path.name, text) for path in FILES if path not in homes for text in texts(path)]
    assert len(names) > 10
    assert not [(name, text) for name, text in retyped if text in names | attributes]


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, runpy\n"
        "sys.argv = ['train.py', '--help']\n"
        "try: runpy.run_path('train.py', run_name='__main__')\n"
        "except SystemExit: pass\n"
        f"print('heavy:', sorted({HEAVY!r} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment(), text=True, capture_output=True)
    assert "heavy: []" in done.stdout, done.stdout + done.stderr
    assert "dataset: breast_cancer" in done.stdout
