"""itn: write numbers, dates and units in digits: reads and writes `key text` lines."""

from typing import Any

from asrtools.commands.command import command, launch
from asrtools.commands.rewrite_options import rewrite, rewrite_options

EXAMPLE = """\
decode wav.scp | punc | itn --lang zh > text
decode --jsonl wav.scp | itn --lang en > records.jsonl"""


@command(example=EXAMPLE, reads_stdin=True)
@rewrite_options
def itn(**options: Any) -> int:
    """Write numbers, dates, money and units in digits: `key text` lines in, the same out; records in, records out.

    What is no number stays as it is, blanks and capitals too, and words that did not change keep their times. DATA is
    a text file, a data directory, a list of records or - for stdin. The grammars are wetext's. Single digits stay
    words in Chinese and Japanese. Japanese words with numbers in them may suffer (千葉県 becomes 1000葉県).
    """
    return rewrite("itn", **options)


def main() -> None:
    launch(itn)
