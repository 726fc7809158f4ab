// A form that is sent when the login has expired loses nothing: what was typed is kept in this
// window, and offered again to the same person once they have signed in. Passwords, files and
// forms that have them are never kept; compose and templates keep theirs themselves. With
// data-pa-keep="no" a form says that it is to be looked at anew.
(() => {
  const KEY = "pa-kept-form";
  const TYPED = "input:not([type=hidden], [type=submit], [type=button]), textarea, select";
  const SECRET = "[type=password], [autocomplete=current-password], [autocomplete=new-password], [autocomplete=one-time-code], [data-pa-secret]";
  const note = document.getElementById("pa-kept-form");

  function isKept(form) {
    if (!form.matches("[method=post]:not(#pa-compose-form, [data-pa-keep=no])")) return false;
    const fields = [...form.elements];
    const hasFile = fields.some((field) => field.type === "file" && field.value);
    const hasSecret = fields.some((field) => field.matches(SECRET));
    return !hasFile && !hasSecret && fields.some((field) => field.matches(TYPED));
  }

  document.addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    if (!note || event.defaultPrevented || !isKept(form)) return;
    const fields = [...new FormData(form, submitter)].filter(
      ([name, value]) => typeof value === "string" && name !== "csrfmiddlewaretoken",
    );
    const action = submitter?.getAttribute("formaction") || form.getAttribute("action") || location.pathname + location.search;
    const kept = { who: note.dataset.paUser, page: location.pathname, action, fields };
    try {
      sessionStorage.setItem(KEY, JSON.stringify(kept));
    } catch {
      sessionStorage.removeItem(KEY); // larger than a window keeps: it is sent all the same
    }
  });

  const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  if (!kept) return;
  // An address that only takes a form leads back to the page below which it is.
  const isBack = kept.page === location.pathname || (location.pathname !== "/" && kept.page.startsWith(location.pathname));
  const hasSignedIn = URL.canParse(document.referrer) && new URL(document.referrer).pathname.endsWith("/login/");
  const token = document.querySelector("[name=csrfmiddlewaretoken]");
  if (note && token && hasSignedIn && isBack && kept.who === note.dataset.paUser) offer();
  else sessionStorage.removeItem(KEY);

  function offer() {
    const form = document.createElement("form");
    form.method = "post";
    form.setAttribute("action", kept.action);
    for (const [name, value] of [[token.name, token.value], ...kept.fields]) {
      form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
    }
    note.append(form);
    note.querySelector("button").addEventListener("click", () => {
      sessionStorage.removeItem(KEY);
      HTMLFormElement.prototype.submit.call(form);
    });
    note.hidden = false;
  }
})();
