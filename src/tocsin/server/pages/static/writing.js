// While somebody types to a party, the draft is saved now and then, and who else is writing is shown.
const EVERY = 15000; // milliseconds between two savings
for (const form of document.querySelectorAll("form[data-draft]")) {
  let changed = false;
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("submit", () => { changed = false; });
  setInterval(async () => {
    if (!changed) return;
    changed = false;
    try {
      const answer = await fetch(form.dataset.draft, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" } });
      const { writing } = await answer.json();
      document.getElementById("writing").replaceChildren(...writing.map((said) => Object.assign(document.createElement("p"), { textContent: said })));
    } catch { changed = true; /* it is saved the next time */ }
  }, EVERY);
}
