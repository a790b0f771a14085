// The button that undoes goes when its time is over; the server would refuse it then.
for (const notice of document.querySelectorAll("[data-undo]")) {
  setTimeout(() => notice.querySelector("form")?.remove(), 1000 * Number(notice.dataset.undo));
}
