"""The options that have one name in every command."""

from collections.abc import Callable
from typing import Any

import click

INPUT_TYPES = ("auto", "scp", "jsonl", "text", "audio", "fbank", "pcm")

HUBS = {"modelscope": "ms", "huggingface": "hf"}  # their whole names, as the documents have them too

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def stack(*decorators: Decorator) -> Decorator:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


data_argument: Decorator = click.argument("data", nargs=-1, metavar="DATA...")

data_options: Decorator = stack(
    click.option(
        "--input-type",
        type=click.Choice(INPUT_TYPES),
        default="auto",
        help="What DATA is; auto goes by directory, then extension, then the first byte.",
    ),
    click.option(
        "--fs",
        "--sample-rate",
        "fs",
        type=click.IntRange(1),
        default=16000,
        show_default=True,
        help="Sampling rate of raw pcm.",
    ),
    click.option(
        "--channel",
        default="mix",
        show_default=True,
        metavar="mix|0|1|..|each|all",
        callback=lambda _, __, value: _channel(value),
        help="mix: their mean; each: one input a channel; all: keep them together.",
    ),
)

device_options: Decorator = stack(
    click.option(
        "--device",
        default="auto",
        show_default=True,
        metavar="auto|cpu|cuda:N",
        callback=lambda _, __, value: _device(value),
        help="Where the network runs.",
    ),
    click.option("--ncpu", type=click.IntRange(1), help="Threads of one process.  [default: the cores there are]"),
)

batch_options: Decorator = stack(
    click.option("--batch-size", type=click.IntRange(1), default=64, show_default=True, help="Most items in a batch."),
    click.option(
        "--batch-seconds",
        type=click.FloatRange(min=0, min_open=True),
        default=300.0,
        show_default=True,
        help="Most seconds of audio in a batch, padding counted.",
    ),
)

hub_options: Decorator = stack(
    click.option(
        "--hub",
        type=click.Choice(["ms", "hf", *HUBS]),
        metavar="ms|hf",
        default="ms",
        show_default=True,
        callback=lambda _, __, value: HUBS.get(value, value),
        help="modelscope or huggingface.",
    ),
    click.option("--revision", metavar="REV", help="Version of the model on the hub.  [default: the newest]"),
    click.option("--offline", is_flag=True, help="Never use the network: local directories and caches only."),
)

model_option: Decorator = click.option("--model", metavar="MODEL", help="Alias, hub id or model directory.")

dtype_option: Decorator = click.option(
    "--dtype",
    type=click.Choice(["fp32", "bf16", "fp16", "int8"]),
    default="fp32",
    show_default=True,
    help="Precision of the linear layers of recognition and punctuation; int8 on a CPU only, bf16 and fp16 where the "
    "processor has them.",
)

output_dir_option: Decorator = click.option(
    "--output-dir", type=click.Path(file_okay=False), metavar="DIR", help="Write result files there."
)
jsonl_option: Decorator = click.option(
    "--jsonl", is_flag=True, help="Print records, one JSON object a line, instead of plain lines."
)

resume_option: Decorator = click.option("--resume", is_flag=True, help="Finish an interrupted --output-dir run.")

result_options: Decorator = stack(output_dir_option, jsonl_option, resume_option)

# of every command that runs a network over its inputs
network_options: Decorator = stack(model_option, device_options, batch_options, hub_options, result_options)

jobs_option: Decorator = click.option(
    "--nj",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    help="Processes; the result is the same for any number.",
)

shard_option: Decorator = click.option(
    "--shard",
    metavar="I/N",
    callback=lambda _, __, value: parse_shard(value),
    help="Of DATA every Nth input only, beginning with the Ith, for N jobs side by side.",
)


def parse_shard(value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    index, slash, count = value.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise click.BadParameter(f"{value!r} is not I/N with I from 1 to N, e.g. 1/4")
    return int(index), int(count)


def _channel(value: str) -> str:
    if value in ("mix", "each", "all") or value.isdigit():
        return value
    raise click.BadParameter(f"{value!r} is not one of mix, each, all or a number from 0")


def _device(value: str) -> str:
    name, _, index = value.partition(":")
    if value in ("auto", "cpu", "cuda") or (name == "cuda" and index.isdigit()):
        return value
    raise click.BadParameter(f"{value!r} is not auto, cpu or cuda:N")
