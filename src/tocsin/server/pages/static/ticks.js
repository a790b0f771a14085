// Rows that are ticked: how many there are, all of the page at once, and which acts one of them allows.
// Without scripts the server takes all of the page, and the buttons are those that any row allows.
for (const form of document.querySelectorAll("form:has(.bulk, [data-allows])")) {
  const buttons = form.querySelectorAll("button[name=act]");
  const page = form.querySelector("input[name=every][value=page]");
  const said = form.querySelector("[data-selected]");
  const boxes = () => [...form.querySelectorAll(":is(tbody, [data-row]) input[type=checkbox]:not([name=every])")];
  const look = () => {
    const ticked = boxes().filter((box) => box.checked);
    if (said?.dataset.selected) said.textContent = `${said.dataset.selected} ${ticked.length}`;
    const rows = [...form.querySelectorAll("[data-allows]")];
    if (!rows.length) return;
    const allowed = new Set(rows.filter((box) => box.checked).flatMap((box) => box.dataset.allows.split(" ")));
    for (const button of buttons) button.disabled = !allowed.has(button.value);
  };
  form.addEventListener("change", (event) => {
    if (event.target === page) for (const box of boxes()) box.checked = page.checked;
    else if (page && boxes().includes(event.target)) page.checked = boxes().every((box) => box.checked);
    look();
  });
  look();
}
