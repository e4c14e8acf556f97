import shutil
import subprocess
import sys
import zipfile
from pathlib import Path


def test_the_wheel_holds_every_module_and_every_command(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns(".*", "egs", "tests", "build", "*.egg-info", "__pycache__")
    shutil.copytree(root, source, ignore=ignored)
    argv = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*argv, "--wheel-dir", tmp_path, source], check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("asrtools-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry_points = archive.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    modules = {str(path.relative_to(root)) for path in (root / "asrtools").rglob("*.py")}
    assert modules <= names
    assert not [name for name in names if name.startswith("tests/")]
    for path in (root / "bin").iterdir():
        if path.suffix != ".py" and path.is_file():
            assert f"{path.name} = asrtools.commands." in entry_points


def test_the_version_is_the_same_everywhere(root: Path) -> None:
    from asrtools import __version__

    assert f"\nversion = {__version__}\n" in (root / "setup.cfg").read_text()
    assert f"Version {__version__} has" in (root / "README.md").read_text()
