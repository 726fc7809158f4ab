"""A page by keyboard alone: every control is reached and seen, and none holds the keyboard."""

from __future__ import annotations

from playwright.sync_api import Page

# Notes, for each control that gets the focus, what shows that it has it; `paLeft` is what can get
# it and has not. Of radio buttons of one name only the chosen one is a stop.
WATCH = """() => {
    const style = document.createElement("style");
    style.textContent = "* { transition: none !important; scroll-behavior: auto !important }";
    document.head.append(style);
    const look = (node) => {
        const own = getComputedStyle(node);
        return [own.outlineStyle, own.outlineWidth, own.boxShadow, own.borderColor,
                own.backgroundColor, own.textDecorationLine].join();
    };
    const isShown = (node) => node.checkVisibility({visibilityProperty: true});
    // Behind an open dialog nothing can be reached.
    const find = () => [...(document.querySelector("dialog:modal") || document).querySelectorAll(
        "a[href], button, input, select, textarea, summary, [tabindex]",
    )].filter((node) => node.tabIndex >= 0 && !node.matches(":disabled") && isShown(node)
        && !(node.type === "radio" && !node.checked));
    const say = (node) => node.getAttribute("aria-label") || node.textContent || node.name || "";
    const name = (node) => `${node.localName} ${node.id || node.className} ${
        say(node).trim().slice(0, 40)}`;
    const before = new Map(find().map((node) => [node, look(node)]));
    const left = new Set(before.keys());
    window.paStops = [];
    window.paUnseen = [];
    window.paLeft = () => [...left].filter((node) => node.isConnected && isShown(node)).map(name);
    // A date is a stop for each of its numbers.
    const dates = [...before.keys()].filter((node) => node.matches("[type^=date]"));
    window.paCount = () => before.size + 7 * dates.length;
    document.addEventListener("focusin", ({target}) => {
        left.delete(target);
        window.paStops.push(name(target));
        // Where a wrapper shows it, the one around the field changes.
        const ring = [target, target.parentElement, target.parentElement.parentElement,
                      target.closest(".select2-container") || target];
        const own = getComputedStyle(target);
        const isMarked = own.outlineStyle !== "none" && parseFloat(own.outlineWidth) >= 1
            || (before.has(target) && look(target) !== before.get(target))
            || ring.slice(1).some((node) => getComputedStyle(node).outlineStyle !== "none");
        const box = target.getBoundingClientRect();
        const isInside = box.width > 0 && box.bottom > 0 && box.top < innerHeight
            && box.right > 0 && box.left < innerWidth;
        // The middle of what is seen of it: a table may be higher than the window.
        const middle = (from, to, most) => (Math.max(from, 0) + Math.min(to, most)) / 2;
        const top = document.elementFromPoint(
            middle(box.left, box.right, innerWidth), middle(box.top, box.bottom, innerHeight),
        );
        const isCovered = top && !top.contains(target) && !target.contains(top);
        if (!isMarked || !isInside || isCovered) {
            window.paUnseen.push([name(target), isMarked, isInside, isCovered].join(" | "));
        }
    });
}"""
# Nothing has the focus yet, and who is signed in has a menu to skip.
AT_TOP = "document.activeElement === document.body && document.querySelector('.pa-skip') !== null"


def press(page: Page, key: str, times: int = 1) -> None:
    for _time in range(times):
        page.keyboard.press(key)


def walk(page: Page, name: str) -> list[str]:
    """Tab through a page as it stands; gives what is wrong, each behind the page's name."""
    page.evaluate(WATCH)
    if not page.evaluate("paCount()"):
        return []  # a page of words alone
    may_skip = page.evaluate(AT_TOP)
    stops = _reach_all(page)
    faults = [f"{name}, not reached: {words}" for words in page.evaluate("paLeft()")]
    faults += [f"{name}, not seen: {words}" for words in page.evaluate("paUnseen")]
    if may_skip and not stops[0].startswith("a pa-skip"):
        faults.append(f"{name} begins with {stops[0]}")
    if stops[0] not in stops[1:] and len(set(stops)) > 1:
        faults.append(f"{name} holds the keyboard at {stops[-1]}")
    return faults


def _reach_all(page: Page) -> list[str]:
    """Tab until everything was reached and the first stop has come again. A page that draws a part
    of itself anew may send the keyboard back to its beginning, so that there are three attempts."""
    for _attempt in range(3):
        press(page, "Tab", page.evaluate("paCount()") + 3)
        stops = page.evaluate("paStops")
        if stops[0] in stops[1:] and not page.evaluate("paLeft()"):
            break
    return stops
