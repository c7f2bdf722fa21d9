"""The HTML report in a real browser: the policy lets our script run, and only ours."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from comparison_factory import hostile_comparison, make_comparison
from promptreg_plugins.reporters.html.page import page

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--no-first-run", "--enable-logging=stderr", "--dump-dom",
)  # fmt: skip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine"),
]


def load(text: str, folder: Path) -> tuple[str, str]:
    """Return the document after its scripts ran, and what the console said."""
    (folder / "r.html").write_text(text, "utf-8")
    done = subprocess.run(
        [str(BROWSER), *FLAGS, f"--user-data-dir={folder / 'profile'}", f"file://{folder}/r.html"],
        capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    said = [
        line for line in done.stderr.decode("utf-8", "replace").splitlines() if "CONSOLE" in line
    ]
    return done.stdout.decode("utf-8", "replace"), "\n".join(said)


@pytest.mark.parametrize("make", [make_comparison, hostile_comparison])
def test_our_script_runs_and_nothing_is_refused(make: object, tmp_path: Path) -> None:
    assert callable(make)
    document, said = load(page(make()), tmp_path)
    assert '<html lang="en" class="script">' in document
    assert said == ""
    assert document.count("<script") == 1


def test_filter_sort_and_open(tmp_path: Path) -> None:
    """Drive the controls by a script of the test's own, on a copy without the policy."""
    steps = """
    const $ = (s) => document.querySelector(s);
    const visible = () => [...document.querySelectorAll('#scenarios tbody')]
      .filter((b) => !b.hidden).map((b) => b.dataset.id);
    const say = (name, value) => document.body.setAttribute('data-' + name, String(value));
    const change = (id, set) => {
      set($(id));
      $(id).dispatchEvent(new Event('input', {bubbles: true}));
    };
    change('#f-failed', (e) => { e.checked = true; }); say('failed', visible().length);
    change('#f-failed', (e) => { e.checked = false; });
    change('#f-worse', (e) => { e.checked = true; }); say('worse', visible().length);
    change('#f-worse', (e) => { e.checked = false; });
    change('#f-text', (e) => { e.value = 'RACCOON'; }); say('search', visible().length);
    change('#f-text', (e) => { e.value = ''; });
    change('#f-template', (e) => { e.value = '1'; }); say('template', visible().length);
    change('#f-template', (e) => { e.value = ''; });
    $('th[data-sort=change] button').click(); $('th[data-sort=change] button').click();
    say('best', visible()[0]);
    $('.toggle').click(); say('open', $('.toggle').getAttribute('aria-expanded'));
    say('count', $('#f-count').textContent);
    """
    text = re.sub(r"<meta http-equiv[^>]*>", "", page(make_comparison()))
    document, said = load(text.replace("</body>", f"<script>{steps}</script></body>"), tmp_path)
    assert said == ""
    body = re.search(r"<body([^>]*)>", document)
    assert body
    found = dict(re.findall(r'data-(\w+)="([^"]*)"', body[1]))
    assert found == {
        "failed": "6", "worse": "26", "search": "6", "template": "15",
        "best": "threat-basic-014", "open": "true", "count": "30 of 30 shown",
    }  # fmt: skip
