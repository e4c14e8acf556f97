"""Texts of several punctuated sentences each, for punctuation to be learnt from.

    python local/join_sentences.py TEXT OUT

Every sentence of TEXT ("key sentence" lines) is in three texts, each time beside others.
"""

import random
import sys
from pathlib import Path

TIMES = 3
MOST = 5  # sentences in a text


def main() -> None:
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    sentences = [line.split(maxsplit=1)[1] for line in lines]
    texts = []
    for time in range(TIMES):
        rng = random.Random(time)
        deck = sorted(sentences, key=lambda _: rng.random())
        while deck:
            count = 1 + int(rng.random() * MOST)
            texts.append(" ".join(deck[:count]))
            deck = deck[count:]
    out = Path(sys.argv[2])
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f"{out.name}.tmp")
    temporary.write_text("".join(f"{number:05d} {text}\n" for number, text in enumerate(texts, 1)), encoding="utf-8")
    temporary.replace(out)


if __name__ == "__main__":
    main()
