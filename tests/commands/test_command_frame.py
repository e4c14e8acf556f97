"""The common ground of all commands, by what a user sees."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from asrtools.commands.asrtools import COMMANDS
from asrtools.commands.command import Tally, command

NAMES = [name for name in COMMANDS if name not in ("config", "doctor", "info", "merge-shards", "plot")]
HEAVY = {"torch", "numpy", "scipy", "lhotse", "soundfile", "omegaconf", "modelscope_hub", "tqdm"}


def run(code_or_argv: list[str], **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(code_or_argv, capture_output=True, text=True, timeout=60, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("name", ["asrtools", *NAMES])
def test_help_has_an_example_and_imports_nothing_heavy(root: Path, name: str) -> None:
    code = f"import sys; sys.path[:0] = [{str(root / 'bin')!r}]; sys.argv = [{name!r}, '--help']\n"
    code += (
        f"import atexit; atexit.register(lambda: print('LOADED', *({HEAVY!r} & set(sys.modules)), file=sys.stderr))\n"
    )
    code += f"import runpy; runpy.run_path({str(root / 'bin' / name)!r}, run_name='__main__')"
    done = run([sys.executable, "-c", code])
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Usage: " + name)
    assert "Example:\n" in done.stdout
    assert done.stderr == "LOADED\n"


@pytest.mark.parametrize("name", NAMES)
def test_the_umbrella_knows_every_command_of_bin(root: Path, name: str) -> None:
    assert (root / "bin" / name).stat().st_mode & 0o111
    done = run([sys.executable, str(root / "bin/asrtools"), name, "--help"])
    assert done.returncode == 0 and done.stdout.startswith(f"Usage: asrtools {name}")


def test_bin_holds_the_commands_and_nothing_else(root: Path) -> None:
    files = {path.name for path in (root / "bin").iterdir() if path.is_file()}
    assert files == {*NAMES, "asrtools", "_launch.py"}


def test_setup_cfg_installs_the_same_commands(root: Path) -> None:
    scripts = (root / "setup.cfg").read_text().partition("console_scripts =")[2]
    listed = {line.partition("=")[0].strip() for line in scripts.splitlines() if "=" in line}
    assert listed == {*NAMES, "asrtools"}


def test_a_command_run_without_path_sh_says_so_in_one_sentence(root: Path) -> None:
    code = f"import sys; sys.path[:0] = [{str(root / 'bin')!r}]; sys.modules['asrtools'] = None\n"
    code += "from _launch import run; run('__main__', 'decode')"
    done = run([sys.executable, "-S", "-c", code])
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1 and ". ./path.sh" in done.stderr


def test_no_flag_of_a_command_means_two_things() -> None:
    from importlib import import_module

    from asrtools.commands.asrtools import COMMANDS

    for name in COMMANDS:
        attribute = name.replace("-", "_")
        command = getattr(import_module(f"asrtools.commands.{attribute}"), attribute)
        flags = [flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)]
        assert len(set(flags)) == len(flags), name


def test_the_input_types_of_the_option_are_those_of_the_reader() -> None:
    from asrtools.commands import options
    from asrtools.io import source

    assert options.INPUT_TYPES == source.INPUT_TYPES


PROGRAM = """
import sys, click
from asrtools.commands.command import command, launch, Tally
from asrtools.errors import DataError, UnknownKeyError

@command(example="try-me x", takes_overrides=True)
@click.argument("data", nargs=-1)
@click.option("--output-dir")
@click.option("--quantize/--no-quantize", default=None)
@click.option("--batch-seconds", type=float)
@click.option("--config")
@click.option("--format", "--type", "kind")
def try_me(data, overrides, **options):
    '''Try.'''
    if data == ("fail",):
        raise DataError("wav.scp:3: it is bad; make it good")
    if data == ("interrupt",):
        raise KeyboardInterrupt
    if data == ("flood",):
        while True:
            print("y" * 1000)
    if data == ("near",):
        raise UnknownKeyError("bach_seconds", ["n_mels"])
    if data == ("full",):
        raise OSError(28, "No space left on device", "/somewhere")
    if data == ("some",):
        tally = Tally("try-me")
        tally.add("ok"); tally.add("empty"); tally.fail("utt1", "it is missing")
        return tally.close()
    print(data, overrides, {k: v for k, v in options.items() if v is not None})

launch(try_me)
"""


def try_me(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-c", PROGRAM, *arguments])


def test_documented_plus_names_are_the_options_and_the_rest_are_overrides() -> None:
    done = try_me(
        "++input=a.wav", "++output_dir=exp/o", "++quantize=true", "++batch_size_s=60", "++dataset_conf.x=[1,2]"
    )
    assert done.stdout == (
        "('a.wav',) {'dataset_conf.x': [1, 2]} {'output_dir': 'exp/o', 'quantize': True, 'batch_seconds': 60.0}\n"
    )
    assert try_me("++output_dir=null", "x").stdout == "('x',) {} {}\n"
    assert "'kind': 'onnx'" in try_me("++type=onnx", "x").stdout
    assert "'quantize': False" in try_me("++quantize=false", "x").stdout
    assert try_me('++input=["a.wav", "b.wav"]').stdout.startswith("('a.wav', 'b.wav')")


def test_documented_input_comes_before_what_stands_on_the_line() -> None:
    assert try_me("++input=a.wav", "out").stdout.startswith("('a.wav', 'out')")
    assert try_me("out", "++input=a.wav").stdout.startswith("('a.wav', 'out')")
    assert try_me("--", "++input=a.wav").stdout.startswith("('++input=a.wav',)")


def test_config_path_and_config_name_are_one_config_file() -> None:
    assert "'config': 'conf/x.yaml'" in try_me("--config-path", "conf", "--config-name=x.yaml", "x").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["fail"], 1, "try-me: wav.scp:3: it is bad; make it good\n"),
        (["interrupt"], 130, "try-me: interrupted\n"),
        (["full"], 1, "try-me: /somewhere: No space left on device\n"),
        (["near"], 1, "try-me: ++bach_seconds: nothing that is loaded here knows it; did you mean ++batch_seconds?\n"),
        (["--nothing", "x"], 2, "No such option"),
        (["++a=[1"], 2, "lists are written"),
        (["++a b=1"], 2, "not of the form ++key=value"),
        (["++quantize=7", "x"], 2, "true or false is wanted"),
        (["++config=a", "++config=b"], 2, "given twice"),
    ],
)
def test_failures_are_one_line_and_the_exit_code_tells(arguments: list[str], code: int, says: str) -> None:
    done = try_me(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert len(done.stderr.splitlines()) == 1 and says in done.stderr


def test_the_closing_line_counts_and_each_failure_is_named() -> None:
    done = try_me("some")
    assert done.returncode == 1
    assert done.stderr == "try-me: utt1: it is missing\ntry-me: 1 of 3 ok, 1 empty, 1 error\n"


def test_no_arguments_is_help_and_a_usage_error() -> None:
    done = try_me()
    assert done.returncode == 2 and "Usage: try-me" in done.stderr


def test_a_reader_that_goes_away_ends_the_command_without_a_word() -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, "flood"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(30) == 141


def test_a_wrong_command_name_gets_the_near_ones(root: Path) -> None:
    done = run([sys.executable, str(root / "bin/asrtools"), "decod"])
    assert done.returncode == 2 and "did you mean decode" in done.stderr and len(done.stderr.splitlines()) == 1


def test_sigterm_ends_the_command_with_143() -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, "flood"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(10)
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 143 and err == b"try-me: terminated\n"


def test_ctrl_c_ends_the_command_with_130() -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, "flood"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read(10)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and err == b"try-me: interrupted\n"


def test_an_override_that_means_nothing_names_the_near_option() -> None:
    @command(example="x")
    @click.option("--output-dir")
    def small(output_dir: str) -> None:
        """Small."""

    with pytest.raises(click.UsageError, match=r"\+\+outputdir means nothing here; did you mean \+\+output_dir"):
        small.main(["++outputdir=x"], standalone_mode=False)


def test_a_tally_without_errors_exits_0(capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally("score")
    for _ in range(3):
        tally.add("ok")
    assert tally.close() == 0
    assert capsys.readouterr().err == "score: 3 of 3 ok\n"
