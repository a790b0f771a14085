// Beside each time, which is UTC, what the clock of this browser shows then: where a pointer rests, and for all who read it.
const clock = new Intl.DateTimeFormat(document.documentElement.lang || undefined, { dateStyle: "medium", timeStyle: "short" });
const zone = new Intl.DateTimeFormat(document.documentElement.lang || undefined, { timeZoneName: "short", hour: "numeric" });
const here = (at) => zone.formatToParts(at).find((part) => part.type === "timeZoneName")?.value ?? "";

function addLocal(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
    const at = new Date(time.dateTime);
    // A day without an hour is the same day everywhere.
    if (time.dateTime.includes("T") && !Number.isNaN(at.getTime())) time.title = `${clock.format(at)} ${here(at)}`;
  }
}

addLocal(document);
// Pages that keep themselves fresh bring new times.
new MutationObserver((changes) => {
  for (const change of changes) for (const node of change.addedNodes) if (node instanceof Element) addLocal(node.parentElement ?? node);
}).observe(document.body, { childList: true, subtree: true });
