"use strict";
// For all pages: the token that htmx's requests need, what the user is told when one fails, and menus that close.
{
  const texts = () => document.getElementById("toasts").dataset;
  const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";
  const POLL_HEADER = "X-Changeover-Poll";
  const SHOWN_MS = 8000;

  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = meta("csrf-token");
  });

  const show = (text, { key = "", lasting = false } = {}) => {
    const box = document.getElementById("toasts");
    if (key && box.querySelector(`[data-key="${key}"]`)) return;
    const toast = document.createElement("div");
    toast.className = "message message-error";
    toast.dataset.key = key;
    toast.textContent = text;
    box.append(toast);
    if (!lasting) window.setTimeout(() => toast.remove(), SHOWN_MS);
  };
  const hide = (key) => document.querySelectorAll(`#toasts [data-key="${key}"]`).forEach((toast) => toast.remove());
  const isPoll = (event) => POLL_HEADER in (event.detail.requestConfig?.headers ?? {});

  const textFor = (status) => {
    if (status === 403) return texts().forbidden;
    if (status === 404) return texts().missing;
    if (status === 429) return texts().tooMany;
    return texts().failed;
  };
  // A poll that fails goes on, so it says once that it does, until it succeeds.
  document.addEventListener("htmx:responseError", (event) => {
    if (isPoll(event)) show(texts().stale, { key: "poll", lasting: true });
    else show(textFor(event.detail.xhr.status));
  });
  for (const name of ["htmx:sendError", "htmx:timeout"]) {
    document.addEventListener(name, (event) => {
      if (isPoll(event)) show(texts().stale, { key: "poll", lasting: true });
      else show(texts().unreachable);
    });
  }
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful && isPoll(event)) hide("poll");
  });

  // A hidden page needs no news.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && isPoll(event)) event.preventDefault();
  });
  // What was unfolded in a part stays so in the part that replaces it.
  let unfolded = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    unfolded = [...event.detail.target.querySelectorAll("details[id][open]")].map((details) => details.id);
  });
  document.addEventListener("htmx:afterSwap", () => {
    for (const id of unfolded.splice(0)) document.getElementById(id)?.setAttribute("open", "");
  });

  const closeMenus = (except) => {
    document.querySelectorAll("details.menu[open]").forEach((menu) => {
      if (menu !== except) menu.open = false;
    });
  };
  document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.activeElement?.closest("details.menu[open]");
    closeMenus();
    menu?.querySelector("summary").focus();
  });
}
