// Rows that are selected: how many, all of a page or all that match at once, and which acts they allow.
// Without scripts the server reads the same fields, and buttons can be pressed that any row allows.
for (const form of document.querySelectorAll("form:has(.bulk, [data-allows])")) {
  const boxes = () => [...form.querySelectorAll(":is(tbody, [data-row]) input[type=checkbox]:not([name=every])")];
  const every = (of) => form.querySelector(`input[name=every][value=${of}]`);
  const [page, found] = [every("page"), every("found")];
  const buttons = form.querySelector("[data-allows]") ? form.querySelectorAll("button[name=act]") : [];
  const said = form.querySelector("[data-selected]");
  const look = () => {
    const chosen = boxes().filter((box) => box.checked);
    const all = found?.checked;
    const allowed = new Set(chosen.flatMap((box) => (box.dataset.allows ?? "").split(" ")));
    for (const button of buttons) button.disabled = !all && !allowed.has(button.value);
    if (said?.dataset.selected && (!all || found.dataset.count)) said.textContent = said.dataset.selected.replace("#", all ? found.dataset.count : chosen.length);
  };
  form.addEventListener("change", ({ target }) => {
    if (target === page || target === found) for (const box of boxes()) box.checked = target.checked;
    else if (boxes().includes(target) && !target.checked) for (const box of [page, found]) if (box) box.checked = false;
    look();
  });
  look();
}
