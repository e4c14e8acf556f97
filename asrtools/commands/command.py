"""What all commands share: `++key=value`, one-line errors, exit codes, the progress bar and the closing line.

Exit codes: 0 every input has its line; 1 some failed, or nothing could be done; 2 usage; 130 interrupted;
141 the reader of stdout went away; 143 terminated.
"""

import difflib
import errno
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn, TypeVar

import click

from asrtools import config
from asrtools.errors import AsrError, ConfigError, UnknownKeyError
from asrtools.record import Utterance

Item = TypeVar("Item")


class Command(click.Command):
    """A click command that also takes the documented `++key=value` form.

    A `++` name that an option bears, or that the documents use for one, is that option; the others reach the function
    as the dict `overrides`, if it takes them.
    """

    def __init__(
        self, *args: Any, example: str = "", takes_overrides: bool = False, reads_stdin: bool = False, **kwargs: Any
    ):
        kwargs.setdefault("epilog", "\b\nExample:\n" + "\n".join(f"  {line}" for line in example.splitlines()))
        kwargs.setdefault("context_settings", {"help_option_names": ["-h", "--help"], "max_content_width": 110})
        super().__init__(*args, **kwargs)
        self.takes_overrides = takes_overrides
        self.reads_stdin = reads_stdin  # without arguments it does, and does not show its help

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and self.params and not self.reads_stdin:
            raise click.exceptions.NoArgsIsHelpError(ctx)
        has_config = self._parameter("config") is not None
        plain, overrides = self._sort_arguments(ctx, _join_config_path(args, "--config" if has_config else "--model"))
        rest = super().parse_args(ctx, plain)
        if self.takes_overrides:
            ctx.params["overrides"] = overrides
        elif overrides:
            name = next(iter(overrides))
            raise click.UsageError(f"++{name} means nothing here{_near(name, self._option_names())}", ctx)
        return rest

    def _sort_arguments(self, ctx: click.Context, args: list[str]) -> tuple[list[str], dict[str, Any]]:
        end = args.index("--") if "--" in args else len(args)
        plus = [arg for arg in args[:end] if arg.startswith("++")]
        plain = [arg for arg in args[:end] if not arg.startswith("++")] + args[end:]
        inputs: list[str] = []  # come before what stands on the line, for DATA comes before OUT
        try:
            values = config.parse_overrides(plus)
        except ConfigError as error:
            raise click.UsageError(str(error), ctx) from error
        texts = {arg[2:].partition("=")[0]: arg.partition("=")[2] for arg in plus}
        named: list[str] = []
        overrides: dict[str, Any] = {}
        for name, value in values.items():
            option = self._parameter(name)
            if option is None:
                overrides[name] = value
            elif texts[name].lower() == "null":  # the documents' way to say: not given
                continue
            elif isinstance(option, click.Argument):
                inputs += [str(item) for item in value] if isinstance(value, list) else [texts[name]]
            elif isinstance(option, click.Option) and option.is_flag:
                if not isinstance(value, bool):
                    raise click.UsageError(f"++{name}={texts[name]}: true or false is wanted", ctx)
                named += _flag(option, value)
            else:
                many = isinstance(option, click.Option) and option.multiple and isinstance(value, list)
                named += [f"{option.opts[0]}={item}" for item in (value if many else [texts[name]])]
        return named + inputs + plain, overrides

    def _parameter(self, name: str) -> click.Parameter | None:
        wanted = config.DOCUMENTED_NAMES.get(name, name).replace("-", "_").lower()
        own = [p for p in self.params if p.name == name.replace("-", "_")]
        own += [p for p in self.params if f"--{name.replace('_', '-')}" in p.opts]
        return next(iter(own + [p for p in self.params if p.name == wanted]), None)

    def _option_names(self) -> list[str]:
        return [str(parameter.name) for parameter in self.params]


def _flag(option: click.Option, value: bool) -> list[str]:
    if value:
        return [option.opts[0]]
    return option.secondary_opts[:1]


def _join_config_path(args: list[str], option: str) -> list[str]:
    """`--config-path DIR --config-name FILE`, the documents' form, is `--config DIR/FILE`, or `--model DIR`."""
    kept: list[str] = []
    found: dict[str, str] = {}
    rest = iter(args)
    for arg in rest:
        name, equals, value = arg.partition("=")
        if name in ("--config-path", "--config-name"):
            found[name] = value if equals else next(rest, "")
        else:
            kept.append(arg)
    if found:
        folder, name = found.get("--config-path", ""), found.get("--config-name", "config.yaml")
        kept.append(f"{option}={folder if option == '--model' else os.path.join(folder, name)}")
    return kept


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=2, cutoff=0.6)
    return "; did you mean " + " or ".join(f"++{match}" for match in near) + "?" if near else ""


def command(
    example: str, takes_overrides: bool = False, reads_stdin: bool = False
) -> Callable[[Callable[..., Any]], Command]:
    """Make a function a command; its docstring is the help, its name with hyphens the command's name."""

    def decorate(function: Callable[..., Any]) -> Command:
        make = click.command(
            function.__name__.replace("_", "-"),
            cls=Command,
            example=example,
            takes_overrides=takes_overrides,
            reads_stdin=reads_stdin,
        )
        return make(function)

    return decorate


def refuse_overwriting(inputs: Iterable[str], outputs: Sequence[str | os.PathLike[str]]) -> None:
    """A usage error when an output is one of the inputs, another output, or stdin's name."""
    for index, output in enumerate(map(os.fspath, outputs)):
        if output == "-":
            raise click.UsageError("several kinds of lines cannot go to stdout; name files")
        if os.path.realpath(output) in map(os.path.realpath, outputs[:index]):
            raise click.UsageError(f"{output} is named for two outputs; each needs a file of its own")
        if any(os.path.isfile(name) and os.path.isfile(output) and os.path.samefile(name, output) for name in inputs):
            raise click.UsageError(f"{output} is both input and output; choose another place for the output")


class Terminated(BaseException):
    """SIGTERM or SIGHUP, as an exception so that half-written files are removed on the way out."""


def _terminate(number: int, _: object) -> NoReturn:
    raise Terminated(number)


def launch(cmd: click.Command) -> NoReturn:
    """Run a command with this process's arguments and end the process with its exit code."""
    name = cmd.name or "asrtools"
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    if sys.stderr is None:  # closed with 2>&-
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115  for the rest of the process
    if sys.stdout is None:
        complain(name, "stdout is closed; redirect it to a file, or to /dev/null where it is not wanted")
        sys.exit(1)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _terminate)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        # not cmd.main(), which has its own idea of Ctrl-C and of a reader that goes away
        with cmd.make_context(name, sys.argv[1:]) as context:
            code = cmd.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        code = 2
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else name
        complain(where, f"{error.format_message().rstrip('.')} (see {where} --help)")
        code = 2
    except (click.Abort, KeyboardInterrupt):
        complain(name, "interrupted")
        code = 130
    except Terminated as error:
        complain(name, "terminated")
        code = 128 + error.args[0]
    except MemoryError:
        complain(name, "there is not enough memory for this; take smaller values or fewer jobs")
        code = 1
    except UnknownKeyError as error:
        complain(name, error.among(str(parameter.name) for parameter in cmd.params))
        code = 1
    except AsrError as error:
        complain(name, str(error))
        code = 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the flush at exit finds a reader
        code = 141
    except OSError as error:
        # writers name their file, so that without a name it is stdout that has no room
        place = error.filename or ("stdout" if error.errno in (errno.ENOSPC, errno.EIO, errno.EDQUOT) else "")
        complain(name, f"{place and f'{place}: '}{error.strerror or error}")
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


def complain(where: str, message: str) -> None:
    """One line on stderr; a progress bar that is being drawn stays whole."""
    if "tqdm" in sys.modules:
        sys.modules["tqdm"].tqdm.write(f"{where}: {message}", file=sys.stderr)
    else:
        print(f"{where}: {message}", file=sys.stderr)


def progress(items: Iterable[Item], name: str, total: int | None = None) -> Iterator[Item]:
    """The items, with a bar on stderr when that is a terminal."""
    if not sys.stderr.isatty():
        yield from items
        return
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # no thread, so that worker processes can be forked
    yield from tqdm(items, desc=name, total=total, unit="utt", file=sys.stderr, dynamic_ncols=True)


class Tally:
    """Counts what became of the inputs, names each failure on stderr, and gives the closing line and the exit code."""

    def __init__(self, name: str):
        self.name = name
        self.counts: Counter[str] = Counter()

    def add(self, status: str) -> None:
        self.counts[status] += 1

    def count(self, utterance: Utterance) -> None:
        """An utterance by its status."""
        if utterance.status == "error":
            self.fail(utterance.key, utterance.error or "it cannot be used")
        else:
            self.add(utterance.status)

    def fail(self, key: str, cause: str) -> None:
        self.counts["error"] += 1
        self.note(key, cause)

    def note(self, key: str, cause: str) -> None:
        """What is to be said of an input that has its line all the same."""
        complain(self.name, cause if cause.startswith(f"{key}:") else f"{key}: {cause}")

    def close(self) -> int:
        """Print the closing line; the exit code."""
        counted = [f"{self.counts['ok']} of {self.counts.total()} ok"]
        counted += [f"{n} {status}" for status, n in sorted(self.counts.items()) if n and status not in ("ok", "error")]
        errors = self.counts["error"]
        if errors:
            counted.append(f"{errors} error" + ("s" if errors > 1 else ""))
        complain(self.name, ", ".join(counted))
        return 1 if errors else 0
