"""What can be found wrong with a page as it stands in a browser: barriers, width, outline."""

from __future__ import annotations

from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
    "resultTypes": ["violations"],
    # No rule of these reads style sheets, and fetching them anew is a fifth of its work.
    "preload": {"assets": ["media"]},
}
AXE = Axe().axe_script
# Narrow first: a page that is opened wide and made narrow is another thing to test.
WIDTHS = {390: 844, 1440: 900}
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
# A page is looked at for barriers in one of the four modes, the next page in another, and has to
# fit both widths. What pages share is so seen in all four; `make gallery` looks at four of each.
TURNS: tuple[tuple[int, Scheme], ...] = (
    (390, "light"), (1440, "dark"), (390, "dark"), (1440, "light"),
)  # fmt: skip
OUTLINE = """() => ({
    width: document.documentElement.scrollWidth,
    heads: document.querySelectorAll("h1").length,
    mains: document.querySelectorAll("main, [role=main]").length,
})"""
# htmx is there, and what it fetches at once has come.
SETTLED = """() => document.readyState === "complete" && (
    !document.getElementById("main")
    || (window.htmx && !document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling"))
)"""


# The shell chooses its colours when a page begins, and when somebody chooses others. Pages for who
# is not signed in leave them to the browser.
WEAR = """async () => {
    const shell = window.Alpine && Alpine.$data(document.documentElement);
    const themes = shell && shell.switchTheme ? ["light", "auto"] : [];
    for (const theme of themes) {
        shell.switchTheme(theme);
        await Alpine.nextTick();
    }
    for (const one of document.getAnimations()) if (one instanceof CSSTransition) one.finish();
    return themes.length ? document.documentElement.classList.contains("dark") : null;
}"""


def wear(page: Page, scheme: Scheme) -> None:
    """Draw a page as it stands in light or in dark, without loading it anew."""
    page.emulate_media(color_scheme=scheme)
    is_dark = page.evaluate(WEAR)
    assert is_dark in (None, scheme == "dark"), f"{page.url} is not {scheme}"


def look_at(page: Page, name: str, turn: int) -> list[str]:
    """Faults of a page that is loaded once: of its outline in both widths, else in its turn's."""
    looked_at, scheme = TURNS[turn % len(TURNS)]
    wear(page, scheme)
    faults = []
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        find = find_faults if width == looked_at else find_misfits
        faults += find(page, name, width, scheme)
    return faults


def find_faults(page: Page, name: str, width: int, scheme: str) -> list[str]:
    """Faults of a page that is drawn so wide and in this scheme, each behind the page's name."""
    place = f"{name} {width} {scheme}"
    barriers = [f"{place}: {barrier}" for barrier in find_barriers(page)]
    return barriers + find_misfits(page, name, width, scheme)


def find_misfits(page: Page, name: str, width: int, scheme: str) -> list[str]:
    """Whether it is wider than its window, and has one heading and one main part."""
    place, seen = f"{name} {width} {scheme}", page.evaluate(OUTLINE)
    faults = []
    if seen["width"] > width:
        faults.append(f"{place}: {seen['width']} wide")
    if (seen["heads"], seen["mains"]) != (1, 1):
        faults.append(f"{place}: {seen['heads']} h1 and {seen['mains']} main")
    return faults


def find_barriers(page: Page) -> list[str]:
    """What axe calls serious or critical, by WCAG 2.1 A and AA: the rule and the first place."""
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE)
    found = page.evaluate("rules => axe.run(document, rules)", RULES)["violations"]
    return [
        f"{item['id']}: {item['nodes'][0]['html'][:160]}"
        for item in found
        if item["impact"] in {"serious", "critical"}
    ]
