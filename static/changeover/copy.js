"use strict";
// Buttons with data-copy="<selector>": copy the text of that element; ".text" is looked for in the button's bubble.
// They are hidden until this script is there.
{
  const SHOWN_MS = 2000;
  const reveal = (root) => root.querySelectorAll("[data-copy][hidden]").forEach((button) => (button.hidden = false));

  const source = (button) => (button.closest(".bubble") ?? document).querySelector(button.dataset.copy);

  // Without HTTPS there is no clipboard: the text is selected, so that Ctrl+C copies it.
  const select = (element) => window.getSelection().selectAllChildren(element);

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const element = source(button);
    try {
      await navigator.clipboard.writeText(element.textContent);
    } catch {
      select(element);
      return;
    }
    const label = button.textContent;
    if (label === button.dataset.copied) return;
    button.textContent = button.dataset.copied;
    window.setTimeout(() => (button.textContent = label), SHOWN_MS);
  });

  reveal(document);
  document.addEventListener("htmx:load", (event) => reveal(event.detail.elt));
}
