"use strict";
// The form of a language model: of the fields only those that the chosen provider takes, with its defaults.
// Without this script all are there.
{
  const start = () => {
    const choices = [...document.querySelectorAll('input[type="radio"][name="provider"]')];
    if (!choices.length) return;

    const row = (element) => element?.closest(".form-row");
    const field = (name) => document.getElementById(`id_${name}`);
    // What is wrong, or stored already, stays to be seen.
    const show = (part, isShown) => {
      if (part) part.hidden = !isShown && !part.querySelector(".errorlist, [data-stored]");
    };

    const follow = () => {
      const chosen = choices.find((choice) => choice.checked);
      if (!chosen) return;
      for (const element of document.querySelectorAll("[data-providers]")) {
        show(row(element), element.dataset.providers.split(" ").includes(chosen.value));
      }
      for (const fieldset of document.querySelectorAll("fieldset.of-provider")) {
        fieldset.hidden = [...fieldset.querySelectorAll(".form-row")].every((each) => each.hidden);
      }
      show(document.querySelector("fieldset.takes-key"), chosen.dataset.takesKey === "yes");
      show(row(field("endpoint_url")), chosen.dataset.takesEndpoint === "yes" || field("endpoint_url")?.value);
      field("endpoint_url")?.setAttribute("placeholder", chosen.dataset.endpoint);
      field("model_name")?.setAttribute("placeholder", chosen.dataset.model);
    };

    choices.forEach((choice) => choice.addEventListener("change", follow));
    follow();
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
}
