// Shortcuts of one key for those who work here all day. They are off while somebody types, and can be turned off (WCAG 2.1.4).
// What a page can do has data-shortcut="e": its key presses a button, follows a link, or goes to a field.
const dialog = document.getElementById("keys");
const on = document.getElementById("keys-on");
const opener = document.getElementById("keys-open");
const status = document.getElementById("keys-said");
const OFF = "tocsin-keys-off";
const LIST = "tocsin-list"; // the rows of the list that was left last
const ROWS = "main :is(table:not(.bars) tbody tr, [data-row])";
const WAIT = 1500; // milliseconds between g and the letter of a place
let going = 0;

const stored = () => { try { return localStorage.getItem(OFF) === null; } catch { return true; } };
const typing = (target) => target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
const entry = (row) => row.querySelector("a[href]") ?? row.querySelector("input[type=checkbox]");
const rows = () => [...document.querySelectorAll(ROWS)].filter((row) => entry(row) && row.checkVisibility());
const current = () => document.activeElement?.closest(ROWS);
const path = (link) => link.pathname + link.search;

// What one can do now: in the row with the focus, else on the page; never in a row that nobody chose.
function shortcuts() {
  const row = current();
  return [...document.querySelectorAll("main [data-shortcut]")].filter((one) => {
    const of = one.closest(ROWS);
    return (!of || of === row) && !one.disabled && one.checkVisibility();
  }).sort((one, other) => Boolean(other.closest(ROWS)) - Boolean(one.closest(ROWS)));
}

const label = (one) => (one.getAttribute("aria-label") ?? (one.labels?.[0] ?? one).textContent).trim();

function show() {
  if (dialog.open) return;
  const seen = new Map();
  for (const one of shortcuts()) if (!seen.has(one.dataset.shortcut)) seen.set(one.dataset.shortcut, label(one));
  document.getElementById("keys-here").replaceChildren(...[...seen].flatMap(([key, said]) => {
    const [term, does, cap] = ["dt", "dd", "kbd"].map((name) => document.createElement(name));
    cap.textContent = key;
    term.append(cap);
    does.textContent = said;
    return [term, does];
  }));
  dialog.showModal();
}

function press(key) {
  const one = shortcuts().find((known) => known.dataset.shortcut === key);
  if (!one) return false;
  choose(one.closest("form:has(.bulk)"));
  if (typing(one)) one.focus();
  else one.click();
  return true;
}

// An act on selected rows is for the row with the focus where none is selected.
function choose(form) {
  const box = current()?.querySelector("input[type=checkbox]");
  if (box && form?.contains(box) && !form.querySelector("input[type=checkbox]:checked")) box.click();
}

// The row with the focus, or the first; a row is entered at its first link, so that Enter opens it.
function move(step) {
  const all = rows();
  if (!all.length) return;
  const now = all.indexOf(current());
  entry(all[Math.min(Math.max(now < 0 ? 0 : now + step, 0), all.length - 1)]).focus();
}

function selectPage() {
  const whole = document.querySelector("main input[name=every][value=page]");
  if (whole) { whole.click(); return true; }
  const boxes = rows().map((row) => row.querySelector("input[type=checkbox]")).filter(Boolean);
  const all = boxes.every((box) => box.checked);
  for (const box of boxes) if (box.checked === all) box.click();
  return boxes.length > 0;
}

function filter() {
  const form = document.querySelector("main form[role=search], main form#filter");
  const first = form?.querySelector("input:not([type=hidden]), select");
  if (!first) return false;
  const folded = form.closest("details");
  if (folded) folded.open = true;
  first.focus();
  return true;
}

function find() {
  const field = document.getElementById("search");
  if (!field) return filter();
  field.focus();
  field.select();
  return true;
}

const list = () => { try { return JSON.parse(sessionStorage.getItem(LIST)); } catch { return null; } };

function place(known) {
  const at = known ? known.paths.indexOf(location.pathname + location.search) : -1;
  return at < 0 && known ? known.paths.indexOf(location.pathname) : at;
}

function leaf(step) {
  const known = list();
  const at = place(known);
  const next = at < 0 ? undefined : known.paths[at + step];
  if (next) location.assign(next);
  return Boolean(next);
}

function back() {
  const known = list();
  if (place(known) < 0) history.back();
  else location.assign(known.at);
  return true;
}

async function copy() {
  const named = current()?.querySelector("[data-reference], th[scope=row]") ?? document.querySelector("main [data-reference], main h1");
  const said = named?.dataset.reference || named?.textContent.trim();
  if (!said) return;
  await navigator.clipboard.writeText(said);
  status.textContent = `${document.getElementById("table-words").dataset.copied}: ${said}`;
  setTimeout(() => { status.textContent = ""; }, 2000);
}

const KEYS = {
  "?": () => { show(); return true; },
  "/": find,
  f: filter,
  j: () => { move(1); return true; },
  k: () => { move(-1); return true; },
  x: () => { const box = current()?.querySelector("input[type=checkbox]"); box?.click(); return Boolean(box); },
  X: selectPage,
  u: back,
  p: () => { const note = document.getElementById("phone-note"); note?.click(); return Boolean(note); },
  y: () => { copy(); return true; },
  "[": () => leaf(-1),
  "]": () => leaf(1),
};

function act(event) {
  const { key } = event;
  if (going && Date.now() - going < WAIT) {
    going = 0;
    const found = [...dialog.querySelectorAll("a[data-key]")].find((one) => one.dataset.key === key);
    if (found) location.assign(found.getAttribute("href"));
    return Boolean(found);
  }
  going = key === "g" ? Date.now() : 0;
  return key === "g" || press(key) || Boolean(Object.hasOwn(KEYS, key) && KEYS[key]());
}

function announce() {
  for (const one of document.querySelectorAll("main [data-shortcut]")) {
    if (on.checked) one.setAttribute("aria-keyshortcuts", one.dataset.shortcut);
    else one.removeAttribute("aria-keyshortcuts");
  }
}

if (dialog && on && opener) {
  on.checked = stored();
  announce();
  on.addEventListener("change", () => {
    try { if (on.checked) localStorage.removeItem(OFF); else localStorage.setItem(OFF, "1"); } catch { /* a browser that keeps nothing */ }
    announce();
  });
  opener.parentElement.hidden = false;
  opener.addEventListener("click", show);
  document.addEventListener("keydown", (event) => {
    if (!on.checked || document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (act(event)) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const row = event.target.closest?.("a[href]")?.closest(ROWS);
    if (!row) return;
    const paths = rows().map(entry).filter((one) => one.href).map(path);
    try { sessionStorage.setItem(LIST, JSON.stringify({ at: location.pathname + location.search, paths })); } catch { /* as above */ }
  });
}
