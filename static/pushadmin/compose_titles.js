// Compose: titles of buttons in another language, an input for each button that has that title. The
// text in the box, a line for each, is the one truth: inputs are read from it and written into it,
// and it alone is sent.
(() => {
  "use strict";

  const { make, readLine } = window.paRows;
  const words = () => document.getElementById("pa-title-words").dataset;
  const root = () => document.getElementById("pa-compose");
  const valueOf = (path) => root().querySelector(`[data-pa-path="${path}"]`)?.value.trim() ?? "";
  const listLines = (text) => text.split("\n").filter((line) => line.trim());

  // The buttons whose titles these are: a platform's own before the common ones.
  function listTitles(area) {
    const [name, platform] = area.name.split("-").slice(2).reverse();
    const own = platform ? valueOf(`${platform}.${name}`) : "";
    const isNone = platform && root().querySelector(`input[name="${platform}-without"][value="${name}"]`)?.checked;
    return listLines(own || (isNone ? "" : valueOf(name))).map((line) => readLine(line)[0]);
  }

  function dress(area) {
    if (!area.dataset.paDressed) {
      area.dataset.paDressed = "true";
      area.after(make("div", { class: "pa-data-rows", role: "group", "aria-label": area.labels?.[0]?.textContent ?? "" }));
      area.hidden = true;
      document.getElementById(`${area.id}_helptext`)?.remove(); // it told of lines
    }
    show(area);
  }

  function show(area) {
    const titles = listTitles(area);
    const said = area.value.trimEnd().split("\n");
    const count = Math.max(titles.length, area.value.trim() ? said.length : 0);
    const rows = Array.from({ length: count }, (_none, at) => makeRow(area, titles[at], said[at] ?? "", at));
    const help = make("p", { class: "pa-help" }, count ? words().paHelp : words().paNone);
    area.nextElementSibling.replaceChildren(...rows, help);
  }

  function makeRow(area, title, said, at) {
    const input = make("input", { placeholder: title ?? "", maxlength: 255, autocomplete: "off", dir: area.dir || "auto", lang: area.lang });
    input.value = said.trim();
    const name = title || words().paButton.replace("%number%", String(at + 1));
    return make("label", { class: "pa-title-row" }, make("span", { dir: "auto" }, name), input);
  }

  function write(area) {
    const titles = [...area.nextElementSibling.querySelectorAll("input")].map((input) => input.value.replace(/\s+/g, " ").trim());
    area.value = titles.join("\n").trimEnd();
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  const dressAll = (place) => place.querySelectorAll('textarea[name^="translations-"][name$="-buttons"]').forEach(dress);
  document.addEventListener("pa:dressed", (event) => dressAll(event.detail));
  document.addEventListener("input", ({ target }) => {
    if (target.closest?.(".pa-title-row")) write(target.closest(".pa-data-rows").previousElementSibling);
    if (/(^|\.)buttons$/.test(target.dataset?.paPath ?? "")) dressAll(root());
  });
  document.addEventListener("change", ({ target }) => {
    if (target.matches?.('input[name$="-without"]')) dressAll(root());
  });
})();
