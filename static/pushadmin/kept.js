// A form that is sent when the login has expired loses nothing: its fields are kept in this window
// and offered again once somebody has signed in. Passwords and files are never kept.
(() => {
  const KEY = "pa-kept-form";

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-pa-keep]")) return;
    const isSecret = (name) => form.elements[name]?.matches?.("[type=password]");
    const fields = [...new FormData(form, event.submitter)].filter(
      ([name, value]) => typeof value === "string" && name !== "csrfmiddlewaretoken" && !isSecret(name),
    );
    const kept = { action: form.getAttribute("action") || location.pathname, fields };
    sessionStorage.setItem(KEY, JSON.stringify({ ...kept, page: location.pathname }));
  });

  const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  if (!kept) return;
  const note = document.getElementById("pa-kept-form");
  const hasSignedIn = URL.canParse(document.referrer) && new URL(document.referrer).pathname.endsWith("/login/");
  if (hasSignedIn && kept.page === location.pathname && note) offer(note);
  else sessionStorage.removeItem(KEY);

  function offer(note) {
    const form = note.querySelector("form");
    form.setAttribute("action", kept.action);
    for (const [name, value] of kept.fields) {
      const field = Object.assign(document.createElement("input"), { type: "hidden", name, value });
      form.append(field);
    }
    form.addEventListener("submit", () => sessionStorage.removeItem(KEY));
    note.hidden = false;
  }
})();
