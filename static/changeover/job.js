"use strict";
// Follows a job that has not ended: its text and tokens as they come, and the rest anew when its status changes.
{
  let events = null;

  const follow = () => {
    events?.close();
    events = null;
    const job = document.getElementById("job");
    if (!job?.dataset.events) return;
    const text = job.querySelector("[data-text]");
    events = new EventSource(job.dataset.events);
    events.addEventListener("text", (event) => {
      const { append, text: whole } = JSON.parse(event.data);
      if (whole !== undefined) text.textContent = whole;
      else text.append(append);
    });
    events.addEventListener("tokens", (event) => {
      job.querySelector("[data-tokens]").textContent = JSON.parse(event.data).tokens;
    });
    events.addEventListener("status", (event) => {
      const { status, is_finished: isFinished } = JSON.parse(event.data);
      if (isFinished) events.close();
      if (status !== job.dataset.status) htmx.trigger(job, "job-changed");
    });
  };

  follow();
  document.addEventListener("htmx:load", (event) => {
    if (event.detail.elt.id === "job") follow();
  });
}
