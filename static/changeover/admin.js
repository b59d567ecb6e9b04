"use strict";
// What Django's own scripts leave out: a name is heard only of what has a role.
window.addEventListener("load", () => {
  document.querySelectorAll("span.help-tooltip[aria-label]").forEach((icon) => icon.setAttribute("role", "img"));
});
