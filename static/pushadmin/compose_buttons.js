// Compose: buttons as rows of a title, an address and an id. The text in the box, a line for each
// button, is the one truth: rows are read from it and written into it, and it alone is sent.
(() => {
  "use strict";

  const PARTS = ["title", "link", "id"];
  const LONGEST = { title: 255, link: 2048, id: 255 };
  const LINK = /^(?!(?:javascript|data|vbscript|file|blob):)[a-z][a-z0-9+.-]*:\S*$/i;
  const words = () => document.getElementById("pa-button-words").dataset;
  const { make, makeFault, makeRemove, mark, part, readLine, writeLine } = window.paRows;

  const fieldOf = (node) => node.closest(".pa-field");
  const areaOf = (node) => fieldOf(node).querySelector("textarea");
  const listOf = (area) => area.nextElementSibling.querySelector("[data-pa-list]");
  const rowsOf = (area) => [...listOf(area).children];
  const values = (row) => PARTS.map((name) => part(row, name)?.value ?? "");

  function dress(area) {
    if (area.dataset.paDressed) return;
    area.dataset.paDressed = "true";
    const label = area.labels?.[0]?.textContent ?? "";
    const add = make("button", { type: "button", class: "pa-button pa-button-small", "data-pa-add-button": "" }, make("span", { class: "pa-icon", "aria-hidden": "true" }, "add"), words().paAdd);
    area.after(make("div", { class: "pa-data-rows", role: "group", "aria-label": label }, make("div", { class: "pa-stack-tight", "data-pa-list": "" }), add));
    area.hidden = true;
    const help = document.getElementById(`${area.id}_helptext`);
    if (help) help.textContent = words().paMost; // it told of lines
    show(area);
  }

  function show(area) {
    const lines = area.value.split("\n").filter((line) => line.trim());
    listOf(area).replaceChildren(...lines.map((line) => makeRow(readLine(line))));
    count(area);
    if (fieldOf(area).classList.contains("errors")) tell(area);
  }

  // What the server found is told at the row, if it can be seen there.
  function tell(area) {
    rowsOf(area).forEach((row) => mark(row, findFault(row)));
    const told = document.getElementById(`${area.id}_error`);
    if (told) told.hidden = listOf(area).querySelector("[aria-invalid=true]") !== null;
  }

  function makeRow(parts) {
    const row = make("div", { class: "pa-button-row", role: "group" });
    PARTS.forEach((name, at) => {
      const label = words()[{ title: "paTitle", link: "paLink", id: "paId" }[name]];
      const input = make("input", { "data-pa-part": name, "aria-label": label, placeholder: label, maxlength: LONGEST[name], autocomplete: "off", ...(name === "title" ? {} : { spellcheck: "false", autocapitalize: "off" }) });
      input.value = parts[at] ?? "";
      row.append(input);
    });
    row.append(makeRemove("data-pa-remove-button", words().paRemove), makeFault());
    return row;
  }

  // What is wrong with a row, by the part of it; the server looks at it again.
  function findFault(row) {
    const [title, link, id] = values(row).map((text) => text.trim());
    if (!title) return link || id ? ["title", words().paNoTitle] : null;
    return link && !link.includes("{") && !LINK.test(link) ? ["link", words().paNoLink] : null;
  }

  // How many there are: each is called by its number, and another is offered below three.
  function count(area) {
    const rows = rowsOf(area);
    rows.forEach((row, at) => row.setAttribute("aria-label", words().paButton.replace("%number%", String(at + 1))));
    fieldOf(area).querySelector("[data-pa-add-button]").hidden = rows.length >= Number(area.dataset.paButtonRows);
  }

  function write(area) {
    area.value = rowsOf(area).map((row) => writeLine(values(row))).filter(Boolean).join("\n");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function add(area) {
    const row = makeRow([]);
    listOf(area).append(row);
    count(area);
    part(row, "title").focus();
  }

  // The keyboard goes on at the row that has come up, else at the last, else where one is added.
  function remove(row) {
    const area = areaOf(row);
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    count(area);
    write(area);
    (next ? part(next, "title") : fieldOf(area).querySelector("[data-pa-add-button]")).focus();
  }

  document.addEventListener("input", (event) => {
    const row = event.target.closest?.(".pa-button-row");
    if (!row) return;
    if (row.querySelector("[aria-invalid=true]")) mark(row, findFault(row));
    write(areaOf(row));
  });
  // Who is still at the row has not said all of it.
  document.addEventListener("focusout", (event) => {
    const row = event.target.closest?.(".pa-button-row");
    const isLeft = row && !row.contains(event.relatedTarget);
    if (isLeft || (row && event.target.dataset.paPart === "link")) mark(row, findFault(row));
  });
  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector);
    if (at("[data-pa-add-button]")) add(areaOf(at("[data-pa-add-button]")));
    if (at("[data-pa-remove-button]")) remove(at(".pa-button-row"));
  });
  const all = () => document.querySelectorAll("[data-pa-button-rows]");
  ["pa:drawn", "pa:loaded"].forEach((kind) => document.addEventListener(kind, () => all().forEach(dress)));
  document.addEventListener("pa:restored", () => all().forEach((area) => area.dataset.paDressed && show(area)));
})();
