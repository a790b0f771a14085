// What somebody typed stays: over a change of language, an ended session and Back. It is kept in this tab alone, until it is
// sent, and put back only for whoever typed it. A form is sent once, however often its button is pressed.
const KEY = "tocsin-drafts";
const AGAIN = 5000; // milliseconds after which a form whose answer does not come may be sent again
const { visitor, page, drafts: answer } = document.body.dataset;
const forms = [...document.querySelectorAll("form[method=post]:not(.switch)")];
const name = (form) => [form.action, forms.filter((one) => one.action === form.action).indexOf(form)].join(" ");
const choice = (control) => /^(checkbox|radio)$/.test(control.type);
const sent = new WeakSet();
let leaving = ""; // what becomes of drafts when this page goes: "unsent" is put back on any visit, "left" by Back only

function read() {
  try { return JSON.parse(sessionStorage.getItem(KEY)) ?? []; } catch { return []; }
}

function write(drafts) {
  try { if (drafts.length) sessionStorage.setItem(KEY, JSON.stringify(drafts)); else sessionStorage.removeItem(KEY); } catch { /* a browser that keeps nothing */ }
}

function altered(control) {
  if (!control.name || control.closest(".switch") || "secret" in control.dataset || /^(hidden|password|file|submit|button|reset|fieldset|output)$/.test(control.type)) return false;
  if (answer === "keep") return true; // what a refusal gave back is the default of its field, and typed all the same
  if (choice(control)) return control.checked !== control.defaultChecked;
  if (control.options) return [...control.options].some((one) => one.selected !== one.defaultSelected) && control.selectedIndex !== Math.max([...control.options].findIndex((one) => one.defaultSelected), 0);
  return control.value !== control.defaultValue;
}

function draft(form, state) {
  const typed = [...form.elements].filter(altered).map((control) => [control.name, control.value, choice(control) ? control.checked : null]);
  return typed.length ? [{ visitor, page, form: name(form), state, typed }] : [];
}

function keep(state, only) {
  const others = read().filter((one) => one.page !== page || one.visitor !== visitor);
  write([...others, ...forms.flatMap((form) => draft(form, form === only ? "sent" : state))]);
}

function put(form, typed) {
  for (const [field, value, checked] of typed) {
    const control = [...form.elements].find((one) => one.name === field && (checked === null ? !choice(one) : choice(one) && one.value === value));
    if (!control) continue;
    if (checked === null) control.value = value;
    else control.checked = checked;
    for (const kind of ["input", "change"]) control.dispatchEvent(new Event(kind, { bubbles: true }));
    for (let part = control.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
  }
}

function restore() {
  const way = performance.getEntriesByType("navigation")[0]?.type;
  const back = way === "back_forward" || way === "reload";
  // What was sent and answered by a page is done. A page that asks to sign in first, or refuses, is no answer; who comes back to
  // the form before any page was there had none. What nobody typed is not for whoever signs in.
  const open = (one) => one.state !== "sent" || one.visitor !== visitor || answer === "keep" || back;
  const drafts = read().filter((one) => open(one) && (one.visitor || !visitor));
  for (const one of drafts) if (one.state === "sent") one.state = "unsent";
  let found = false;
  const others = drafts.filter((one) => {
    const form = one.visitor === visitor && one.page === page && (one.state === "unsent" || back) && forms.find((known) => name(known) === one.form);
    if (form) put(form, one.typed);
    found ||= Boolean(form);
    return !form;
  });
  write(others);
  for (const part of document.querySelectorAll("[data-kept]")) part.hidden = !(part.dataset.kept === "here" ? found : others.some((one) => one.state === "unsent"));
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (sent.has(form)) { event.preventDefault(); return; }
  sent.add(form);
  setTimeout(() => sent.delete(form), AGAIN);
  leaving = "unsent";
  const switching = form.matches(".switch") || event.submitter?.matches("[data-switch]");
  keep("unsent", switching ? null : form);
});

addEventListener("pagehide", () => { if (!leaving) keep("left"); });
addEventListener("pageshow", () => { leaving = ""; for (const form of document.forms) sent.delete(form); });

// A link that leaves no trace takes what was typed with it.
document.addEventListener("click", (event) => {
  if (!event.target.closest?.("[data-replace], [data-exit]")) return;
  leaving = "nothing";
  write([]);
}, true);

restore();
