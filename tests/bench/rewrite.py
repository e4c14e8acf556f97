"""Sentences a second of itn and tn, ours beside wetext's own function: the same sentences, in turns, best of each.

python tests/bench/rewrite.py [--rounds 3]
"""

import argparse
import functools
import random
import time

from wetext.utils import normalize

from asrtools.text.rewrite import Rewriter

SENTENCES = {
    ("zh", "itn"): [
        "我们在二零二五年买了三百二十一斤苹果",
        "今天天气很好我们一起去公园",
        "百分之十二点五的人住在第二十五街区",
    ],
    ("zh", "tn"): ["我们在2025年买了321斤苹果", "今天天气很好我们一起去公园", "12.5%的人住在第25街区"],
    ("en", "itn"): [
        "i have two hundred and three apples",
        "we went home early today",
        "it costs five dollars on may third",
    ],
    ("en", "tn"): ["i have 203 apples", "we went home early today", "it costs $25.50 on Jan 3, 2025"],
    ("ja", "itn"): ["二千二十五年十月三日に会いました", "今日はいい天気です", "りんごを百二十円で買った"],
    ("ja", "tn"): ["2025年10月3日に会いました", "今日はいい天気です", "りんごを120円で買った"],
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    print("sentences a second of processor time: ours, wetext.normalize")
    for (language, operator), kinds in SENTENCES.items():
        chosen = random.Random(1)
        sentences = [chosen.choice(kinds) for _ in range(300)]
        rewriter = Rewriter(operator, language)
        ways = (rewriter.text, functools.partial(normalize, lang=language, operator=operator))
        best = [0.0, 0.0]
        for _ in range(rounds):
            for index, way in enumerate(ways):
                started = time.process_time()
                for sentence in sentences:
                    way(sentence)
                best[index] = max(best[index], len(sentences) / (time.process_time() - started))
        print(f"{language} {operator}: {best[0]:.0f} {best[1]:.0f}")


if __name__ == "__main__":
    main()
