// Rows that are selected: how many, all of a page or all that match at once, and which acts they allow.
// Without scripts the server reads the same fields, and buttons can be pressed that any row allows.
for (const form of document.querySelectorAll("form:has([data-allows])")) {
  const rows = [...form.querySelectorAll("[data-allows]")];
  const buttons = form.querySelectorAll("button[name=act]");
  const every = (of) => form.querySelector(`input[name=every][value=${of}]`);
  const [page, found] = [every("page"), every("found")];
  const said = form.querySelector("[data-selected]");
  const look = () => {
    const chosen = rows.filter((row) => row.checked);
    const all = found?.checked;
    const allowed = new Set(chosen.flatMap((row) => row.dataset.allows.split(" ")));
    for (const button of buttons) button.disabled = !all && !allowed.has(button.value);
    if (said?.dataset.selected) said.textContent = said.dataset.selected.replace("#", all ? found.dataset.count : chosen.length);
  };
  form.addEventListener("change", ({ target }) => {
    if (target === page || target === found) for (const row of rows) row.checked = target.checked;
    else if (target.dataset.allows !== undefined && !target.checked) for (const box of [page, found]) if (box) box.checked = false;
    look();
  });
  look();
}
