// Keeps a page's figures as they are now: hears that they changed, fetches them, and swaps what differs.
const board = document.getElementById("live-board");
const state = document.getElementById("live-state");
const said = document.getElementById("live-said");

// The state of the page in one sentence: said when it differs.
let standing = board.querySelector("[data-title]")?.dataset.title ?? "";
let stream = null;
let busy = false;
let again = false;
let wait = 1000; // milliseconds

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

async function refresh() {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const answer = await fetch(board.dataset.board + location.search, { redirect: "error", headers: { accept: "text/html" } });
    if (answer.ok) swap(await answer.text());
    else if (answer.status < 500) { close(); show("ended"); }
  } catch { show("off"); }
  busy = false;
  if (again) { again = false; await refresh(); }
}

function close() {
  stream?.close();
  stream = null;
}

function open() {
  if (stream) return;
  stream = new EventSource(board.dataset.stream);
  stream.addEventListener("open", () => { wait = 1000; show("on"); });
  stream.addEventListener("state", (message) => { if (message.data !== token() || heard) refresh(); heard = true; });
  stream.addEventListener("ended", () => { close(); show("ended"); });
  stream.addEventListener("error", () => {
    heard = false;
    show("off");
    // A browser gives up for good when the answer is no stream; we try again, slowly.
    if (stream?.readyState === EventSource.CLOSED) { close(); setTimeout(() => { if (!document.hidden) open(); }, wait); wait = Math.min(2 * wait, 15000); }
  });
}

// The first message of a connection only says what is: the figures are fetched where they differ from the page's.
let heard = false;

document.addEventListener("visibilitychange", () => {
  if (document.hidden) { close(); heard = false; show("paused"); } else open();
});
if (!document.hidden) open();
