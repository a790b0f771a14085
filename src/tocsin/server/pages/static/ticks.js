// Of the acts on ticked rows those can be pressed that a ticked row allows; without scripts, those that any row allows.
for (const form of document.querySelectorAll("form:has([data-allows])")) {
  const buttons = form.querySelectorAll("button[name=act]");
  const look = () => {
    const allowed = new Set([...form.querySelectorAll("[data-allows]:checked")].flatMap((box) => box.dataset.allows.split(" ")));
    for (const button of buttons) button.disabled = !allowed.has(button.value);
  };
  form.addEventListener("change", look);
  look();
}
