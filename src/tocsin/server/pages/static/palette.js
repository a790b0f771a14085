// The command palette: pages, what can be done on this page, the last ten pages, and what the search finds, by keys alone.
// It lists only what the page has and what the server says, so that it needs no rights of its own.
const dialog = document.getElementById("palette");
const RECENT = 10;
const SHOWN = 20;
const WAIT = 150; // milliseconds without a key before the search is asked
const ACTS = "main [data-palette], main [data-shortcut], main :is(.buttons, .row, nav.tabs, aside) :is(a, button), main form.act button";

const { search, visitor } = dialog?.dataset ?? {};
const field = document.getElementById("palette-field");
const list = document.getElementById("palette-list");
const status = document.getElementById("palette-status");
let local = [], shown = [], at = 0, timer = 0, asking = null, fuzzysort = null;

const key = `tocsin-recent-${visitor}`;
const words = (element) => (element.dataset.palette || element.getAttribute("aria-label") || element.textContent).replace(/\s+/g, " ").trim();
const here = () => document.body.dataset.page; // without what an address says for one time only

function recent() {
  try { return JSON.parse(localStorage.getItem(key)) ?? []; } catch { return []; }
}

// The page is noted by its heading; of a search what was searched for.
function note() {
  const name = document.querySelector("main h1")?.textContent.trim();
  const failed = performance.getEntriesByType("navigation")[0]?.responseStatus >= 400;
  if (!name || failed || document.body.dataset.drafts) return; // nor is an answer to a form a page to come back to
  const asked = new URLSearchParams(window.location.search).get("q");
  const others = recent().filter((one) => one.page !== here());
  try { localStorage.setItem(key, JSON.stringify([{ name: asked ? `${name}: ${asked}` : name, page: here() }, ...others].slice(0, RECENT))); } catch { /* a browser that keeps nothing */ }
}

// What is seen; a link also where it is folded: it needs nothing that is folded with it.
const offered = (one) => one.checkVisibility() || (one.href && one.closest("details")?.checkVisibility());

function gather() {
  const { onPage, recent: before, page } = dialog.dataset;
  const acts = [...document.querySelectorAll(ACTS)].filter((one) => offered(one) && !one.disabled && words(one));
  const pages = [...dialog.querySelectorAll("nav a")].map((one) => ({ kind: page, name: words(one), page: one.getAttribute("href") }));
  const known = new Set(pages.map((one) => one.page));
  return [
    ...acts.map((element) => ({ kind: onPage, name: words(element), element })),
    ...recent().filter((one) => one.page !== here() && !known.has(one.page)).map((one) => ({ kind: before, ...one })),
    ...pages,
  ];
}

function option(entry, place) {
  const item = document.createElement("li");
  item.id = `palette-${place}`;
  item.setAttribute("role", "option");
  const kind = Object.assign(document.createElement("span"), { className: "quiet", textContent: entry.kind });
  const name = Object.assign(document.createElement("bdi"), { textContent: entry.name });
  const detail = Object.assign(document.createElement("bdi"), { className: "quiet", textContent: entry.detail ?? "" });
  item.append(kind, name, detail);
  item.addEventListener("click", () => choose(entry));
  return item;
}

function mark(place) {
  at = shown.length ? (place + shown.length) % shown.length : 0;
  for (const [number, item] of [...list.children].entries()) item.setAttribute("aria-selected", String(number === at));
  const current = list.children[at];
  if (current) {
    field.setAttribute("aria-activedescendant", current.id);
    current.scrollIntoView({ block: "nearest" });
  } else field.removeAttribute("aria-activedescendant");
}

function show(entries) {
  shown = entries.slice(0, SHOWN);
  list.replaceChildren(...shown.map(option));
  status.textContent = shown.length ? dialog.dataset.found.replace("{n}", shown.length) : dialog.dataset.none;
  mark(0);
}

function matching(text) {
  if (!text) return local;
  if (fuzzysort) return fuzzysort.go(text, local, { key: "name", limit: 8, threshold: 0.4 }).map((found) => found.obj);
  return local.filter((one) => one.name.toLowerCase().includes(text.toLowerCase()));
}

async function ask(text, near) {
  asking = new AbortController();
  try {
    const answer = await fetch(`${search}.json?q=${encodeURIComponent(text)}`, { signal: asking.signal, headers: { accept: "application/json" } });
    if (!answer.ok || answer.redirected) return;
    const found = (await answer.json()).filter((one) => !near.some((other) => other.page === one.page));
    const before = at;
    show([...near, ...found]);
    mark(before); // what is chosen stays chosen
  } catch { /* typed on, or not reached: what is here stays */ }
}

function look() {
  clearTimeout(timer);
  asking?.abort();
  const text = field.value.trim();
  const near = matching(text);
  const all = text && search ? [{ kind: dialog.dataset.all, name: text, page: `${search}?q=${encodeURIComponent(text)}` }] : [];
  const entries = /[0-9.@:/]/.test(text) ? [...all, ...near] : [...near, ...all]; // what looks like an address is searched for first
  show(entries);
  if (all.length) timer = setTimeout(() => ask(text, entries), WAIT);
}

function choose(entry) {
  dialog.close();
  if (entry.element) {
    entry.element.focus();
    entry.element.click();
  } else window.location.assign(entry.page);
}

async function open() {
  if (dialog.open) return;
  local = gather();
  field.value = "";
  dialog.showModal();
  field.focus();
  look();
  if (!fuzzysort) {
    fuzzysort = await import(dialog.dataset.fuzzysort).catch(() => null);
    if (field.value) look();
  }
}

if (dialog) {
  note();
  const opener = document.getElementById("palette-open");
  opener.parentElement.hidden = false;
  opener.addEventListener("click", open);
  field.addEventListener("input", look);
  field.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) mark(at + step);
    else if (event.key === "Enter" && shown[at] && !event.isComposing) choose(shown[at]);
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => { clearTimeout(timer); asking?.abort(); });
  document.querySelector("form[action='/sign-out']")?.addEventListener("submit", () => { try { localStorage.removeItem(key); } catch { /* nothing kept */ } });
  import(dialog.dataset.tinykeys).then(({ tinykeys }) => tinykeys(window, { "$mod+k": (event) => { event.preventDefault(); open(); } }));
}
