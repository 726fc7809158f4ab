// Compose: the message as phones and browsers show it, while it is typed. Texts are put in as text,
// never as HTML. Where a screen cuts is reckoned for one of usual width: a 360 dp Android phone, a
// 393 pt iPhone, a browser on a desk.
(() => {
  "use strict";

  const SANS = "system-ui, -apple-system, Roboto, sans-serif";
  const SCREENS = {
    "android:shade": { title: [`600 14px ${SANS}`, 252, 1], body: [`14px ${SANS}`, 252, 1] },
    "android:open": { title: [`600 14px ${SANS}`, 252, 2], body: [`14px ${SANS}`, 252, 11] },
    "ios:banner": { title: [`600 15px ${SANS}`, 258, 1], body: [`15px ${SANS}`, 285, 2] },
    "ios:lock": { title: [`600 15px ${SANS}`, 258, 1], body: [`15px ${SANS}`, 285, 4] },
    "ios:long": { title: [`600 16px ${SANS}`, 320, 4], body: [`16px ${SANS}`, 320, 60] },
    "web:note": { title: [`600 14px ${SANS}`, 260, 2], body: [`13px ${SANS}`, 260, 4] },
    "in_app:modal": { title: [`600 16px ${SANS}`, 260, 3], body: [`14px ${SANS}`, 260, 12] },
    "in_app:banner": { title: [`600 14px ${SANS}`, 290, 1], body: [`14px ${SANS}`, 290, 2] },
  };
  const SAME = { "android:lock": "android:shade" };
  const now = { platform: "android", language: "", sample: "", theme: "light", screens: { android: "shade", ios: "lock", web: "note", in_app: "modal" } };

  const root = () => document.getElementById("pa-compose");
  const box = () => root()?.querySelector(".pa-preview");
  const field = (path) => root().querySelector(`[data-pa-path="${path}"]`);
  function value(path) {
    const found = field(path);
    if (!found) return "";
    return found.type === "checkbox" ? found.checked : (found.dataset.paStart ?? found.value).trim();
  }

  // How many characters of a text fit into some lines, words kept whole as phones do.
  const brush = document.createElement("canvas").getContext("2d");
  function fit(text, [font, width, lines]) {
    brush.font = font;
    const letters = [...text.replace(/\s*\n\s*/g, " ")];
    let line = 1;
    let start = 0;
    let blank = -1;
    for (let at = 0; at < letters.length; at += 1) {
      if (letters[at] === " ") blank = at;
      if (brush.measureText(letters.slice(start, at + 1).join("")).width <= width) continue;
      if (line === lines) return Math.max(start, at - 1);
      line += 1;
      start = blank > start ? blank + 1 : at;
    }
    return letters.length;
  }

  function cut(text, screen, name) {
    const size = SCREENS[SAME[screen] ?? screen][name];
    const letters = [...text];
    const count = fit(text, size);
    return { text: count < letters.length ? `${letters.slice(0, count).join("").trimEnd()}…` : text, count, isWhole: count >= letters.length };
  }

  const panelOf = (language) => (language ? [...root().querySelectorAll(".pa-translation")].find((one) => one.querySelector("input[name$=-language], input[data-pa-tag]").value.trim() === language) : undefined);

  // What the recipient who is chosen sees there, rendered by the server; nothing while nobody is.
  const sampleNow = () => (now.sample === "" ? undefined : readSamples()[Number(now.sample)]);
  const screenOf = (platform) => sampleNow()?.screens[platform];

  // What is said there: as the engine resolves it, a translation before the platform's own text.
  function readTexts(platform) {
    const sample = sampleNow();
    if (sample) return { ...sample.screens[platform], direction: sample.direction, language: sample.language };
    const panel = panelOf(now.language);
    const block = platform === "in_app" ? "" : platform;
    const read = (name) => panel?.querySelector(`[name$="-${name}"]`)?.value.trim() ?? "";
    const own = (name) => (panel && block && read(`${block}-${name}`)) || read(name);
    const text = (name) => own(name) || (block && value(`${block}.${name}`)) || value(name);
    return { title: text("title"), body: text("body"), direction: panel ? directionOf(now.language) : "auto", language: now.language || box().dataset.paDefault };
  }

  function readSingle(path) {
    const [platform, name] = path.split(".");
    const screen = screenOf(platform);
    return screen ? screen[name] : typedSingle(path);
  }

  const typedSingle = (path) => panelOf(now.language)?.querySelector(`[name$="-${path.replace(".", "-")}"]`)?.value.trim() || value(path);

  const directionOf = (tag) => (box().dataset.paRtl.split(" ").includes(tag.split("-")[0].toLowerCase()) ? "rtl" : "ltr");

  function readSamples() {
    const told = document.getElementById("pa-samples");
    return told ? JSON.parse(told.textContent) : [];
  }

  function put(phone, name, text) {
    phone.querySelectorAll(`[data-pa-show="${name}"]`).forEach((place) => {
      place.textContent = text || place.dataset.paElse || "";
      place.hidden = !place.textContent;
    });
  }

  // What holds a variable is no address yet.
  const isPicture = (url) => /^https:\/\/[^{]+$/.test(url ?? "");

  function picture(phone, name, url) {
    phone.querySelectorAll(`[data-pa-picture="${name}"]`).forEach((image) => {
      const isShown = isPicture(url) && isHere(image);
      image.hidden = !isShown;
      if (isShown && image.getAttribute("src") !== url) image.src = url;
    });
  }

  const isHere = (part) => !part.dataset.paOnly || part.dataset.paOnly.split(" ").includes(now.screens[now.platform]);

  // What is common and a platform has none of.
  const isLeftOut = (platform, name) => root().querySelector(`input[name="${platform}-without"][value="${name}"]`)?.checked ?? false;

  function readPictures(platform) {
    const screen = screenOf(platform);
    if (screen) return screen.pictures;
    const common = (name) => (isLeftOut(name, "image") ? "" : value("image"));
    const banner = value("android.banner") || common("android");
    const attached = value("ios.attachments").split(/\s/)[0] || common("ios");
    return { android: { image: value("android.image"), banner }, ios: { image: attached }, web: { image: value("web.image") || common("web"), icon: value("web.icon") }, in_app: { banner: banner || attached } }[platform];
  }

  function pictures(phone) {
    const found = readPictures(now.platform);
    Object.entries(found).forEach(([name, url]) => picture(phone, name, url));
    const letter = phone.querySelector("[data-pa-letter]");
    if (letter) letter.hidden = isPicture(found.icon);
  }

  // Titles of the buttons that hold there: a platform's own before the common ones, a translation's
  // in their order.
  function readButtons(platform) {
    const screen = screenOf(platform);
    if (screen) return screen.buttons;
    const own = value(`${platform}.buttons`);
    const panel = panelOf(now.language);
    const read = (name) => (panel?.querySelector(`[name$="-${name}"]`)?.value ?? "").trimEnd();
    const text = read(`${platform}-buttons`) || (own ? "" : read("buttons"));
    const titles = text.split("\n");
    const common = isLeftOut(platform, "buttons") ? "" : value("buttons");
    const lines = (own || common).split("\n").filter((line) => line.trim());
    return lines.slice(0, 3).map((line, at) => titles[at]?.trim() || window.paRows.readLine(line)[0]);
  }

  function drawButtons(phone, isQuiet, said) {
    const titles = now.platform === "in_app" ? [] : readButtons(now.platform);
    phone.querySelectorAll("[data-pa-buttons]").forEach((place) => {
      place.hidden = isQuiet || !titles.length || !isHere(place);
      place.dir = said.direction;
      place.lang = said.language;
      place.replaceChildren(...titles.map((title) => Object.assign(document.createElement("span"), { textContent: title })));
    });
  }

  // Why nothing would be seen there, or "".
  function findQuiet(platform) {
    const words = (name) => box().querySelector(`[data-pa-words-${name}]`).textContent;
    if (platform === "in_app") return value("in_app.style") ? "" : words("unused");
    if (value("in_app.only") === true) return words("only");
    return value(`${platform}.silent`) === true ? words("silent") : "";
  }

  function draw() {
    const phone = box()?.querySelector(`[data-pa-phone-of="${now.platform}"]`);
    if (!phone) return;
    const screen = now.screens[now.platform];
    box().querySelectorAll("[data-pa-phone-of]").forEach((other) => (other.hidden = other !== phone));
    phone.dataset.paScreen = screen;
    phone.querySelectorAll("[data-pa-only]:not(img)").forEach((part) => (part.hidden = !isHere(part)));
    const said = readTexts(now.platform);
    const key = `${now.platform}:${screen}`;
    const card = phone.querySelector("[data-pa-card]");
    card.dir = said.direction;
    card.lang = said.language;
    put(phone, "title", cut(said.title, key, "title").text);
    put(phone, "body", cut(said.body, key, "body").text || box().dataset.paEmpty);
    put(phone, "badge", now.platform === "ios" ? value("ios.badge") : "");
    put(phone, "subtitle", now.platform === "ios" ? readSingle("ios.subtitle") : "");
    ["dismiss_title", "open_title"].forEach((name) => put(phone, name, readSingle(`in_app.${name}`)));
    pictures(phone);
    const quiet = findQuiet(now.platform);
    phone.querySelectorAll("[data-pa-loud]").forEach((part) => (part.hidden = Boolean(quiet) && now.platform !== "in_app"));
    phone.querySelectorAll("[data-pa-quiet]").forEach((part) => {
      part.hidden = !quiet;
      part.textContent = quiet;
    });
    drawButtons(phone, Boolean(quiet), said);
    tellSize();
    press();
    tellCuts();
  }

  // What the gateway is sent of it, by the last check: of a recipient, or in a language.
  function tellSize() {
    const told = document.getElementById("pa-size-words");
    const sizes = (told && JSON.parse(told.textContent)[now.platform]) || {};
    const sample = sampleNow();
    const place = box().querySelector("[data-pa-preview-size]");
    const isOther = sample && sample.platform !== now.platform;
    place.textContent = (sample && !isOther ? sample.size : sizes[sample ? sample.language : now.language]) || "";
    place.hidden = !place.textContent;
  }

  function press() {
    const mark = (selector, isOn) => box().querySelectorAll(selector).forEach((button) => button.setAttribute("aria-pressed", String(isOn(button))));
    mark("[data-pa-preview-tab]", (button) => button.dataset.paPreviewTab === now.platform);
    mark("[data-pa-theme-of]", (button) => button.dataset.paThemeOf === now.theme);
    mark("[data-pa-surface]", (button) => button.dataset.paSurface === `${now.platform}:${now.screens[now.platform]}`);
    box().querySelectorAll("[data-pa-surface]").forEach((button) => (button.hidden = !button.dataset.paSurface.startsWith(`${now.platform}:`)));
    box().querySelector("[data-pa-stage]").dataset.paTheme = now.theme;
  }

  // Every screen's row: how much of the title and of the text is seen there.
  function tellCuts() {
    const data = box().dataset;
    let worst = "";
    box().querySelectorAll("[data-pa-cut-row]").forEach((row) => {
      const key = row.dataset.paCutRow;
      const platform = key.split(":")[0];
      const said = readTexts(platform);
      ["title", "body"].forEach((name, at) => {
        const found = cut(said[name], key, name);
        const words = found.isWhole ? data.paWhole : data.paCut.replace("%count%", String(found.count));
        row.cells[at + 1].textContent = said[name] ? words : "–";
        row.cells[at + 1].classList.toggle("pa-cut", !found.isWhole);
        if (!found.isWhole && name === "body" && !worst) worst = `${row.cells[0].textContent.trim()}: ${words}`;
      });
    });
    box().querySelector("[data-pa-cuts-worst]").textContent = worst;
    root().querySelectorAll("[data-pa-count]").forEach(countLetters);
  }

  // Under a title or a text: its length, and the screens that cut it.
  function countLetters(place) {
    const typed = document.getElementById(place.dataset.paCount);
    const name = place.dataset.paPart;
    // Code of a template is no text: what stands for a variable has a length of its own.
    const text = value("template") === "liquid" ? typed.value.replace(/\{%[\s\S]*?%\}|\{\{[\s\S]*?\}\}/g, "") : typed.value;
    const letters = [...text].length;
    const platforms = place.dataset.paOf ? [place.dataset.paOf] : ["android", "ios", "web"];
    const rows = [...box().querySelectorAll("[data-pa-cut-row]")].filter((row) => platforms.includes(row.dataset.paCutRow.split(":")[0]));
    const cutBy = rows.filter((row) => !cut(text, row.dataset.paCutRow, name).isWhole).map((row) => `${row.cells[0].textContent.trim()} (${cut(text, row.dataset.paCutRow, name).count})`);
    const said = letters === 1 ? box().dataset.paLetter : box().dataset.paLetters;
    place.textContent = letters ? `${letters} ${said}${cutBy.length ? ` · ${box().dataset.paCutBy} ${cutBy.join(", ")}` : ""}` : "";
    place.classList.toggle("pa-cut", cutBy.length > 0);
  }

  // The lists of languages and of recipients follow what there is.
  function refill(select, options, chosen) {
    const first = select.options[0];
    select.replaceChildren(first, ...options.map(([key, label]) => new Option(label, key)));
    select.value = options.some(([key]) => key === chosen) ? chosen : "";
    return select.value;
  }

  function tellWhy() {
    const place = box().querySelector("[data-pa-preview-why]");
    place.textContent = sampleNow()?.why ?? "";
    place.hidden = !place.textContent;
  }

  function refresh() {
    if (!box()) return;
    const tabs = [...document.querySelectorAll("#pa-languages [data-pa-language]")].filter((tab) => tab.dataset.paLanguage);
    const languages = tabs.map((tab) => [tab.dataset.paLanguage, tab.querySelector("[data-pa-language-name]").textContent]);
    const samples = readSamples();
    const chosen = now.sample === "" ? undefined : samples[Number(now.sample)];
    // Whoever it reaches reads it in one language, whichever was looked at before.
    now.language = refill(box().querySelector("[data-pa-preview-language]"), languages, chosen?.language ?? now.language);
    now.sample = refill(box().querySelector("[data-pa-preview-sample]"), samples.map((sample, at) => [String(at), sample.label]), now.sample);
    tellWhy();
    draw();
  }

  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest?.(selector);
    if (!at(".pa-preview")) return;
    if (at("[data-pa-preview-tab]")) now.platform = at("[data-pa-preview-tab]").dataset.paPreviewTab;
    if (at("[data-pa-theme-of]")) now.theme = at("[data-pa-theme-of]").dataset.paThemeOf;
    if (at("[data-pa-surface]")) now.screens[now.platform] = at("[data-pa-surface]").dataset.paSurface.split(":")[1];
    if (at("button")) draw();
  });
  document.addEventListener("pa:chosen", (event) => {
    const tab = event.detail;
    if (tab.dataset.paPhone) now.platform = tab.dataset.paPhone;
    if (tab.dataset.paLanguage !== undefined) now.language = tab.dataset.paLanguage;
    refresh();
  });
  document.addEventListener("input", (event) => {
    if (event.target.closest("#pa-compose-main, #pa-compose")) draw();
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-pa-preview-language]")) {
      now.language = event.target.value;
      now.sample = "";
    }
    if (event.target.matches("[data-pa-preview-sample]")) {
      now.sample = event.target.value;
      const sample = readSamples()[Number(now.sample)];
      if (now.sample !== "" && ["android", "ios", "web"].includes(sample?.platform)) now.platform = sample.platform;
    }
    if (event.target.matches("[data-pa-style], [data-pa-path='in_app.style']")) now.screens.in_app = event.target.value || now.screens.in_app;
    if (event.target.closest("#pa-compose")) refresh();
  });
  document.addEventListener("pa:drawn", refresh);
  document.addEventListener("pa:loaded", refresh);
  document.addEventListener("pa:restored", refresh);
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "pa-check") refresh();
  });
})();
