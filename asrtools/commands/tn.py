"""tn: spell numbers, dates and units out: reads and writes `key text` lines."""

from typing import Any

from asrtools.commands.command import command, launch
from asrtools.commands.rewrite_options import rewrite, rewrite_options

EXAMPLE = """\
tn --lang zh data/train > text.spoken
tn --lang en --jsonl list.jsonl > spoken.jsonl"""


@command(example=EXAMPLE, reads_stdin=True)
@rewrite_options
def tn(**options: Any) -> int:
    """Spell numbers, dates, money and units out: `key text` lines in, the same out; records in, records out.

    What is no number stays as it is, blanks and capitals too, and words that did not change keep their times. DATA is
    a text file, a data directory, a list of records or - for stdin. The grammars are wetext's.
    """
    return rewrite("tn", **options)


def main() -> None:
    launch(tn)
