"""The page in a real browser, where one is installed: it sorts, filters and shows what its data say."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from asrtools.metrics.edit_distance import align
from asrtools.metrics.error_rate import Scored, total
from asrtools.metrics.report import confusions_of, totals_of
from asrtools.metrics.report_page import report_page

CLICKS = """
<script>
const keys = () => [...document.querySelectorAll("#utterances tbody td.key")].map((cell) => cell.textContent).join(" ");
const said = [];
said.push("worst first: " + keys());
document.getElementById("wrong").click();
[...document.querySelectorAll("#utterances th")].find((th) => th.textContent.startsWith("key")).click();
said.push("by key: " + keys());
document.getElementById("filter").value = "今 天";
document.getElementById("filter").dispatchEvent(new Event("input"));
said.push("filtered: " + keys());
said.push("audio: " + document.querySelector("audio").getAttribute("src"));
said.push("pairs: " + [...document.querySelectorAll("#utterances .pair")].map((pair) =>
  pair.className.slice(-1) + "=" + [...pair.children].map((span) => span.textContent).join("/")).join(" "));
said.push("confused: " + document.querySelector("#tables table tbody").textContent);
document.body.replaceChildren(...said.map((line) => Object.assign(document.createElement("p"), {textContent: line})));
</script>
"""


def scored(key: str, ref: list[str], hyp: list[str]) -> Scored:
    return Scored(key, ref, hyp, align(ref, hyp))


def test_the_page_sorts_filters_and_aligns(tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium is installed (Debian: apt install chromium)")
    utterances = [
        scored("c", list("今天好"), list("今天号")),
        scored("a", ["fine"], ["fine"]),
        scored("b", ["state", "of", "art"], ["of", "cart"]),
    ]
    settings = {"ref": "r", "hyp": "h", "unit": "mixed", "steps": [], "align": "fewest", "mode": "all"}
    lists = {"missing": [], "without_ref": [], "unusable": []}
    report = {"settings": settings, "totals": totals_of(total(utterances)), **lists, **confusions_of(utterances)}
    page = report_page("Test", report, "", utterances, lambda key: {"audio": f"wav/{key}.wav"})
    (tmp_path / "page.html").write_text(page.replace("</body>", CLICKS + "</body>"), encoding="utf-8")
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"]
    done = subprocess.run(
        [*command, f"--user-data-dir={tmp_path / 'profile'}", (tmp_path / "page.html").as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert re.findall("<p>(.*?)</p>", done.stdout) == [
        "worst first: b c",
        "by key: a b c",
        "filtered: c",
        "audio: wav/c.wav",
        "pairs: C=今天/今天 S=好/号",
        "confused: artcart1好号1",
    ]
