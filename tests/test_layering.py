"""Imports point down only (CONTRIBUTING, "Floors"); a few habits that keep files readable are checked here too."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "asrtools"

# The floors from the bottom up. A room may import rooms of lower floors and itself; rooms of one floor are neighbours
# and do not import each other, except where a pair stands in SIDEWAYS.
FLOORS = (
    ("record", "errors", "register"),
    ("layers", "features", "text", "io", "metrics"),
    ("models",),
    ("hub", "zoo", "config", "checkpoint", "outside"),
    ("build",),
    ("runtime",),
    ("tasks",),
    ("train", "export"),
    ("auto", "pipelines", "trainers", "utils"),
    ("commands",),
)
SIDEWAYS = {
    ("register", "errors"),  # "not registered" is a ConfigError
    ("pipelines", "auto"),  # the older face of the same
    ("hub", "zoo"),  # what a name stands for is one table
}
# The only arrows up: `register` resolves built-in names late, and `from asrtools import AutoModel` is documented.
UPWARD = {("asrtools", "auto"), ("register", "auto")}
MODELS_MAY_NOT = {"io", "text", "features"}
MODEL_PARENTS = {  # (variant, parent): a published variant may import its parent
    ("bicif_paraformer", "paraformer"),
    ("contextual_paraformer", "paraformer"),
    ("paraformer_streaming", "paraformer"),
    ("mfcca", "transformer"),
    ("seaco_paraformer", "bicif_paraformer"),
    ("seaco_paraformer", "paraformer"),
}

TORCH_ROOMS = {"layers", "models", "train", "export", "checkpoint"}
TORCH_FILES = {
    "outside/funasr_modules.py",
    "features/torch_fbank.py",
    "features/torch_resample.py",
    "runtime/torchscript.py",
}
ONLY_IN = {
    "click": {"commands"},
    "onnxruntime": {"runtime", "export"},
    "modelscope": {"hub"},
    "modelscope_hub": {"hub"},
    "huggingface_hub": {"hub"},
}

FILES = sorted(PACKAGE.rglob("*.py"))
IDS = [str(path.relative_to(PACKAGE)) for path in FILES]


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "asrtools"


def floor_of(room: str) -> int:
    for height, rooms in enumerate(FLOORS):
        if room in rooms:
            return height
    raise AssertionError(f"asrtools/{room} stands on no floor: give it one in FLOORS")


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, tree: ast.AST) -> list[tuple[str, int]]:
    """Every imported module by absolute name, wherever in the file the import stands; torch for type checkers apart."""
    found: list[tuple[str, int]] = []
    for_types = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import; name the module in full"
            found.append((node.module or "", node.lineno))
            if node.module == "asrtools":
                names = [alias.name for alias in node.names if alias.name != "__version__"]
                found += [(f"asrtools.{name}", node.lineno) for name in names]
    return [(name, line) for name, line in found if line not in for_types or name.split(".")[0] != "torch"]


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_imports_point_down(path: Path) -> None:
    module = module_of(path)
    room = room_of(module)
    wrong = []
    for name, line in imports_of(path, ast.parse(path.read_text())):
        top = name.split(".")[0]
        if top == "asrtools" and room_of(name) != "asrtools":
            target = room_of(name)
            if target == room:
                if room == "models" and not same_family(module, name):
                    wrong.append(f"line {line}: {module} imports its sibling {name}")
            elif (room, target) in UPWARD | SIDEWAYS:
                continue
            elif room == "asrtools" or floor_of(target) >= floor_of(room):
                wrong.append(f"line {line}: {room} may not import {target}")
            elif room == "models" and target in MODELS_MAY_NOT:
                wrong.append(f"line {line}: a network does not import {target}")
        elif top in ("torch", "torchaudio"):
            if room not in TORCH_ROOMS and str(path.relative_to(PACKAGE)) not in TORCH_FILES:
                wrong.append(f"line {line}: {top} is not imported in {room}")
            if name.startswith("torch.distributed") and room != "train":
                wrong.append(f"line {line}: torch.distributed is for train only")
        elif top in ONLY_IN and room not in ONLY_IN[top]:
            wrong.append(f"line {line}: {top} is imported in {', '.join(ONLY_IN[top])} only")
    assert not wrong, f"{path}: " + "; ".join(wrong)


def same_family(module: str, other: str) -> bool:
    mine, theirs = module.split(".")[2:3], other.split(".")[2:3]
    return mine == theirs or theirs == ["protocols"] or (*mine, *theirs) in MODEL_PARENTS


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_no_bare_except_no_stray_print_no_swallowed_keywords(path: Path) -> None:
    room = room_of(module_of(path))
    wrong = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            wrong.append(f"line {node.lineno}: bare except")
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "print"
            and room != "commands"
        ):
            wrong.append(f"line {node.lineno}: print outside commands/")
        if isinstance(node, ast.FunctionDef) and node.args.kwarg and room == "layers":
            wrong.append(f"line {node.lineno}: **{node.args.kwarg.arg} in layers/")
    assert not wrong, f"{path}: " + "; ".join(wrong)


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_no_file_is_over_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_no_file_is_named_after_nothing() -> None:
    vague = {"utils.py", "common.py", "helper.py", "helpers.py", "base.py", "misc.py"}
    assert not [path for path in FILES if path.name in vague]
