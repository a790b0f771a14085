// Shortcuts of one key for those who work here all day. They are off while somebody types, and can be turned off (WCAG 2.1.4).
const dialog = document.getElementById("keys");
const on = document.getElementById("keys-on");
const opener = document.getElementById("keys-open");
const OFF = "tocsin-keys-off";
const WAIT = 1500; // milliseconds between g and the letter of a place
let going = 0;

const stored = () => { try { return localStorage.getItem(OFF) === null; } catch { return true; } };
const typing = (target) => target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

function show() {
  if (!dialog.open) dialog.showModal();
}

// The row with the focus, or the first; a row is entered at its first link, so that Enter opens it.
function move(step) {
  const all = [...document.querySelectorAll("main .scroll tbody tr")].filter((row) => row.querySelector("a[href]") && row.checkVisibility());
  if (!all.length) return;
  const now = all.indexOf(document.activeElement?.closest("tr"));
  const next = all[Math.min(Math.max(now < 0 ? 0 : now + step, 0), all.length - 1)];
  next.querySelector("a[href]").focus();
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

function act(event) {
  const { key } = event;
  if (going && Date.now() - going < WAIT) {
    going = 0;
    const place = [...dialog.querySelectorAll("a[data-key]")].find((one) => one.dataset.key === key);
    if (place) window.location.assign(place.getAttribute("href"));
    return Boolean(place);
  }
  going = key === "g" ? Date.now() : 0;
  if (key === "?") show();
  else if (key === "/") return filter();
  else if (key === "j") move(1);
  else if (key === "k") move(-1);
  else return key === "g";
  return true;
}

if (dialog && on && opener) {
  on.checked = stored();
  on.addEventListener("change", () => {
    try { if (on.checked) localStorage.removeItem(OFF); else localStorage.setItem(OFF, "1"); } catch { /* a browser that keeps nothing */ }
  });
  opener.parentElement.hidden = false;
  opener.addEventListener("click", show);
  document.addEventListener("keydown", (event) => {
    if (!on.checked || dialog.open || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (act(event)) event.preventDefault();
  });
}
