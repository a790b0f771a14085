// Keeps a page's figures as they are now: hears that they changed, fetches them, and swaps what differs.
const board = document.getElementById("live-board");
const state = document.getElementById("live-state");
const said = document.getElementById("live-said");

// The state of the page in one sentence: said when it differs.
let standing = board.querySelector("[data-title]")?.dataset.title ?? "";
let stream = null;
let busy = false;
let again = false;
const FIRST = 100; // milliseconds before the first new try, and up to as many more: all pages of a server lose it at once
let wait = FIRST;

function show(name) {
  state.hidden = false;
  state.textContent = state.dataset[name];
  state.className = name === "on" ? "state-good" : name === "paused" ? "state-busy" : "state-wrong";
}

const token = () => board.querySelector("[data-token]")?.dataset.token ?? "";

// What had the focus is found again by its address, where it was replaced.
function focused() {
  const active = document.activeElement;
  if (!active || !board.contains(active)) return null;
  const section = active.closest("section[id]");
  const same = [...section.querySelectorAll("a, [tabindex]")].filter((one) => one.getAttribute("href") === active.getAttribute("href"));
  return { section: section.id, href: active.getAttribute("href"), place: same.indexOf(active) };
}

function focusAgain(before) {
  if (!before || board.contains(document.activeElement)) return;
  const section = document.getElementById(before.section);
  const same = [...(section?.querySelectorAll("a, [tabindex]") ?? [])].filter((one) => one.getAttribute("href") === before.href);
  (same[before.place] ?? same[0] ?? document.getElementById("main"))?.focus({ preventScroll: true });
}

// Replaces only the sections that say something else now: nothing else on the page moves.
function swap(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const before = focused();
  for (const section of fresh.querySelectorAll("section[id]")) {
    const old = document.getElementById(section.id);
    if (old && old.outerHTML !== section.outerHTML) {
      const scrolled = [...old.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
      const now = document.importNode(section, true);
      old.replaceWith(now);
      now.querySelectorAll(".scroll").forEach((one, place) => { one.scrollLeft = scrolled[place] ?? 0; });
    }
  }
  focusAgain(before);
  const state = fresh.querySelector("[data-title]")?.dataset.title ?? "";
  if (state && state !== standing) {
    standing = state;
    said.textContent = state;
  }
}

// Tries it again: at once, then slowly. Another server may be there already.
function later(act) {
  show("off");
  setTimeout(() => { if (!document.hidden) act(); }, wait * (1 + Math.random()));
  wait = Math.min(2 * wait, 15000);
}

async function refresh() {
  if (busy) { again = true; return; }
  busy = true;
  let failed = false;
  try {
    // A redirect leads to where one signs in; its status is 0 here.
    const answer = await fetch(board.dataset.board + location.search, { redirect: "manual", headers: { accept: "text/html" } });
    if (answer.ok) {
      swap(await answer.text());
      if (stream?.readyState === EventSource.OPEN) show("on");
    } else if (answer.status < 500) { close(); show("ended"); } else failed = true;
  } catch { failed = true; }
  busy = false;
  if (failed) later(refresh);
  else if (again) { again = false; await refresh(); }
}

function close() {
  stream?.close();
  stream = null;
}

function open() {
  if (stream) return;
  stream = new EventSource(board.dataset.stream);
  stream.addEventListener("open", () => show("on"));
  stream.addEventListener("state", (message) => { wait = FIRST; if (message.data !== token() || heard) refresh(); heard = true; });
  stream.addEventListener("ended", () => { close(); show("ended"); });
  // Not left to the browser: each has a pause of its own, and gives up for good when the answer is no stream.
  stream.addEventListener("error", () => { heard = false; close(); later(open); });
}

// The first message of a connection only says what is: the figures are fetched where they differ from the page's.
let heard = false;

document.addEventListener("visibilitychange", () => {
  if (document.hidden) { close(); heard = false; show("paused"); } else open();
});
if (!document.hidden) open();
