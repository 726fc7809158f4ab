// Compose: data for the app as rows of a key and a value, or as JSON. The text in the box is the
// one truth: rows are read from it and written into it, and it alone is sent.
(() => {
  "use strict";

  const words = () => document.getElementById("pa-data-words").dataset;
  const { make, makeFault, makeRemove, mark, part } = window.paRows;

  // A number that JavaScript would round: of such a text another row may not write the whole anew.
  const hasLongNumber = (text) => /\d[\d.]{15}/.test(text.replace(/"(?:\\.|[^"\\])*"/g, '""'));

  // The pairs of a JSON object, in its order; null for any other text, and for one that would change.
  function readPairs(text) {
    if (!text.trim()) return [];
    if (hasLongNumber(text)) return null;
    try {
      const value = JSON.parse(text);
      return value && typeof value === "object" && !Array.isArray(value) ? Object.entries(value) : null;
    } catch {
      return null;
    }
  }

  function dress(area) {
    if (area.dataset.paDressed) return;
    area.dataset.paDressed = "true";
    const switches = make("div", { class: "pa-segments", role: "group", "aria-label": area.labels?.[0]?.textContent ?? "" });
    ["rows", "json"].forEach((kind) => switches.append(make("button", { type: "button", "data-pa-data": kind, "aria-pressed": "false" }, words()[kind === "rows" ? "paRows" : "paJson"])));
    const rows = make("div", { class: "pa-data-rows" });
    area.before(switches);
    area.after(rows);
    const isWrong = area.closest(".pa-field").classList.contains("errors");
    show(area, !isWrong && readPairs(area.value) ? "rows" : "json");
  }

  const partsOf = (area) => ({ switches: area.previousElementSibling, rows: area.nextElementSibling });

  function show(area, kind) {
    const { switches, rows } = partsOf(area);
    const pairs = readPairs(area.value);
    const isRows = kind === "rows" && pairs !== null;
    rows.replaceChildren();
    if (isRows) drawRows(area, rows, pairs);
    else if (kind === "rows") rows.append(make("p", { class: "pa-error" }, hasLongNumber(area.value) ? words().paLong : words().paNoRows));
    area.hidden = isRows;
    rows.hidden = !isRows && kind !== "rows";
    switches.querySelectorAll("button").forEach((button) => button.setAttribute("aria-pressed", String((button.dataset.paData === "rows") === isRows)));
  }

  function drawRows(area, rows, pairs) {
    const list = make("div", { class: "pa-stack-tight", "data-pa-list": "" });
    rows.append(list, make("button", { type: "button", class: "pa-button pa-button-small", "data-pa-add-row": "" }, words().paAdd));
    (pairs.length ? pairs : [["", ""]]).forEach(([key, value]) => list.append(makeRow(key, value)));
  }

  function makeRow(key, value) {
    const isText = typeof value === "string";
    const row = make("div", { class: "pa-data-row" });
    const box = (name, label, text) => {
      const input = make("input", { "data-pa-part": name, "aria-label": label, placeholder: label, autocomplete: "off", spellcheck: "false" });
      input.value = text;
      return input;
    };
    const kind = make("select", { "data-pa-part": "kind", "aria-label": words().paKind }, new Option(words().paText, "text"), new Option(words().paJson, "json"));
    kind.value = isText ? "text" : "json";
    const remove = makeRemove("data-pa-remove-row", words().paRemoveRow);
    row.append(box("key", words().paKey, key), box("value", words().paValue, isText ? value : JSON.stringify(value)), kind, remove, makeFault());
    return row;
  }

  // What is wrong with a row, by the part of it; the keys before it are known.
  function findFault(row, keys) {
    const key = part(row, "key").value.trim();
    const text = part(row, "value").value;
    if (!key) return text ? ["key", words().paNoKey] : null;
    if (keys.has(key)) return ["key", words().paTwice];
    if (part(row, "kind").value === "json") {
      if (hasLongNumber(text)) return ["value", words().paLong];
      try {
        JSON.parse(text);
      } catch {
        return ["value", words().paNoJson];
      }
    }
    return null;
  }

  // Rows into the box; a row that is wrong is marked and left out until it is right.
  function write(area) {
    const pairs = [];
    const keys = new Set();
    partsOf(area).rows.querySelectorAll(".pa-data-row").forEach((row) => {
      const fault = findFault(row, keys);
      mark(row, fault);
      const key = part(row, "key").value.trim();
      if (!key || fault) return;
      keys.add(key);
      const text = part(row, "value").value;
      pairs.push([key, part(row, "kind").value === "json" ? JSON.parse(text) : text]);
    });
    area.value = pairs.length ? JSON.stringify(Object.fromEntries(pairs), null, 2) : "";
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }

  const areaOf = (node) => node.closest(".pa-field").querySelector("textarea");

  document.addEventListener("input", (event) => {
    const row = event.target.closest?.(".pa-data-row");
    if (row) write(areaOf(row));
  });
  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector);
    if (at("[data-pa-data]")) show(areaOf(at("[data-pa-data]")), at("[data-pa-data]").dataset.paData);
    if (at("[data-pa-add-row]")) {
      const row = makeRow("", "");
      at(".pa-data-rows").querySelector("[data-pa-list]").append(row);
      part(row, "key").focus();
    }
    if (at("[data-pa-remove-row]")) {
      const area = areaOf(at(".pa-data-row"));
      at(".pa-data-row").remove();
      write(area);
    }
  });
  // A row that is wrong would be lost: the form is not sent before it is mended.
  document.addEventListener("submit", (event) => {
    const wrong = event.target.querySelector?.(".pa-data-row [aria-invalid=true]");
    if (!wrong) return;
    event.preventDefault();
    document.dispatchEvent(new CustomEvent("pa:goto", { detail: wrong }));
  }, true);
  const start = () => document.querySelectorAll("[data-pa-rows]:is(textarea)").forEach(dress);
  ["pa:drawn", "pa:loaded"].forEach((kind) => document.addEventListener(kind, start));
  document.addEventListener("pa:restored", () => document.querySelectorAll("[data-pa-rows]:is(textarea)").forEach((area) => show(area, readPairs(area.value) ? "rows" : "json")));
})();
